// SPDX-License-Identifier: MIT
// The simulator itself: one kernel for every fault that a GPU would hide, each caught by name.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/simt/simt.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::kernels::cuda_sim;
using telescope::test::error_of;

namespace {

const Stream stream{Device{DeviceType::cuda_sim}};

bool contains(const std::string& text, std::string_view part) {
  INFO(text);
  const bool found = text.find(part) != text.npos;
  CHECK_MESSAGE(found, "expected: ", part);
  return found;
}

// --- kernels without fault -----------------------------------------------------------------------

__global__ void number_threads(int* out) {
  const auto block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const auto thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * 30 + thread] += static_cast<int>(block * 30 + thread);
}

__global__ void reverse_in_block(const int* in, int* out) {
  auto& tile = shared<int[96]>();
  int* dynamic = dynamic_shared<int>();
  const unsigned i = threadIdx.x;
  for (int round = 0; round < 3; ++round) {
    tile[i] = in[i] + round;
    __syncthreads();
    dynamic[i] = tile[95 - i];
    __syncthreads();
    out[i] = dynamic[i];
  }
}

__global__ void sum_kernel(const float* x, float* out) {
  const float sum = block_sum<128>(x[threadIdx.x]);
  const float again = block_sum<128>(2 * x[threadIdx.x]);
  out[threadIdx.x] = sum + again;
}

// Half warps that go different ways, then meet.
__global__ void diverging_kernel(int* out) {
  const int lane = lane_number();
  int value = lane;
  const unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  if (lane < 16) {
    for (int i = 0; i < 3; ++i) value = __shfl_sync(half, value, (lane + 1) % 16);
  }
  value = __shfl_xor_sync(all_lanes, value, 16);
  out[lane] = value;
}

// --- kernels with a fault ------------------------------------------------------------------------

