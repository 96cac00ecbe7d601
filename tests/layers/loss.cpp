// SPDX-License-Identifier: MIT
#include "layers/loss.h"

#include <cmath>

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of losses, for both arguments") {
  using In = const std::vector<Tensor>&;
  const Tensor y = random_tensor({3, 4, 5, 2}, DType::f64, 1);
  const Tensor target = random_tensor({3, 4, 5, 2}, DType::f64, 2);
  check_gradients([](In in) { return mse_per_sample(in[0], in[1]); }, {y, target});
  check_gradients([](In in) { return mse_loss(in[0], in[1]); }, {y, target});
  check_gradients([](In in) { return l1_per_sample(in[0], in[1]); }, {y, target});
  check_gradients([](In in) { return l1_loss(in[0], in[1]); }, {y, target});
}

TEST_CASE("losses on the test's device") {
  using In = const std::vector<Tensor>&;
  const std::vector<Tensor> in = {random_tensor({3, 40, 41, 2}),
                                  random_tensor({3, 40, 41, 2}, DType::f32, 2)};
  check_on_device([](In x) { return mse_per_sample(x[0], x[1]); }, in);
  check_on_device([](In x) { return mse_loss(x[0], x[1]); }, in);
  check_on_device([](In x) { return l1_per_sample(x[0], x[1]); }, in);
  check_on_device([](In x) { return l1_loss(x[0], x[1]); }, in);
  for (const std::size_t activations : {1, 2}) {  // a target of f32, as it should be, and of bf16
    check_in_bf16([](In x) { return mse_per_sample(x[0], x[1]); }, in, activations);
    check_in_bf16([](In x) { return l1_loss(x[0], x[1]); }, in, activations);
  }
}

TEST_CASE("ssim on the test's device") {
  using In = const std::vector<Tensor>&;
  const std::vector<Tensor> in = {random_tensor({2, 19, 37, 3}),
                                  random_tensor({2, 19, 37, 3}, DType::f32, 2)};
  check_on_device([](In x) { return ssim_per_sample(x[0], x[1]); }, in, 1e-4);
  check_on_device([](In x) { return ssim_loss(x[0], x[1], 2.5); }, in, 1e-4);
  check_in_bf16([](In x) { return ssim_per_sample(x[0], x[1]); }, in);
}

TEST_CASE("a scalar loss is the mean of its values per sample") {
  const Tensor y = random_tensor({5, 6, 7, 3}, DType::f64, 1);
  const Tensor target = random_tensor({5, 6, 7, 3}, DType::f64, 2);
  const auto mean = [](const Tensor& values) {
    double sum = 0;
    for (const double value : values.to_vector<double>()) sum += value;
    return Tensor::full({}, sum / static_cast<double>(values.numel()), DType::f64);
  };
  CHECK_CLOSE(mse_loss(y, target), mean(mse_per_sample(y, target)), rounding(DType::f64, 5));
  CHECK_CLOSE(l1_loss(y, target), mean(l1_per_sample(y, target)), rounding(DType::f64, 5));
}

TEST_CASE("gradients of ssim, for both arguments") {
  using In = const std::vector<Tensor>&;
  for (const Shape shape : {Shape{2, 7, 9, 3}, Shape{1, 19, 4, 1}}) {
    const Tensor a = random_tensor(shape, DType::f64, 1), b = random_tensor(shape, DType::f64, 2);
    check_gradients([](In in) { return ssim_per_sample(in[0], in[1]); }, {a, b});
    check_gradients([](In in) { return ssim_loss(in[0], in[1], 2.5); }, {a, b});
  }
}

TEST_CASE("the ssim of equal images is 1, and its loss 0") {
  const Tensor a = random_tensor({2, 20, 13, 3}, DType::f64);
  CHECK_CLOSE(ssim_per_sample(a, a), Tensor::full({2}, 1, DType::f64), rounding(DType::f64, 1));
  CHECK(std::abs(ssim_loss(a, a).item()) < 1e-14);
}

TEST_CASE("only the gradient that is wanted is computed") {
  const Tensor y = random_tensor({2, 3}).set_requires_grad(), target = Tensor::zeros({2, 3});
  mse_loss(y, target).backward();
  CHECK(y.grad().defined());
  CHECK_FALSE(target.grad().defined());
}

TEST_CASE("what losses refuse") {
  CHECK(error_of([] {
          mse_loss(Tensor::zeros({2, 3}), Tensor::zeros({3, 2}));
        }) == "mse_loss: expected output and target alike, got f32 [2,3] and f32 [3,2]");
  CHECK(error_of([] {
          l1_per_sample(Tensor::zeros({0, 3}), Tensor::zeros({0, 3}));
        }) == "l1_loss: expected samples [N,...] with elements, got shape [0,3]");
}
