// SPDX-License-Identifier: MIT
#include "support/compare.h"

#include <algorithm>
#include <cmath>

namespace telescope::test {
namespace {

std::string describe(const Tensor& got, const Tensor& expected, std::int64_t worst,
                     std::int64_t off) {
  std::string index;
  std::int64_t rest = worst;
  for (int i = got.rank() - 1; i >= 0; --i) {
    index = std::to_string(rest % got.extent(i)) + (index.empty() ? "" : ",") + index;
    rest /= got.extent(i);
  }
  return fmt::format(
      "shape {}: {} of {} elements are off; worst at [{}]: got {:.9g}, expected {:.9g}",
      got.shape(), off, got.numel(), index, got.to(Device{}).to(DType::f64).data<double>()[worst],
      expected.to(Device{}).to(DType::f64).data<double>()[worst]);
}

std::string not_comparable(const Tensor& got, const Tensor& expected) {
  if (!got.defined() || !expected.defined()) return "a tensor is undefined";
  if (!(got.shape() == expected.shape())) {
    return fmt::format("shape {} where {} was expected", got.shape(), expected.shape());
  }
  return got.numel() == 0 ? "nothing to compare" : "";
}

constexpr double bf16_half_unit = 0x1p-8;

}  // namespace

Tolerance rounding(DType dtype, double terms, double k) {
  const double eps = dtype == DType::f64 ? 0x1p-52 : 0x1p-23;
  const double bound = k * eps * std::sqrt(std::max(terms, 1.0));
  return {bound + (dtype == DType::bf16 ? bf16_half_unit : 0), bound};
}

double norm_rounding(DType dtype, double terms, int roundings) {
  return rounding(dtype == DType::bf16 ? DType::f32 : dtype, terms).rtol +
         (dtype == DType::bf16 ? roundings * bf16_half_unit : 0);
}

std::string difference(const Tensor& got, const Tensor& expected, Tolerance tolerance) {
  if (std::string why = not_comparable(got, expected); !why.empty()) return why;
  const auto a = got.to(Device{}).to(DType::f64).to_vector<double>();
  const auto b = expected.to(Device{}).to(DType::f64).to_vector<double>();
  std::int64_t off = 0, worst = 0;
  double worst_excess = -1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(a[i] - b[i]);
    const double allowed = tolerance.atol + tolerance.rtol * std::abs(b[i]);
    if (std::isfinite(a[i]) && std::isfinite(b[i]) && error <= allowed) continue;
    ++off;
    const double excess = std::isfinite(error) ? error - allowed : HUGE_VAL;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = static_cast<std::int64_t>(i);
    }
  }
  return off ? describe(got, expected, worst, off) : "";
}

std::string norm_difference(const Tensor& got, const Tensor& expected, double tolerance) {
  if (std::string why = not_comparable(got, expected); !why.empty()) return why;
  const auto a = got.to(Device{}).to(DType::f64).to_vector<double>();
  const auto b = expected.to(Device{}).to(DType::f64).to_vector<double>();
  double error = 0, norm = 0, largest = -1;
  std::size_t worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = a[i] - b[i];
    error += d * d;
    norm += b[i] * b[i];
    if (!(std::abs(d) <= largest)) {
      largest = std::abs(d);
      worst = i;
    }
  }
  const double relative = std::sqrt(error) / std::sqrt(norm);
  if (std::isfinite(error) && std::isfinite(norm) &&
      std::sqrt(error) <= tolerance * std::sqrt(norm))
    return "";
  return fmt::format("relative to the norm {:.3g} > {:.3g}; ", relative, tolerance) +
         describe(got, expected, static_cast<std::int64_t>(worst), got.numel());
}

Tensor random_tensor(const Shape& shape, DType dtype, std::uint64_t seed) {
  RandomSequence random(RandomKey(seed, "test"));
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = random.normal();
  return Tensor::from(values, shape).to(dtype);
}

Tensor random_integers(const Shape& shape, int most, DType dtype, std::uint64_t seed) {
  RandomSequence random(RandomKey(seed, "test integers"));
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) {
    value = static_cast<double>(random.below(static_cast<std::uint32_t>(2 * most + 1))) - most;
  }
  return Tensor::from(values, shape).to(dtype);
}

namespace {
double dot(const Tensor& a, const Tensor& b) {
  const auto u = a.to_vector<double>(), v = b.to_vector<double>();
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) sum += u[i] * v[i];
  return sum;
}
}  // namespace

void check_gradients(const Function& f, std::vector<Tensor> inputs, double tolerance) {
  for (Tensor& input : inputs) input = input.to(DType::f64).clone().set_requires_grad();
  const Tensor y = f(inputs);
  const Tensor cotangent = random_tensor(y.shape(), DType::f64, 77);
  REQUIRE(y.requires_grad());
  y.backward(cotangent);

  const NoGradGuard no_grad;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    INFO("gradient of input " << k << " of shape " << inputs[k].shape().str());
    const Tensor grad = inputs[k].grad();
    REQUIRE(grad.defined());
    double* x = inputs[k].data<double>();
    const std::int64_t n = inputs[k].numel(), samples = std::min<std::int64_t>(n, 60);
    double error = 0, norm = 0;
    for (std::int64_t s = 0; s < samples; ++s) {
      const std::int64_t i = n * s / samples;
      const double h = 1e-5 * std::max(1.0, std::abs(x[i])), old = x[i];
      x[i] = old + h;
      const double above = dot(f(inputs), cotangent);
      x[i] = old - h;
      const double below = dot(f(inputs), cotangent);
      x[i] = old;
      const double numeric = (above - below) / (2 * h);
      const double d = grad.data<double>()[i] - numeric;
      error += d * d;
      norm += numeric * numeric;
    }
    error = std::sqrt(error), norm = std::sqrt(norm);
    CHECK_MESSAGE(norm > 1e-8, "the numeric gradient is tiny: this test proves nothing");
    CHECK_MESSAGE(error <= tolerance * norm, "relative error " << error / norm);
  }
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace telescope::test
