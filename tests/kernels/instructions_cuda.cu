// SPDX-License-Identifier: MIT
// The kernels of tests/kernels/instructions.cpp, compiled twice as every kernel is.
#include "tests/kernels/instructions.h"

#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// --- tensor cores ---------------------------------------------------------------------------------

__device__ void gather_tf32(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t (&as)[4],
                            std::uint32_t (&bs)[2]) {
  const int g = lane_number() / 4, t = lane_number() % 4;
  for (int i = 0; i < 4; ++i) as[i] = a[(g + 8 * (i % 2)) * 8 + t + 4 * (i / 2)];
  for (int i = 0; i < 2; ++i) bs[i] = b[(t + 4 * i) * 8 + g];
}

__device__ void gather_16_bits(const std::uint16_t* a, const std::uint16_t* b,
                               std::uint32_t (&as)[4], std::uint32_t (&bs)[2]) {
  const int g = lane_number() / 4, t = lane_number() % 4;
  for (int i = 0; i < 4; ++i) {
    const std::uint16_t* const pair = a + (g + 8 * (i % 2)) * 16 + 2 * t + 8 * (i / 2);
    as[i] = pair[0] | std::uint32_t{pair[1]} << 16;
  }
  for (int i = 0; i < 2; ++i) {
    const std::uint16_t* const pair = b + (2 * t + 8 * i) * 8 + g;
    bs[i] = pair[0] | std::uint32_t{pair[8]} << 16;
  }
}

template <Factors factors>
__global__ void multiply_kernel(const void* a, const void* b, float* d) {
  const int g = lane_number() / 4, t = lane_number() % 4, warp = warp_number();
  std::uint32_t as[4], bs[2];
  if constexpr (factors == Factors::tf32) {
    gather_tf32(static_cast<const std::uint32_t*>(a) + warp * 16 * 8,
                static_cast<const std::uint32_t*>(b) + warp * 8 * 8, as, bs);
  } else {
    gather_16_bits(static_cast<const std::uint16_t*>(a) + warp * 16 * 16,
                   static_cast<const std::uint16_t*>(b) + warp * 16 * 8, as, bs);
  }
  float* const rows[2] = {d + (warp * 16 + g) * 8 + 2 * t, d + (warp * 16 + g + 8) * 8 + 2 * t};
  float ds[4] = {rows[0][0], rows[0][1], rows[1][0], rows[1][1]};
  if constexpr (factors == Factors::tf32) {
    mma_tf32(ds, as, bs);
  } else if constexpr (factors == Factors::bf16) {
    mma_bf16(ds, as, bs);
  } else {
    mma_f16(ds, as, bs);
  }
  for (int i = 0; i < 4; ++i) rows[i / 2][i % 2] = ds[i];
}

// Rows lie 48 bytes apart and out of order: an address for each is all that counts.
template <bool transposed>
__global__ void load_matrices_kernel(const std::uint16_t* rows, std::uint32_t* words) {
  struct Memory {
    std::uint16_t rows[32][24];
  };
  auto& memory = shared<Memory>().rows;
  const int lane = lane_number(), place = lane * 5 % 32;
  for (int i = 0; i < 8; ++i) memory[place][i] = rows[lane * 8 + i];
  __syncthreads();
  std::uint32_t loaded[4];
  ldmatrix<transposed>(loaded, &memory[place][0]);
  for (int i = 0; i < 4; ++i) words[lane * 4 + i] = loaded[i];
}

// --- memory ---------------------------------------------------------------------------------------

template <int bytes>
__global__ void copy_parts_kernel(const std::uint8_t* from, std::uint8_t* to) {
  struct alignas(16) Memory {
    std::uint8_t bytes_of[64][bytes];
  };
  auto& memory = shared<Memory>().bytes_of;
  const auto i = static_cast<int>(threadIdx.x);
  for (int b = 0; b < bytes; ++b) memory[i][b] = 0xee;
  __syncthreads();
  copy_async<bytes>(&memory[i][0], from + i * bytes, i % (bytes + 1));
  commit_copies();
  wait_copies<0>();
  __syncthreads();
  const int other = 63 - i;  // what a neighbour copied is seen after the barrier
  for (int b = 0; b < bytes; ++b) to[other * bytes + b] = memory[other][b];
}

__global__ void copy_in_groups_kernel(const float* from, float* to) {
  struct Memory {
    float groups[3][256];
  };
  auto& groups = shared<Memory>().groups;
  const auto i = static_cast<int>(threadIdx.x);
  for (int group = 0; group < 3; ++group) {
    copy_async<4>(&groups[group][i], from + group * 256 + i);
    commit_copies();
  }
  const int other = 255 - i;
  wait_copies<2>();
  __syncthreads();
  to[other] = groups[0][other];
  wait_copies<1>();
  __syncthreads();
  to[256 + other] = groups[1][other];
  wait_copies<0>();
  __syncthreads();
  to[512 + other] = groups[2][other];
}

template <class T, int n>
__global__ void copy_packs_kernel(const void* from, void* to) {
  const std::int64_t i = grid_thread() * n;
  store(static_cast<T*>(to) + i, load<n>(static_cast<const T*>(from) + i));
}

