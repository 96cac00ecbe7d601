// SPDX-License-Identifier: MIT
#include "apps/study_transfer.h"

#include <cmath>
#include <numeric>

#include "layers/pointwise.h"
#include "layers/random.h"
#include "layers/reduce.h"
#include "multilevel/mesh.h"

namespace telescope::app {
namespace {

constexpr Interpolator interpolators[] = {{Prolongation::nearest, 1},
                                          {Prolongation::bilinear, 1},
                                          {Prolongation::bilinear_aligned, 1},
                                          {Prolongation::full_weighting_adjoint, 4}};

double inner(const Tensor& a, const Tensor& b) { return sum(mul(a, b)).item(); }
double mean_square(const Tensor& x) { return mean(mul(x, x)).item(); }

// Mean square of what is left without the mean of each channel.
double variance(const Tensor& x) {
  const std::int64_t channels = x.extent(3), pixels = x.numel() / channels;
  const auto values = x.to(DType::f64).to_vector<double>();
  double sum = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    double mean = 0;
    for (std::int64_t i = 0; i < pixels; ++i) {
      mean += values[static_cast<std::size_t>(i * channels + c)] / static_cast<double>(pixels);
    }
    for (std::int64_t i = 0; i < pixels; ++i) {
      sum += std::pow(values[static_cast<std::size_t>(i * channels + c)] - mean, 2);
    }
  }
  return sum / static_cast<double>(x.numel());
}

// x on every mesh.
std::vector<Tensor> hierarchy(const Tensor& x, Restriction kind, int levels) {
  std::vector<Tensor> meshes = {x};
  while (static_cast<int>(meshes.size()) < levels) {
    meshes.push_back(restrict(meshes.back(), kind));
  }
  return meshes;
}

double adjoint_error(const Shape& shape, Restriction kind, std::uint64_t seed) {
  const Tensor u = random_normal(shape, {seed, "study/u"}, DType::f64);
  const Tensor restricted = restrict(u, kind);
  const Tensor v = random_normal(restricted.shape(), {seed, "study/v"}, DType::f64);
  const Tensor prolonged = prolong(v, adjoint_of(kind), shape[1], shape[2]);
  const double norms = std::sqrt(inner(restricted, restricted) * inner(v, v));
  return std::abs(inner(restricted, v) - inner(u, prolonged)) / norms;
}

// Without the border, where 4 times an adjoint does not keep constants.
double rms_inside(const Tensor& x) {
  const std::int64_t border = 2, n = x.extent(1), channels = x.extent(3), inside = n - 2 * border;
  const auto values = x.to_vector<double>();
  double sum = 0;
  for (std::int64_t i = border; i < n - border; ++i) {
    const auto row = values.begin() + (i * n + border) * channels;
    sum = std::inner_product(row, row + inside * channels, row, sum);
  }
  return std::sqrt(sum / static_cast<double>(inside * inside * channels));
}

std::vector<RoundTrip> round_trips(const Tensor& x, const Tensor& coarse) {
  std::vector<RoundTrip> trips;
  for (const Interpolator& back : interpolators) {
    const Tensor again = scale(prolong(coarse, back.kind, x.extent(1), x.extent(2)), back.factor);
    trips.push_back({.back = back, .difference = again - x});
    trips.back().rms = rms_inside(trips.back().difference);
  }
  return trips;
}

}  // namespace

std::vector<RestrictionFigures> study_transfer(const Tensor& picture,
                                               const std::vector<Restriction>& restrictions,
                                               int levels, std::uint64_t seed) {
  TELESCOPE_CHECK(picture.extent(1) >= 8, "--size", "expected at least 8, got {}",
                  picture.extent(1));
  check_meshes(picture.extent(1), picture.extent(2), levels);
  const Tensor x = picture.to(DType::f64);
  const Tensor high = x - low_pass(x, x.extent(1) / 4);
  const Tensor noise = random_normal(x.shape(), {seed, "study/noise"}, DType::f64);
  const Spectrum finest = radial_spectrum(x, true);
  std::vector<RestrictionFigures> all;
  for (const Restriction kind : restrictions) {
    RestrictionFigures& figures = all.emplace_back();
    figures.kind = kind;
    figures.pictures = hierarchy(x, kind, levels);
    for (const Tensor& mesh : figures.pictures) {
      figures.spectra.push_back(figures.spectra.empty() ? finest : radial_spectrum(mesh, true));
    }
    for (const Tensor& mesh : hierarchy(noise, kind, levels)) {
      figures.noise.push_back(std::sqrt(mean_square(mesh)));
    }
    figures.folded = restrict(high, kind);
    const double all_of_it = variance(figures.pictures[1]);
    figures.folded_share = all_of_it > 0 ? mean_square(figures.folded) / all_of_it : 0;
    figures.adjoint_error = adjoint_error(x.shape(), kind, seed);
    figures.round_trips = round_trips(x, figures.pictures[1]);
  }
  return all;
}

}  // namespace telescope::app
