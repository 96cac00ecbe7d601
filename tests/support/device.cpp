// SPDX-License-Identifier: MIT
#include "support/device.h"

#include <cstdlib>
#include <string>

namespace telescope::test {

Device test_device() {
  static const Device device = [] {
    const char* name = std::getenv("TELESCOPE_DEVICE");
    return name ? parse_device(name) : Device{};
  }();
  return device;
}

namespace {

// Of f at `inputs`, which are leaves: its value, then its gradients with a cotangent that f32 and bf16
// can hold.
std::vector<Tensor> value_and_gradients(const Function& f, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> results{f(inputs)};
  const Tensor cotangent = random_tensor(results[0].shape(), DType::bf16, 77);
  results[0].backward(cotangent.to(results[0].dtype()).to(results[0].device()));
  for (const Tensor& leaf : inputs) results.push_back(leaf.grad());
  return results;
}

// Holds f at `there` against f in f64 on the CPU, at the same numbers.
void check_against_cpu(const Function& f, const std::vector<Tensor>& there, double tolerance) {
  std::vector<Tensor> here;
  for (const Tensor& x : there) here.push_back(x.to(Device{}).to(DType::f64).set_requires_grad());
  const auto expected = value_and_gradients(f, here), got = value_and_gradients(f, there);
  CHECK(got[0].device() == test_device());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO((i ? "gradient of input " + std::to_string(i - 1) : std::string("value")));
    REQUIRE(got[i].defined());
    CHECK_NORM_CLOSE(got[i], expected[i], tolerance);
  }
}

Tensor leaf_on_device(const Tensor& x, DType dtype) {
  return x.to(dtype).clone().to(test_device()).set_requires_grad();
}

}  // namespace

void check_on_device(const Function& f, const std::vector<Tensor>& inputs, double tolerance) {
  std::vector<Tensor> there;
  for (const Tensor& x : inputs) there.push_back(leaf_on_device(x, DType::f32));
  check_against_cpu(f, there, tolerance);
}

void check_in_bf16(const Function& f, const std::vector<Tensor>& inputs, std::size_t activations,
                   int roundings) {
  if (!runs_here(DType::bf16)) return;
  INFO("in bf16");
  std::vector<Tensor> there;
  for (const Tensor& x : inputs) {
    there.push_back(leaf_on_device(x, there.size() < activations ? DType::bf16 : DType::f32));
  }
  check_against_cpu(f, there, norm_rounding(DType::bf16, 1, roundings));
}

}  // namespace telescope::test