__global__ void reverse_words_kernel(int n, const std::uint32_t* from, std::uint32_t* to) {
  auto* const words = dynamic_shared<std::uint32_t>();
  from += std::int64_t{blockIdx.x} * n, to += std::int64_t{blockIdx.x} * n;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    words[i] = from[i];
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    to[i] = words[n - 1 - i];
  }
}

__global__ void use_variables_kernel(std::uint32_t* results) {
  struct A {
    std::uint32_t value;
  };
  struct B {
    std::uint32_t value;
  };
  if (threadIdx.x == 7) {
    shared<A>().value = 11;
    shared<B>().value = 22;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  results[0] = shared<A>().value;
  results[1] = shared<A>().value;
  results[2] = shared<B>().value;
  *dynamic_shared<std::uint32_t>() = 33;
#if defined(__CUDACC__)
  results[3] = static_cast<std::uint32_t>(__cvta_generic_to_shared(dynamic_shared<char>()) % 128);
#else
  results[3] =
      static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(dynamic_shared<char>()) % 128);
#endif
}

// --- warps and blocks -----------------------------------------------------------------------------

__global__ void exchange_kernel(const float* x, LaneResults* results) {
  const auto i = static_cast<int>(threadIdx.x);
  const int lane = lane_number();
  const float mine = x[i];
  results->from_lane_5[i] = __shfl_sync(all_lanes, mine, 5);
  results->partner[i] = __shfl_xor_sync(all_lanes, mine, 9);
  results->next[i] = __shfl_down_sync(all_lanes, mine, 3);
  results->previous[i] = __shfl_up_sync(all_lanes, mine, 3);
  results->wide[i] = __shfl_xor_sync(all_lanes, static_cast<double>(mine) / 3, 1);
  results->longs[i] = __shfl_sync(all_lanes, (1ll << 40) + i, (lane + 1) % 32);
  results->odd[i] = __ballot_sync(all_lanes, i % 2);
  results->any[i] = __any_sync(all_lanes, i == 40) != 0;
  results->all[i] = __all_sync(all_lanes, i < 40) != 0;
  float half = mine;
  if (lane < 16) half = __shfl_sync(0x0000ffffu, half, (lane + 1) % 16);
  __syncwarp();
  results->in_halves[i] = half;
}

__global__ void reduce_kernel(const float* x, float* warp_sums, float* warp_maxima,
                              float* block_sums, float* block_maxima) {
  const std::int64_t i = grid_thread();
  warp_sums[i] = warp_sum(x[i]);
  warp_maxima[i] = warp_max(x[i]);
  block_sums[i] = block_sum<128>(x[i]);
  block_maxima[i] = block_max<128>(x[i]);
}

__global__ void __launch_bounds__(1024) reduce_all_kernel(const float* x, double* sums) {
  const double first = block_sum<1024>(static_cast<double>(x[threadIdx.x]));
  const double second = block_sum<1024>(static_cast<double>(2 * x[threadIdx.x]));
  sums[threadIdx.x] = first + second;
}

__global__ void count_kernel(int n, int* sums, unsigned long long* count, int* most,
                             float* whole_numbers) {
  const auto i = static_cast<int>(grid_thread());
  if (i >= n) return;
  atomicAdd(&sums[i % 3], i);
  atomicAdd(count, 1ull);
  atomicMax(most, i);
  atomicAdd(whole_numbers, 2.0f);
}

__global__ void number_blocks_kernel(std::uint32_t* places) {
  const std::uint32_t block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const std::uint32_t thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  if (thread == blockDim.x * blockDim.y * blockDim.z - 1) places[block] = block * 1000 + thread;
}

// --- arithmetic -----------------------------------------------------------------------------------

__global__ void round_to_tf32_kernel(int n, const float* x, std::uint32_t* y) {
  const std::int64_t i = grid_thread();
  if (i < n) y[i] = to_tf32(x[i]);
}

__global__ void round_to_bf16_kernel(int n, const float* x, bfloat16* y, float* back) {
  const std::int64_t i = grid_thread();
  if (i >= n) return;
  y[i] = static_cast<bfloat16>(x[i]);
  back[i] = static_cast<float>(y[i]);
}

__global__ void calculate_kernel(int n, const float* xs, const float* ys,
                                 ArithmeticResults* results) {
  const std::int64_t i = grid_thread();
  if (i >= n) return;
  const float x = xs[i], y = ys[i];
  const unsigned bits = __float_as_uint(x), other = __float_as_uint(y);
  ArithmeticResults r;
  r.high = __umulhi(bits, other);
  r.ones = static_cast<unsigned>(__popc(bits));
  r.zeros = __clz(static_cast<int>(bits >> (other % 32)));
  r.first = __ffs(static_cast<int>(bits << (other % 32)));
  r.smaller = min(static_cast<int>(bits), static_cast<int>(other));
  r.larger = max(static_cast<int>(bits), static_cast<int>(other));
  r.as_bits = static_cast<unsigned>(__float_as_int(y));
  r.as_float = __uint_as_float(other);
  r.added = __fadd_rn(x, y);
  r.subtracted = __fsub_rn(x, y);
  r.multiplied = __fmul_rn(x, y);
  r.divided = __fdiv_rn(x, y);
  r.root = __fsqrt_rn(fabsf(x));
  r.fused = fmaf(x, y, x);
  r.quick_quotient = __fdividef(x, y);
  r.quick_exp = __expf(x);
  r.quick_log = __logf(fabsf(x));
  r.inverse_root = rsqrtf(fabsf(x));
  r.exponential = expf(x);
  results[i] = r;
}

