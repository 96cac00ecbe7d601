// SPDX-License-Identifier: MIT
// What bench.kernels reports: a row for every way to compute something.
#pragma once

#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/roofline.h"
#include "bench/timing.h"
#include "core/tensor.h"
#include "kernels/precision.h"

namespace telescope::bench {

struct Settings {
  Device device;
  kernels::Precision precision = kernels::Precision::tf32;
  std::int64_t calls = 20;
  double seconds = 0.2;  ///< of a measurement
  bool tiny = false;     ///< small shapes: to see that everything runs
  bool tiles = false;    ///< every tile of the tensor cores' convolution as well
  std::string only;      ///< part of "operation direction shape contender"
  std::optional<app::Roofline> roofline;
};

/// ||got - expected|| / ||expected||, both of the same size, on the host in f32.
inline double relative_error(const Tensor& got, const Tensor& expected) {
  const auto host = [](const Tensor& x) {
    return x.to(Device{}).to(DType::f32).to_vector<float>();
  };
  const auto a = host(got), b = host(expected);
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    error += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
}

/// What rounded factors may do to the norm of a result; 1e-4 leaves room for two ways to compute in
/// f32.
inline double tolerance_of(kernels::Precision precision) {
  switch (precision) {
    case kernels::Precision::fp32:
      return 1e-4;
    case kernels::Precision::tf32:
      return 2e-3;
    case kernels::Precision::bf16:
      return 2e-2;
  }
  return 0;
}

class Rows {
 public:
  explicit Rows(const Settings& settings) : settings_(settings) {}

  struct Case {
    std::string operation, direction, shape, contender;
    Work work;
  };
  bool wanted(const Case& c) const {
    return (c.operation + ' ' + c.direction + ' ' + c.shape + ' ' + c.contender)
               .find(settings_.only) != std::string::npos;
  }
  /// Calls f, asks `error` how far its result is from the reference, and times f only if that is
  /// within `tolerance`. What f refuses is a row that says why.
  void add(const Case& c, double tolerance, const std::function<void()>& f,
           const std::function<double()>& error) {
    if (!wanted(c)) return;
    nlohmann::ordered_json row{{"operation", c.operation}, {"direction", c.direction},
                               {"shape", c.shape},         {"contender", c.contender},
                               {"flop", c.work.flop},      {"bytes", c.work.bytes}};
    const std::string name =
        fmt::format("{:<24} {:<16} {:<34} {:<22}", c.operation, c.direction, c.shape, c.contender);
    try {
      f();
      const double off = error();
      row["error"] = off, row["tolerance"] = tolerance;
      if (!(off <= tolerance)) {
        ++wrong_;
        row["wrong"] = true;
        std::printf("%s WRONG: off by %.1e, allowed %.1e; not timed\n", name.c_str(), off,
                    tolerance);
      } else {
        const Timing t = time_of(settings_.device, settings_.calls, settings_.seconds, f);
        print(name, c.work, t);
        add_figures(row, c.work, t);
      }
    } catch (const Error& refusal) {
      row["refused"] = refusal.what();
      std::printf("%s refused: %s\n", name.c_str(), refusal.what());
    }
    std::fflush(stdout);
    json_.push_back(std::move(row));
  }

  const nlohmann::ordered_json& json() const { return json_; }
  int wrong() const { return wrong_; }

 private:
  void print(const std::string& name, const Work& work, const Timing& t) const {
    std::printf("%s %10.1f us %9.0f GFLOP/s %7.0f GB/s", name.c_str(), 1e6 * t.seconds,
                1e-9 * static_cast<double>(work.flop) / t.seconds,
                1e-9 * static_cast<double>(work.bytes) / t.seconds);
    if (settings_.roofline) {
      std::printf(" %4.0f%% of the roofline", 100 * settings_.roofline->seconds(work) / t.seconds);
    }
    std::printf("\n");
  }
  void add_figures(nlohmann::ordered_json& row, const Work& work, const Timing& t) const {
    row["seconds"] = t.seconds, row["least"] = t.least, row["most"] = t.most;
    row["calls"] = t.calls, row["rounds"] = t.rounds, row["graph"] = t.graph;
    row["flop_per_second"] = static_cast<double>(work.flop) / t.seconds;
    row["bytes_per_second"] = static_cast<double>(work.bytes) / t.seconds;
    if (settings_.roofline) {
      row["roofline_share"] = settings_.roofline->seconds(work) / t.seconds;
    }
  }

  const Settings& settings_;
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
  int wrong_ = 0;
};

}  // namespace telescope::bench
