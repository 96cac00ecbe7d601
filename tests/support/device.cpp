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

void check_on_device(const Function& f, const std::vector<Tensor>& inputs, double tolerance) {
  const auto values = [&](DType dtype, const Device& device) {
    std::vector<Tensor> leaves, results;
    for (const Tensor& x : inputs) {
      // By way of f32, so that both sides start from the same numbers.
      leaves.push_back(x.to(DType::f32).to(dtype).clone().to(device).set_requires_grad());
    }
    results.push_back(f(leaves));
    const Tensor cotangent = random_tensor(results[0].shape(), DType::f32, 77).to(dtype);
    results[0].backward(cotangent.to(device));
    for (const Tensor& leaf : leaves) results.push_back(leaf.grad());
    return results;
  };
  const auto expected = values(DType::f64, {}), got = values(DType::f32, test_device());
  CHECK(got[0].device() == test_device());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO((i ? "gradient of input " + std::to_string(i - 1) : std::string("value")));
    REQUIRE(got[i].defined());
    CHECK_NORM_CLOSE(got[i], expected[i], tolerance);
  }
}

}  // namespace telescope::test