__global__ void large_kernel(float* y) { y[threadIdx.x] = 0; }

}  // namespace

void multiply_matrices(const Stream& stream, Factors factors, const void* a, const void* b,
                       float* d) {
  switch (factors) {
    case Factors::tf32:
      return launch<multiply_kernel<Factors::tf32>>(stream, 1, 64, 0, a, b, d);
    case Factors::bf16:
      return launch<multiply_kernel<Factors::bf16>>(stream, 1, 64, 0, a, b, d);
    case Factors::f16:
      return launch<multiply_kernel<Factors::f16>>(stream, 1, 64, 0, a, b, d);
  }
}

void load_matrices(const Stream& stream, bool transposed, const std::uint16_t* rows,
                   std::uint32_t* words) {
  if (transposed) {
    launch<load_matrices_kernel<true>>(stream, 1, 32, 0, rows, words);
  } else {
    launch<load_matrices_kernel<false>>(stream, 1, 32, 0, rows, words);
  }
}

void copy_parts(const Stream& stream, int bytes, const std::uint8_t* from, std::uint8_t* to) {
  if (bytes == 4) launch<copy_parts_kernel<4>>(stream, 1, 64, 0, from, to);
  if (bytes == 8) launch<copy_parts_kernel<8>>(stream, 1, 64, 0, from, to);
  if (bytes == 16) launch<copy_parts_kernel<16>>(stream, 1, 64, 0, from, to);
}

void copy_in_groups(const Stream& stream, const float* from, float* to) {
  launch<copy_in_groups_kernel>(stream, 1, 256, 0, from, to);
}

void copy_packs(const Stream& stream, int bytes, int n, const std::uint8_t* from,
                std::uint8_t* to) {
  const auto blocks = static_cast<unsigned>(n / 32);
  if (bytes == 2) launch<copy_packs_kernel<bfloat16, 1>>(stream, blocks, 32, 0, from, to);
  if (bytes == 4) launch<copy_packs_kernel<bfloat16, 2>>(stream, blocks, 32, 0, from, to);
  if (bytes == 8) launch<copy_packs_kernel<float, 2>>(stream, blocks, 32, 0, from, to);
  if (bytes == 16) launch<copy_packs_kernel<float, 4>>(stream, blocks, 32, 0, from, to);
}

void reverse_words(const Stream& stream, int blocks, int n, const std::uint32_t* from,
                   std::uint32_t* to) {
  launch<reverse_words_kernel>(stream, static_cast<unsigned>(blocks), 256,
                               static_cast<std::size_t>(n) * sizeof(std::uint32_t), n, from, to);
}

void use_variables(const Stream& stream, std::uint32_t* results) {
  launch<use_variables_kernel>(stream, 1, 32, 64, results);
}

void exchange_lanes(const Stream& stream, const float* x, LaneResults* results) {
  launch<exchange_kernel>(stream, 1, LaneResults::lanes, 0, x, results);
}

void reduce_threads(const Stream& stream, const float* x, float* warp_sums, float* warp_maxima,
                    float* block_sums, float* block_maxima, double* sums_of_all) {
  launch<reduce_kernel>(stream, 8, 128, 0, x, warp_sums, warp_maxima, block_sums, block_maxima);
  launch<reduce_all_kernel>(stream, 1, 1024, 0, x, sums_of_all);
}

void count_together(const Stream& stream, int n, int* sums, unsigned long long* count, int* most,
                    float* whole_numbers) {
  launch<count_kernel>(stream, blocks_for(n, 128), 128, 0, n, sums, count, most, whole_numbers);
}

void round_to_tf32(const Stream& stream, int n, const float* x, std::uint32_t* y) {
  launch<round_to_tf32_kernel>(stream, blocks_for(n, 128), 128, 0, n, x, y);
}

void round_to_bf16(const Stream& stream, int n, const float* x, bfloat16* y, float* back) {
  launch<round_to_bf16_kernel>(stream, blocks_for(n, 128), 128, 0, n, x, y, back);
}

void calculate(const Stream& stream, int n, const float* x, const float* y,
               ArithmeticResults* results) {
  launch<calculate_kernel>(stream, blocks_for(n, 128), 128, 0, n, x, y, results);
}

void number_blocks(const Stream& stream, unsigned x, unsigned y, unsigned z,
                   std::uint32_t* places) {
  launch<number_blocks_kernel>(stream, dim3(x, y, z), dim3(4, 3, 2), 0, places);
}

void start_too_large(const Stream& stream, float* y) {
  launch<large_kernel>(stream, 1, 2048, 0, y);
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