__global__ void barrier_missed_by_one(float* out) {
  if (threadIdx.x != 37) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void two_barriers(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}
__global__ void shuffle_missed_by_one(float* out) {
  float value = 1;
  if (threadIdx.x != 5) value = __shfl_xor_sync(all_lanes, value, 1);
  out[threadIdx.x] = value;
}
__global__ void warp_operations_mixed(float* out) {
  float value = 1;
  if (threadIdx.x % 2) {
    value = __shfl_xor_sync(all_lanes, value, 2);
  } else {
    value = static_cast<float>(__ballot_sync(all_lanes, 1));
  }
  out[threadIdx.x] = value;
}
__global__ void mask_without_self(float* out) {
  out[threadIdx.x] = __shfl_sync(0xfffffffeu, 1.f, 1);
}
__global__ void shared_read_unwritten(float* out) {
  auto& tile = shared<float[64]>();
  if (threadIdx.x < 63) tile[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x] + dynamic_shared<float>()[threadIdx.x];
}
// Without the barrier a thread may read what its neighbour has not written yet.
__global__ void barrier_forgotten(float* out) {
  auto& tile = shared<float[64]>();
  tile[threadIdx.x] = 1;
  out[threadIdx.x] = tile[(threadIdx.x + 33) % 64];
}
// Warps meet in a shuffle of their own between writing and reading, which orders nothing between them.
__global__ void barrier_forgotten_after_shuffles(float* out) {
  auto& tile = shared<float[256]>();
  float value = 1;
  for (int i = 0; i < 20; ++i) value = __shfl_xor_sync(all_lanes, value, 1);
  tile[threadIdx.x] = value;
  for (int i = 0; i < 20; ++i) value = __shfl_xor_sync(all_lanes, value, 1);
  out[threadIdx.x] = tile[(threadIdx.x + 32) % 256];
}
__global__ void copy_read_before_wait(const float* in, float* out) {
  auto& tile = shared<float[64]>();
  copy_async<4>(&tile[threadIdx.x], &in[threadIdx.x]);
  commit_copies();
  wait_copies<1>();  // one too many may still be under way
  out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void misaligned_load(const float* in, float* out) {
  out[threadIdx.x] = load<4>(in + 1)[0];
}

}  // namespace

TEST_CASE("every thread of every block runs once") {
  std::vector<int> out(2 * 3 * 4 * 30);
  launch<number_threads>(stream, dim3(2, 3, 4), dim3(5, 3, 2), 0, out.data());
  std::vector<int> expected(out.size());
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(out == expected);
  CHECK_NOTHROW(launch<number_threads>(stream, dim3(0, 3, 4), 1, 0, out.data()));
}

TEST_CASE("barriers, static and dynamic shared memory") {
  std::vector<int> in(96), out(96);
  std::iota(in.begin(), in.end(), 0);
  launch<reverse_in_block>(stream, 1, 96, 96 * sizeof(int), in.data(), out.data());
  for (int i = 0; i < 96; ++i) CHECK(out[static_cast<std::size_t>(i)] == 95 - i + 2);
}

TEST_CASE("sums over a block") {
  std::vector<float> x(128), out(128);
  std::iota(x.begin(), x.end(), 0.f);
  launch<sum_kernel>(stream, 1, 128, 0, x.data(), out.data());
  for (const float value : out) CHECK(value == 3 * 127 * 128 / 2);
}

TEST_CASE("lanes may take part in operations of different masks") {
  std::vector<int> out(32);
  launch<diverging_kernel>(stream, 1, 32, 0, out.data());
  for (int lane = 0; lane < 32; ++lane) {
    CHECK(out[static_cast<std::size_t>(lane)] == (lane < 16 ? lane + 16 : (lane - 16 + 3) % 16));
  }
}

TEST_CASE("a barrier that one thread does not reach") {
  std::vector<float> out(64);
  const std::string text =
      error_of([&] { launch<barrier_missed_by_one>(stream, 1, 64, 0, out.data()); });
  contains(text, "kernel barrier_missed_by_one, block (0, 0, 0)");
  contains(text, "at the barrier at simulator.cpp:");
  contains(text, "thread (37, 0, 0) has returned");
}

TEST_CASE("two barriers are not one") {
  std::vector<float> out(64);
  const std::string text = error_of([&] { launch<two_barriers>(stream, 1, 64, 0, out.data()); });
  contains(text, "kernel two_barriers, block (0, 0, 0), thread (");
  contains(text, "reached the barrier at simulator.cpp:");
}

TEST_CASE("a shuffle that one lane does not reach, or reaches elsewhere") {
  std::vector<float> out(64);
  std::string text = error_of([&] { launch<shuffle_missed_by_one>(stream, 1, 32, 0, out.data()); });
  contains(text, "in a warp operation at simulator.cpp:");
  contains(text, "thread (5, 0, 0) has returned");
  text = error_of([&] { launch<warp_operations_mixed>(stream, 1, 32, 0, out.data()); });
  contains(text, "which is in one at simulator.cpp:");
  text = error_of([&] { launch<mask_without_self>(stream, 1, 32, 0, out.data()); });
  contains(text, "thread (0, 0, 0) is not in the mask it gave");
  text = error_of([&] { launch<shuffle_missed_by_one>(stream, 1, 40, 0, out.data()); });
  contains(text, "of a warp of 8");
}

TEST_CASE("shared memory that nobody wrote is NaN, in every block") {
  std::vector<float> out(64);
  launch<shared_read_unwritten>(stream, 1, 64, 64 * sizeof(float), out.data());
  for (const float value : out) CHECK(std::isnan(value));
  launch<barrier_forgotten>(stream, 1, 64, 0, out.data());
  launch<barrier_forgotten>(stream, 1, 64, 0, out.data());  // nothing is left of the block before
  CHECK(std::count_if(out.begin(), out.end(), [](float v) { return std::isnan(v); }) > 0);
}

TEST_CASE("a warp runs far ahead of the others where no barrier holds it") {
  std::vector<float> out(256);
  launch<barrier_forgotten_after_shuffles>(stream, 1, 256, 0, out.data());
  CHECK(std::count_if(out.begin(), out.end(), [](float v) { return std::isnan(v); }) >= 128);
}

TEST_CASE("an asynchronous copy lands at its wait") {
  const std::vector<float> in(64, 1.f);
  std::vector<float> out(64);
  launch<copy_read_before_wait>(stream, 1, 64, 0, in.data(), out.data());
  for (const float value : out) CHECK(std::isnan(value));
}

TEST_CASE("a vector load from where it may not load") {
  alignas(16) const float in[8] = {};
  std::vector<float> out(64);
  const std::string text =
      error_of([&] { launch<misaligned_load>(stream, 1, 1, 0, &in[0], out.data()); });
  contains(text, "kernel misaligned_load, block (0, 0, 0), thread (0, 0, 0) loads a vector from");
}

TEST_CASE("what no GPU has") {
  std::vector<float> out(64);
  contains(error_of([&] { launch<mask_without_self>(stream, 1, 1025, 0, out.data()); }),
           "a block has 1 to 1024 threads");
  contains(error_of([&] { launch<mask_without_self>(stream, 1, 32, 1 << 20, out.data()); }),
           "bytes of shared memory");
  CHECK(!error_of([] { simt::this_thread(); }).empty());
}

TEST_CASE("after a failure the simulator goes on") {
  std::vector<float> out(64), x(128, 1.f), sums(128);
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS(launch<barrier_missed_by_one>(stream, 5, 64, 0, out.data()));
    launch<sum_kernel>(stream, 1, 128, 0, x.data(), sums.data());
    CHECK(sums[17] == 3 * 128);
  }
}
