// SPDX-License-Identifier: MIT
// What the tests of all networks have in common.
#pragma once

#include <cmath>
#include <memory>

#include "kernels/precision.h"
#include "layers/loss.h"
#include "layers/optimizer.h"
#include "layers/parameters.h"
#include "support/compare.h"
#include "support/device.h"

namespace telescope::test {

/// Moves all parameters off where they start: what starts at zero hides what lies below it.
inline void shake(Module& net, double deviation = 0.1) {
  for (const auto& [name, tensor] : net.parameters()) {
    RandomSequence random(RandomKey(5, name));
    dispatch_float(tensor.dtype(), "shake", [&]<class T>() {
      for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        tensor.data<T>()[i] += static_cast<T>(deviation * random.normal());
      }
    });
  }
}

inline double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
  return sum;
}

/// Holds the gradient of <output, random cotangent> by each of these (f64), along a random direction,
/// against a central difference.
inline void check_gradients_of(const NamedTensors& leaves, const std::function<Tensor()>& output) {
  constexpr double step = 1e-6;
  const Tensor y = output();
  const Tensor cotangent = random_tensor(y.shape(), DType::f64, 77);
  y.backward(cotangent);
  for (const auto& [name, leaf] : leaves) {
    INFO(name);
    REQUIRE(leaf.grad().defined());
    const Tensor direction = random_tensor(leaf.shape(), DType::f64, 78);
    const Tensor start = leaf.clone();
    const auto at = [&](double distance) {
      for (std::int64_t i = 0; i < leaf.numel(); ++i) {
        leaf.data<double>()[i] = start.data<double>()[i] + distance * direction.data<double>()[i];
      }
      return dot(output().detach(), cotangent);
    };
    const double numeric = (at(step) - at(-step)) / (2 * step);
    leaf.copy_from(start);
    CHECK(std::abs(numeric) > 1e-5);
    CHECK(std::abs(dot(leaf.grad(), direction) - numeric) <= 1e-5 * std::abs(numeric) + 1e-7);
  }
}

using Forward = std::function<Tensor(const Module& net, const Tensor& x, const Tensor& t)>;

/// Losses and gradients of three steps of Adam on a device, of a network that `make` makes. `forward`
/// gets its inputs there.
struct Training {
  std::vector<double> losses;
  std::vector<Tensor> gradients;
};
inline Training train_three_steps(const std::function<std::unique_ptr<Module>()>& make,
                                  const Forward& forward, const Shape& input, const Shape& target,
                                  Device device) {
  kernels::set_precision(kernels::Precision::fp32);
  const std::unique_ptr<Module> net = make();
  net->to(device);
  const ParameterBuffer parameters(*net);
  Adam adam(parameters.values(), parameters.gradients());
  const Tensor t = random_tensor({input[0]}, DType::f32, 3).to(device);
  Training training;
  for (std::uint64_t step = 0; step < 3; ++step) {
    const Tensor x = random_tensor(input, DType::f32, 10 + step).to(device);
    parameters.zero_gradients();
    const Tensor loss =
        mse_loss(forward(*net, x, t), random_tensor(target, DType::f32, 20 + step).to(device));
    loss.backward();
    training.losses.push_back(loss.item());
    training.gradients.push_back(on_host(parameters.gradients()).clone());
    adam.step(1e-3);
  }
  return training;
}

/// Three steps on the test's device give the losses and gradients of the CPU.
inline void check_training(const std::function<std::unique_ptr<Module>()>& make,
                           const Forward& forward, const Shape& input, const Shape& target) {
  const Training expected = train_three_steps(make, forward, input, target, {});
  const Training got = train_three_steps(make, forward, input, target, test_device());
  for (std::size_t step = 0; step < 3; ++step) {
    INFO("step " << step);
    CHECK(got.losses[step] == doctest::Approx(expected.losses[step]).epsilon(1e-5));
    CHECK_NORM_CLOSE(got.gradients[step], expected.gradients[step], 1e-3);
  }
  CHECK(expected.losses[2] != expected.losses[0]);
}

}  // namespace telescope::test
