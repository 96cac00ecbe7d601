// SPDX-License-Identifier: MIT
// The first two kernels are bound by arithmetic alone: all they use is in registers, twelve chains
// (eight fragments) a thread and all the threads a multiprocessor holds hide the latency, and loops
// are unrolled until their own instructions do not count. The copy is bound by memory alone.
#include "kernels/probe/probe.h"

#include "kernels/simt/simt.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256, blocks_of_multiply_add = 8, blocks_of_products = 4;
constexpr int chains = 12, fragments = 8, unrolled = 16;

__device__ __forceinline__ void one_round(float (&x)[chains]) {
  TELESCOPE_UNROLL
  for (int c = 0; c < chains; ++c) x[c] = fmaf(x[c], 0.5f, 0.5f);
}

__global__ void __launch_bounds__(threads, blocks_of_multiply_add)
    multiply_add_kernel(std::int64_t rounds, double* partial) {
  float x[chains];
  TELESCOPE_UNROLL
  for (int c = 0; c < chains; ++c)
    x[c] = static_cast<float>(c) + static_cast<float>(threadIdx.x % 2);
  std::int64_t round = 0;
  for (; round + unrolled <= rounds; round += unrolled) {
    TELESCOPE_UNROLL
    for (int i = 0; i < unrolled; ++i) one_round(x);
  }
  for (; round < rounds; ++round) one_round(x);
  double sum = 0;
  TELESCOPE_UNROLL
  for (int c = 0; c < chains; ++c) sum += static_cast<double>(x[c]);
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// Factors in [1, 2) with all bits of their mantissas in use, as data have them: zeros would draw less
// power and let the clock rise.
template <Precision precision>
__device__ __forceinline__ std::uint32_t factor(std::uint32_t number) {
  const std::uint32_t bits = (threadIdx.x * 6 + number + 1) * 2654435761u;
  if constexpr (precision == Precision::tf32) return 0x3f800000u | (bits & 0x007fe000u);
  return 0x3f803f80u | (bits >> 8 & 0x007f007fu);
}

template <Precision precision>
__device__ __forceinline__ void one_product(float (&d)[4], const std::uint32_t (&a)[4],
                                            const std::uint32_t (&b)[2]) {
  if constexpr (precision == Precision::tf32) {
    mma_tf32(d, a, b);
  } else {
    mma_bf16(d, a, b);
  }
}

template <Precision precision>
__global__ void __launch_bounds__(threads, blocks_of_products)
    products_kernel(std::int64_t rounds, double* partial) {
  std::uint32_t a[4], b[2];
  TELESCOPE_UNROLL
  for (std::uint32_t i = 0; i < 4; ++i) a[i] = factor<precision>(i);
  TELESCOPE_UNROLL
  for (std::uint32_t i = 0; i < 2; ++i) b[i] = factor<precision>(4 + i);
  float d[fragments][4] = {};
  std::int64_t round = 0;
  for (; round + 4 <= rounds; round += 4) {
    TELESCOPE_UNROLL
    for (int i = 0; i < 4 * fragments; ++i) one_product<precision>(d[i % fragments], a, b);
  }
  for (; round < rounds; ++round) {
    TELESCOPE_UNROLL
    for (int i = 0; i < fragments; ++i) one_product<precision>(d[i], a, b);
  }
  double sum = 0;
  TELESCOPE_UNROLL
  for (int i = 0; i < 4 * fragments; ++i) sum += static_cast<double>(d[i / 4][i % 4]);
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(threads) sum_kernel(int n, const double* partial, float* sum) {
  double mine = 0;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += threads) mine += partial[i];
  mine = block_sum<threads>(mine);
  if (threadIdx.x == 0) *sum = static_cast<float>(mine);
}

// A block copies `packs` packs of 16 bytes a thread, all loads before the first store; the last block
// also what is left of a pack.
constexpr int packs = 4;
using Bytes16 = Pack<std::uint32_t, 4>;

__global__ void __launch_bounds__(threads)
    copy_kernel(std::int64_t bytes, const std::byte* __restrict__ from,
                std::byte* __restrict__ to) {
  const std::int64_t whole = bytes / 16;
  const std::int64_t first = std::int64_t{blockIdx.x} * packs * threads + threadIdx.x;
  const auto* const source = reinterpret_cast<const std::uint32_t*>(from);
  auto* const target = reinterpret_cast<std::uint32_t*>(to);
  Bytes16 pack[packs];
  TELESCOPE_UNROLL
  for (int i = 0; i < packs; ++i) {
    if (first + i * threads < whole) pack[i] = load<4>(source + 4 * (first + i * threads));
  }
  TELESCOPE_UNROLL
  for (int i = 0; i < packs; ++i) {
    if (first + i * threads < whole) store(target + 4 * (first + i * threads), pack[i]);
  }
  const std::int64_t rest = whole * 16 + threadIdx.x;
  if (blockIdx.x == gridDim.x - 1 && rest < bytes) to[rest] = from[rest];
}

__global__ void __launch_bounds__(threads)
    copy_bytes_kernel(std::int64_t bytes, const std::byte* from, std::byte* to) {
  for (std::int64_t i = grid_thread(); i < bytes; i += grid_threads()) to[i] = from[i];
}

unsigned multiprocessors([[maybe_unused]] const Stream& stream) {
  int count = 1;  // of the simulator
#if defined(__CUDACC__)
  const cudaError_t status =
      cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, stream.device().index);
  TELESCOPE_CHECK(status == cudaSuccess, "probe", "cannot tell the number of multiprocessors: {}",
                  cudaGetErrorString(status));
#endif
  return static_cast<unsigned>(count);
}

template <auto kernel>
std::int64_t run(const Stream& stream, unsigned blocks, std::int64_t rounds, float* sum) {
  const Workspace<double> partial(blocks, stream.device());
  launch<kernel>(stream, blocks, threads, 0, rounds, partial.data());
  launch<sum_kernel>(stream, 1, threads, 0, static_cast<int>(blocks), partial.data(), sum);
  return rounds * blocks * threads;
}

}  // namespace

std::int64_t probe_multiply_add(const Stream& stream, std::int64_t rounds, float* sum) {
  const unsigned blocks = blocks_of_multiply_add * multiprocessors(stream);
  return 2 * chains * run<multiply_add_kernel>(stream, blocks, rounds, sum);
}

std::int64_t probe_products(const Stream& stream, Precision precision, std::int64_t rounds,
                            float* sum) {
  const unsigned blocks = blocks_of_products * multiprocessors(stream);
  if (precision == Precision::tf32) {
    constexpr std::int64_t flop = 2 * 16 * 8 * 8;  // of a product by a warp
    return flop * fragments * run<products_kernel<Precision::tf32>>(stream, blocks, rounds, sum) /
           32;
  }
  constexpr std::int64_t flop = 2 * 16 * 8 * 16;
  return flop * fragments * run<products_kernel<Precision::bf16>>(stream, blocks, rounds, sum) / 32;
}

void probe_copy(const Stream& stream, std::int64_t bytes, const std::byte* from, std::byte* to) {
  if (bytes == 0) return;
  if (aligned_to(16, from, to)) {
    launch<copy_kernel>(stream, blocks_for(bytes / 16 + 1, packs * threads), threads, 0, bytes,
                        from, to);
  } else {
    launch<copy_bytes_kernel>(stream, blocks_for(bytes, threads), threads, 0, bytes, from, to);
  }
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
