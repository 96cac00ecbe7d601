// SPDX-License-Identifier: MIT
#include "kernels/transfer/stencil.h"

#include <algorithm>
#include <cmath>

namespace telescope::kernels {
namespace {

void add_tap(Stencil& a, std::int64_t index, double weight) {
  if (weight == 0) return;  // what does not count shall not be read: it may be infinite
  a.index.push_back(index);
  a.weight.push_back(weight);
}

void end_point(Stencil& a) { a.begin.push_back(a.taps()); }

// Linear interpolation at `position`, constant beyond the first and the last point.
void add_linear(Stencil& a, double position) {
  const auto last = static_cast<double>(a.in - 1);
  position = std::clamp(position, 0.0, last);
  const double lower = std::floor(position), fraction = position - lower;
  add_tap(a, static_cast<std::int64_t>(lower), 1 - fraction);
  add_tap(a, static_cast<std::int64_t>(lower) + 1, fraction);
  end_point(a);
}

}  // namespace

std::int64_t Stencil::width() const {
  std::int64_t most = 0;
  for (std::size_t i = 1; i < begin.size(); ++i) most = std::max(most, begin[i] - begin[i - 1]);
  return most;
}

Stencil transposed(const Stencil& a) {
  Stencil t;
  t.in = a.out();
  t.begin.assign(static_cast<std::size_t>(a.in) + 1, 0);
  for (const auto source : a.index) ++t.begin[static_cast<std::size_t>(source) + 1];
  for (std::size_t i = 1; i < t.begin.size(); ++i) t.begin[i] += t.begin[i - 1];
  t.index.resize(a.index.size());
  t.weight.resize(a.weight.size());
  auto next = t.begin;
  for (std::size_t i = 0; i + 1 < a.begin.size(); ++i) {
    for (auto k = a.begin[i]; k < a.begin[i + 1]; ++k) {
      const auto from = static_cast<std::size_t>(k);
      const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(a.index[from])]++);
      t.index[to] = static_cast<std::int64_t>(i);
      t.weight[to] = a.weight[from];
    }
  }
  return t;
}

Stencil nearest_stencil(std::int64_t in, std::int64_t out, double scale) {
  Stencil a;
  a.in = in;
  for (std::int64_t i = 0; i < out; ++i) {
    const double source = std::floor(static_cast<double>(i) / scale);
    add_tap(a, std::min(static_cast<std::int64_t>(source), in - 1), 1);
    end_point(a);
  }
  return a;
}

Stencil linear_stencil(std::int64_t in, std::int64_t out, double scale) {
  Stencil a;
  a.in = in;
  for (std::int64_t i = 0; i < out; ++i) {
    add_linear(a, (static_cast<double>(i) + 0.5) / scale - 0.5);
  }
  return a;
}

Stencil linear_aligned_stencil(std::int64_t in, std::int64_t out) {
  Stencil a;
  a.in = in;
  const double gaps = static_cast<double>(std::max<std::int64_t>(out - 1, 1));
  for (std::int64_t i = 0; i < out; ++i) {
    add_linear(a, static_cast<double>(i) * static_cast<double>(in - 1) / gaps);
  }
  return a;
}

Stencil area_stencil(std::int64_t in, std::int64_t out, double scale) {
  constexpr double rounding = 1e-9;  // of the edges of a cell
  Stencil a;
  a.in = in;
  for (std::int64_t i = 0; i < out; ++i) {
    const double from = static_cast<double>(i) / scale,
                 to = std::min(static_cast<double>(i + 1) / scale, static_cast<double>(in));
    for (auto k = static_cast<std::int64_t>(from + rounding);
         static_cast<double>(k) < to - rounding; ++k) {
      const double covered =
          std::min(to, static_cast<double>(k + 1)) - std::max(from, static_cast<double>(k));
      add_tap(a, k, covered / (to - from));
    }
    end_point(a);
  }
  return a;
}

Stencil full_weighting_stencil(std::int64_t in, std::int64_t out) {
  Stencil a;
  a.in = in;
  for (std::int64_t i = 0; i < out; ++i) {
    const bool first = i == 0, last = 2 * i == in - 1;
    if (!first) add_tap(a, 2 * i - 1, last ? 0.5 : 0.25);
    add_tap(a, 2 * i, 0.5);
    if (!last) add_tap(a, 2 * i + 1, first ? 0.5 : 0.25);
    end_point(a);
  }
  return a;
}

}  // namespace telescope::kernels
