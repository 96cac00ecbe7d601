// SPDX-License-Identifier: MIT
#include "apps/spectrum.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/error.h"
#include "core/parallel.h"

namespace telescope::app {
namespace {

using Complex = std::complex<double>;
using Plane = std::vector<Complex>;  // N x N, row by row

// y[k][j] = factor sum_i x[j][i] exp(sign 2 pi i k i / N): every row transformed, and the plane
// transposed. Twice, and both directions are.
Plane transform_rows(const Plane& x, std::int64_t n, double sign, double factor) {
  std::vector<Complex> roots(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const double angle =
        sign * 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n);
    roots[static_cast<std::size_t>(i)] = std::polar(1.0, angle);
  }
  Plane y(x.size());
  parallel_for(n, 1, [&](std::int64_t k, std::int64_t end) {
    for (; k < end; ++k) {
      for (std::int64_t j = 0; j < n; ++j) {
        Complex sum = 0;
        for (std::int64_t i = 0, at = 0; i < n; ++i) {
          const Complex value = x[static_cast<std::size_t>(j * n + i)];
          const Complex root = roots[static_cast<std::size_t>(at)];
          // Written out: the operator's rules for infinity cost more than the product.
          sum += Complex(value.real() * root.real() - value.imag() * root.imag(),
                         value.real() * root.imag() + value.imag() * root.real());
          if ((at += k) >= n) at -= n;
        }
        y[static_cast<std::size_t>(k * n + j)] = factor * sum;
      }
    }
  });
  return y;
}

Plane forward(const Plane& x, std::int64_t n) {
  const double factor = 1 / static_cast<double>(n);
  return transform_rows(transform_rows(x, n, -1, factor), n, -1, factor);
}
Plane inverse(const Plane& x, std::int64_t n) {
  return transform_rows(transform_rows(x, n, 1, 1), n, 1, 1);
}

// Index i of a transform as a frequency, from -N/2 to N/2.
std::int64_t frequency(std::int64_t i, std::int64_t n) { return 2 * i > n ? i - n : i; }

struct Picture {
  std::int64_t n, channels;
  std::vector<double> values;  // [n,n,channels]

  explicit Picture(const Tensor& x) {
    const int r = x.rank();
    TELESCOPE_CHECK(r == 3 || (r == 4 && x.extent(0) == 1), "spectrum",
                    "expected one picture [N,N,C], got {}", x.shape());
    n = x.extent(r - 2), channels = x.extent(r - 1);
    TELESCOPE_CHECK(x.extent(r - 3) == n && n > 0, "spectrum", "expected a square picture, got {}",
                    x.shape());
    values = x.to(DType::f64).to_vector<double>();
  }
  Plane channel(std::int64_t c) const {
    Plane plane(static_cast<std::size_t>(n * n));
    for (std::size_t i = 0; i < plane.size(); ++i) {
      plane[i] = values[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)];
    }
    return plane;
  }
};

// sqrt(8/3) sin^2: its square has mean 1, so that the window keeps the power of noise.
void apply_window(Plane& plane, std::int64_t n) {
  Complex mean = 0;
  for (const Complex value : plane) mean += value / static_cast<double>(n * n);
  std::vector<double> window(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < window.size(); ++i) {
    const double angle = std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(n);
    window[i] = std::sqrt(8.0 / 3) * std::sin(angle) * std::sin(angle);
  }
  for (std::size_t i = 0; i < plane.size(); ++i) {
    plane[i] = (plane[i] - mean) * window[i / window.size()] * window[i % window.size()];
  }
}

}  // namespace

Spectrum radial_spectrum(const Tensor& tensor, bool window) {
  const Picture picture(tensor);
  const std::int64_t n = picture.n;
  Spectrum spectrum{.power = std::vector<double>(static_cast<std::size_t>(n / 2 + 1))};
  std::vector<double> counts(spectrum.power.size());
  for (std::int64_t c = 0; c < picture.channels; ++c) {
    Plane plane = picture.channel(c);
    if (window) apply_window(plane, n);
    plane = forward(plane, n);
    for (std::int64_t i = 0; i < n * n; ++i) {
      const auto kx = static_cast<double>(frequency(i % n, n));
      const auto ky = static_cast<double>(frequency(i / n, n));
      const auto ring = static_cast<std::size_t>(std::floor(std::hypot(kx, ky) + 0.5));
      if (ring >= counts.size()) continue;  // the corners, beyond N/2
      spectrum.power[ring] += std::norm(plane[static_cast<std::size_t>(i)]);
      ++counts[ring];
    }
  }
  for (std::size_t k = 0; k < counts.size(); ++k) spectrum.power[k] /= counts[k];
  return spectrum;
}

Tensor low_pass(const Tensor& tensor, std::int64_t cutoff) {
  const Picture picture(tensor);
  const std::int64_t n = picture.n;
  std::vector<double> out(picture.values.size());
  for (std::int64_t c = 0; c < picture.channels; ++c) {
    Plane plane = forward(picture.channel(c), n);
    for (std::int64_t i = 0; i < n * n; ++i) {
      const bool low =
          std::abs(frequency(i % n, n)) < cutoff && std::abs(frequency(i / n, n)) < cutoff;
      if (!low) plane[static_cast<std::size_t>(i)] = 0;
    }
    plane = inverse(plane, n);
    for (std::size_t i = 0; i < plane.size(); ++i) {
      out[i * static_cast<std::size_t>(picture.channels) + static_cast<std::size_t>(c)] =
          plane[i].real();
    }
  }
  return Tensor::from(out, tensor.shape());
}

}  // namespace telescope::app
