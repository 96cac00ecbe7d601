// SPDX-License-Identifier: MIT
// The end of the tensor-core convolution: bias and activation in registers, then by way of shared
// memory, so that whole lines of 16-byte words are stored.
#pragma once

#include "kernels/conv2d/conv2d_tensor_core.h"
#include "kernels/conv2d/conv2d_tensor_core_gather.h"
#include "kernels/conv2d/conv2d_tensor_core_product.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core {

__device__ __forceinline__ float activated(float x, Epilogue epilogue) {
  switch (epilogue.activation) {
    case Epilogue::Activation::leaky_relu:
      return x > 0 ? x : epilogue.a * x;
    case Epilogue::Activation::silu:
      return x / (1 + expf(-x));
    case Epilogue::Activation::none:
      break;
  }
  return x;
}

/// Elements of a row of outputs in shared memory: lanes store pairs to 32 different banks.
template <class Tile>
inline constexpr int output_pitch = padded(Tile::n);
template <class T, class Tile>
inline constexpr int output_bytes = Tile::m* output_pitch<Tile>* static_cast<int>(sizeof(T));

/// A warp's sums, finished, to the block's tile of outputs.
template <class T, class Tile>
__device__ __forceinline__ void stage_outputs(const Gather<T>& gather, Epilogue epilogue,
                                              int first_column, const Sums<Tile>& sums,
                                              T* outputs) {
  const int lane = lane_number(), warp = warp_number(), g = lane / 4, t = lane % 4;
  const int row = warp_row(warp, Tile::warps_n, Tile::warp_m) + g;
  const int column = warp_column(warp, Tile::warps_n, Tile::warp_n) + 2 * t;
  TELESCOPE_UNROLL
  for (int j = 0; j < Tile::n_tiles; ++j) {
    const int c = column + 8 * j;
    float bias[2] = {0, 0};
    TELESCOPE_UNROLL
    for (int q = 0; q < 2; ++q) {
      if (gather.bias && first_column + c + q < gather.k) {
        bias[q] = gather.bias[first_column + c + q];
      }
    }
    TELESCOPE_UNROLL
    for (int i = 0; i < 2 * Tile::m_tiles; ++i) {
      const float* of = sums.of[i / 2][j] + i % 2 * 2;
      store(outputs + (row + 8 * i) * output_pitch<Tile> + c,
            Pack<T, 2>{{static_cast<T>(activated(of[0] + bias[0], epilogue)),
                        static_cast<T>(activated(of[1] + bias[1], epilogue))}});
    }
  }
}

/// The tile of outputs to `pixels` of y (-1: none), `width` elements at a time.
template <int width, class T, class Tile>
__device__ __forceinline__ void write_outputs(const Gather<T>& gather, int first_column,
                                              const std::int64_t* pixels, const T* outputs, Tile) {
  constexpr int columns = Tile::n / width;
  const int left = gather.k - first_column;
  for (int i = static_cast<int>(threadIdx.x); i < Tile::m * columns; i += threads) {
    const int row = i / columns, column = i % columns * width;
    const std::int64_t pixel = pixels[row];
    if (pixel < 0 || column >= left) continue;
    store(gather.y + pixel * gather.k + first_column + column,
          load<width>(outputs + row * output_pitch<Tile> + column));
  }
}

/// Bias and activation applied to the sums, and they stored. `outputs` may have been a stage.
template <class T, class Tile>
__device__ __forceinline__ void finish(const Gather<T>& gather, Epilogue epilogue, int first_column,
                                       const std::int64_t* pixels, const Sums<Tile>& sums,
                                       T* outputs) {
  wait_copies<0>();
  __syncthreads();  // others may still read the last slice
  stage_outputs<T, Tile>(gather, epilogue, first_column, sums, outputs);
  __syncthreads();
  if (gather.wide_stores) {
    write_outputs<chunk_elements<T>>(gather, first_column, pixels, outputs, Tile());
  } else {
    write_outputs<1>(gather, first_column, pixels, outputs, Tile());
  }
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core
