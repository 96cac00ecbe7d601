// SPDX-License-Identifier: MIT
#include "apps/roofline.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/event.h"
#include "core/tensor.h"
#include "kernels/probe/probe.h"

namespace telescope::app {
namespace {

using kernels::Precision;

constexpr double kSecondsOfAProbe = 0.2;

// Seconds of f() by the clock of the stream's device.
template <class F>
double seconds_of(const Stream& stream, const F& f) {
  Event start, end;
  start.record(stream);
  f();
  end.record(stream);
  return std::max(seconds_between(start, end), 1e-9);
}

// Amount per second of f(), which returns the amount: the best of the calls, since others may use
// the machine meanwhile.
template <class F>
double best_rate(const Stream& stream, const F& f) {
  double best = 0;
  const double end = now_seconds() + kSecondsOfAProbe;
  for (int calls = 0; calls < 3 || now_seconds() < end; ++calls) {
    double amount = 0;
    const double seconds = seconds_of(stream, [&] { amount = static_cast<double>(f()); });
    best = std::max(best, amount / seconds);
  }
  return best;
}

// The best rate of probe(rounds), with rounds that take about 10 ms: long beside the start of the
// threads.
template <class F>
double best_rate_of_rounds(const Stream& stream, const F& probe) {
  std::int64_t rounds = 1000;
  for (double seconds = 0; seconds < 0.01; rounds *= 2) {
    seconds = seconds_of(stream, [&] { probe(rounds); });
  }
  return best_rate(stream, [&] { return probe(rounds); });
}

// Two arrays of which one alone fills the last cache; 64 MiB where that is not known, and 512 on a
// GPU, whose caches are smaller than that by far.
std::int64_t array_bytes(const Device& device) {
  if (!device.is_cpu()) return 512 << 20;
  const std::int64_t cache =
      std::max(sysconf(_SC_LEVEL3_CACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE));
  return std::clamp<std::int64_t>(cache, 64 << 20, 512 << 20);
}

void measure_arithmetic(const Device& device, Roofline& result) {
  const Stream stream = Stream::current(device);
  const Tensor sum = Tensor::zeros({1}, DType::f32, device);
  float* const to = sum.data<float>();
  result.flop_per_second = best_rate_of_rounds(
      stream, [&](std::int64_t rounds) { return kernels::probe_multiply_add(stream, rounds, to); });
  if (device.is_cpu()) return;
  const auto products = [&](Precision precision) {
    return best_rate_of_rounds(stream, [&](std::int64_t rounds) {
      return kernels::probe_products(stream, precision, rounds, to);
    });
  };
  result.tf32_flop_per_second = products(Precision::tf32);
  result.bf16_flop_per_second = products(Precision::bf16);
}

}  // namespace

double Roofline::peak() const {
  switch (precision) {
    case Precision::fp32:
      return flop_per_second;
    case Precision::tf32:
      return std::max(flop_per_second, tf32_flop_per_second);
    case Precision::bf16:
      return std::max(flop_per_second, bf16_flop_per_second);
  }
  return flop_per_second;
}

double Roofline::seconds(const Work& work) const {
  return std::max(static_cast<double>(work.flop) / peak(),
                  static_cast<double>(work.bytes) / bytes_per_second);
}

bool Roofline::bound_by_memory(const Work& work) const {
  return static_cast<double>(work.bytes) / bytes_per_second >
         static_cast<double>(work.flop) / peak();
}

std::optional<Roofline> measure_roofline(Device device) {
  if (device.type == DeviceType::cuda_sim) return std::nullopt;
  const Stream stream = Stream::current(device);
  Roofline result;
  measure_arithmetic(device, result);
  const std::int64_t bytes = array_bytes(device);
  const Tensor from = Tensor::zeros({bytes}, DType::u8, device);
  const Tensor to = Tensor::zeros({bytes}, DType::u8, device);  // pages that are really there
  result.bytes_per_second = best_rate(stream, [&] {
    kernels::probe_copy(stream, bytes, from.raw(), to.raw());
    return 2 * bytes;
  });
  return result;
}

std::string describe(const Roofline& roofline) {
  std::string text =
      fmt::format("{:.0f} GFLOP/s of f32 multiply-adds", 1e-9 * roofline.flop_per_second);
  if (roofline.tf32_flop_per_second > 0) {
    text += fmt::format(", {:.0f} of tf32 and {:.0f} of bf16 products",
                        1e-9 * roofline.tf32_flop_per_second, 1e-9 * roofline.bf16_flop_per_second);
  }
  text += fmt::format(", {:.1f} GB/s of a copy", 1e-9 * roofline.bytes_per_second);
  if (roofline.precision != Precision::fp32) {
    text += fmt::format("; shares are of the peak of {}", kernels::name_of(roofline.precision));
  }
  return text;
}

nlohmann::ordered_json to_json(const Roofline& roofline) {
  return {{"flop_per_second", roofline.flop_per_second},
          {"tf32_flop_per_second", roofline.tf32_flop_per_second},
          {"bf16_flop_per_second", roofline.bf16_flop_per_second},
          {"bytes_per_second", roofline.bytes_per_second},
          {"precision", kernels::name_of(roofline.precision)}};
}

}  // namespace telescope::app
