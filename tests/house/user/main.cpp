// SPDX-License-Identifier: MIT
// The smallest use of Telescope: y = silu(x), its gradient, and the error of a wrong shape.
#include <telescope.h>

#include <cstdio>

using namespace telescope;

int main() {
  const Tensor x = Tensor::from<float>({-1, 0, 2}, {3}).set_requires_grad();
  silu(x).backward(Tensor::full({3}, 1));
  const float slope = x.grad().data<float>()[1];  // silu'(0) = 1/2
  try {
    x.reshape({2});
  } catch (const Error& error) {
    std::printf("%g\n%s\n", static_cast<double>(slope), error.what());
    return slope == 0.5F ? 0 : 1;
  }
  return 1;
}
