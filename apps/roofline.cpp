// SPDX-License-Identifier: MIT
#include "apps/roofline.h"

#include <unistd.h>

#include <algorithm>

#include "core/tensor.h"
#include "kernels/probe/probe.h"

namespace telescope::app {
namespace {

constexpr double kSecondsOfAProbe = 0.2;

// Amount per second of f(), which returns the amount: the best of the calls, since others may use
// the machine meanwhile.
template <class F>
double best_rate(const Stream& stream, const F& f) {
  double best = 0;
  const double end = now_seconds() + kSecondsOfAProbe;
  for (int calls = 0; calls < 3 || now_seconds() < end; ++calls) {
    const double start = now_seconds();
    const auto amount = static_cast<double>(f());
    stream.synchronize();
    best = std::max(best, amount / std::max(now_seconds() - start, 1e-9));
  }
  return best;
}

// Rounds that take about 10 ms: long beside the start of the threads.
std::int64_t rounds_of_a_call(const Stream& stream, float* sum) {
  std::int64_t rounds = 1000;
  for (double seconds = 0; seconds < 0.01; rounds *= 2) {
    const double start = now_seconds();
    kernels::probe_multiply_add(stream, rounds, sum);
    stream.synchronize();
    seconds = now_seconds() - start;
  }
  return rounds;
}

// Two arrays of which one alone fills the last cache; 64 MiB where that is not known.
std::int64_t array_bytes() {
  const std::int64_t cache =
      std::max(sysconf(_SC_LEVEL3_CACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE));
  return std::clamp<std::int64_t>(cache, 64 << 20, 512 << 20);
}

}  // namespace

double Roofline::seconds(const Work& work) const {
  return std::max(static_cast<double>(work.flop) / flop_per_second,
                  static_cast<double>(work.bytes) / bytes_per_second);
}

bool Roofline::bound_by_memory(const Work& work) const {
  return static_cast<double>(work.bytes) / bytes_per_second >
         static_cast<double>(work.flop) / flop_per_second;
}

std::optional<Roofline> measure_roofline(Device device) {
  if (!device.is_cpu()) return std::nullopt;
  const Stream stream = Stream::current(device);
  Roofline result;
  {
    const Tensor sum = Tensor::zeros({1}, DType::f32, device);
    float* to = sum.data<float>();
    const std::int64_t rounds = rounds_of_a_call(stream, to);
    result.flop_per_second =
        best_rate(stream, [&] { return kernels::probe_multiply_add(stream, rounds, to); });
  }
  const std::int64_t bytes = array_bytes();
  const Tensor from = Tensor::zeros({bytes}, DType::u8, device);
  const Tensor to = Tensor::zeros({bytes}, DType::u8, device);  // pages that are really there
  result.bytes_per_second = best_rate(stream, [&] {
    kernels::probe_copy(stream, bytes, from.raw(), to.raw());
    return 2 * bytes;
  });
  return result;
}

}  // namespace telescope::app
