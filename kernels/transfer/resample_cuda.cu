// SPDX-License-Identifier: MIT
// Separable resampling in one pass: a thread gathers the sources of one pack of channels, 4 of them
// for bilinear, 9 for full weighting. Bound by memory: the sources of neighbouring pixels are the
// same, and the first-level cache has them. Sums have the order of the CPU: rows first.
#include <bit>
#include <vector>

#include "kernels/device_table.h"
#include "kernels/simt/simt.h"
#include "kernels/transfer/transfer.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// A source and its weight.
struct Tap {
  std::int32_t index;
  float weight;
};

// A Stencil in memory of the device: taps[begin[i]] to taps[begin[i + 1]] are those of point i.
struct DeviceStencil {
  const std::int32_t* begin;
  const Tap* taps;
};

DeviceStencil to_device(const Stencil& a, const Device& device) {
  if (a.taps() >= std::int64_t{1} << 31 || a.in >= std::int64_t{1} << 31) {
    raise("resample", "expected less than 2^31 sources, got {} of {}", a.taps(), a.in);
  }
  // One table: where the points begin, rounded up to whole taps, and the taps.
  std::vector<std::int32_t> words(a.begin.begin(), a.begin.end());
  words.resize((words.size() + 1) / 2 * 2);
  const std::size_t first = words.size();
  for (std::size_t k = 0; k < a.index.size(); ++k) {
    words.push_back(static_cast<std::int32_t>(a.index[k]));
    words.push_back(std::bit_cast<std::int32_t>(static_cast<float>(a.weight[k])));
  }
  const auto* table = device_table(std::span<const std::int32_t>(words), device);
  return {table, reinterpret_cast<const Tap*>(table + first)};
}

// sum += sum over the rows' taps of weight x[row, :].
template <int width, class T>
__device__ __forceinline__ void column_sum(const Tap* taps, int count, std::int64_t stride,
                                           const T* x, float (&sum)[width]) {
  for (int k = 0; k < count; ++k) {
    const Tap tap = taps[k];
    const auto value = load<width>(x + tap.index * stride);
    TELESCOPE_UNROLL
    for (int i = 0; i < width; ++i) {
      const auto v = static_cast<float>(value[i]);
      sum[i] = fmaf(tap.weight, v, sum[i]);
    }
  }
}

template <int width, class T>
__global__ void resample_kernel(TransferShape s, DeviceStencil rows, DeviceStencil columns,
                                const T* __restrict__ x, T* __restrict__ y) {
  const auto c = static_cast<unsigned>(s.c), e = row_item() * width;
  const std::int64_t length = s.out_w * s.c, in_length = s.w * s.c;
  if (e >= length) return;
  const unsigned j = e / c, channel = e - j * c;
  const int first_column = columns.begin[j], end_column = columns.begin[j + 1];
  for (std::int64_t r = first_row(); r < s.n * s.out_h; r += row_stride()) {
    const std::int64_t image = r / s.out_h, i = r - image * s.out_h;
    const int first = rows.begin[i], count = rows.begin[i + 1] - first;
    const T* from = x + image * s.h * in_length + channel;
    float sum[width] = {};
    for (int l = first_column; l < end_column; ++l) {
      const Tap tap = columns.taps[l];
      float inner[width] = {};
      column_sum<width>(rows.taps + first, count, in_length, from + std::int64_t{tap.index} * c,
                        inner);
      TELESCOPE_UNROLL
      for (int k = 0; k < width; ++k) {
        sum[k] = fmaf(tap.weight, inner[k], sum[k]);
      }
    }
    Pack<T, width> result;
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) result[k] = static_cast<T>(sum[k]);
    store(y + r * length + e, result);
  }
}

template <class T>
void gather(const Stream& stream, const TransferShape& s, const DeviceStencil& rows,
            const DeviceStencil& columns, const T* x, T* y) {
  with_width<T>(
      s.c % pack_width<T> == 0,
      [&]<int width>() {
        const RowGrid at(s.n * s.out_h, s.out_w * (s.c / width));
        launch<resample_kernel<width, T>>(stream, at.grid, at.block, 0, s, rows, columns, x, y);
      },
      x, y);
}

}  // namespace

template <class T>
void resample(const Stream& stream, const TransferShape& s, const Stencil& rows,
              const Stencil& columns, const T* x, T* y) {
  if (s.out_size() == 0) return;
  gather(stream, s, to_device(rows, stream.device()), to_device(columns, stream.device()), x, y);
}

#define TELESCOPE_INSTANTIATE(T)                                                              \
  template void resample(const Stream&, const TransferShape&, const Stencil&, const Stencil&, \
                         const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
