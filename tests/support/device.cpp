// SPDX-License-Identifier: MIT
#include "support/device.h"

#include <cstdlib>
#include <string>

#include "layers/structure.h"

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
void check_values(const Function& f, const std::vector<Tensor>& there, double tolerance) {
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

// A copy that begins one element beyond where arrays begin: no vector may be read from there.
Tensor displaced(const Tensor& x) {
  const Tensor room = empty_on_device({x.numel() + 1}, x.dtype());
  const Tensor copy = Tensor::view(room.storage(), size_of(x.dtype()), x.shape(), x.dtype());
  copy.copy_from(x);
  return copy;
}

// f as the end of a longer array, whose gradient hands f's over in place: displaced.
Function with_displaced_gradient(const Function& f) {
  return [f](const std::vector<Tensor>& inputs) {
    const Tensor y = f(inputs);
    return concat_rows({Tensor::zeros({1}, y.dtype(), y.device()), y.reshape({y.numel()})});
  };
}

// Of arrays as they are, and of each input in turn and the gradient displaced: an array may begin
// anywhere, whatever the others do.
void check_against_cpu(const Function& f, const std::vector<Tensor>& there, double tolerance) {
  const auto fresh = [&] {
    std::vector<Tensor> leaves;
    for (const Tensor& x : there) leaves.push_back(x.detach().set_requires_grad());
    return leaves;
  };
  check_values(f, fresh(), tolerance);
  for (std::size_t i = 0; i < there.size(); ++i) {
    INFO("input " << i << " displaced");
    std::vector<Tensor> leaves = fresh();
    leaves[i] = displaced(there[i]).set_requires_grad();
    check_values(f, leaves, tolerance);
  }
  INFO("the gradient displaced");
  check_values(with_displaced_gradient(f), fresh(), tolerance);
}

}  // namespace

void check_on_device(const Function& f, const std::vector<Tensor>& inputs, double tolerance) {
  std::vector<Tensor> there;
  for (const Tensor& x : inputs) there.push_back(on_device(x.to(DType::f32)));
  check_against_cpu(f, there, tolerance);
}

void check_in_bf16(const Function& f, const std::vector<Tensor>& inputs, std::size_t activations,
                   int roundings) {
  if (!runs_here(DType::bf16)) return;
  INFO("in bf16");
  std::vector<Tensor> there;
  for (const Tensor& x : inputs) {
    there.push_back(on_device(x.to(there.size() < activations ? DType::bf16 : DType::f32)));
  }
  check_against_cpu(f, there, norm_rounding(DType::bf16, 1, roundings));
}

}  // namespace telescope::test
