// SPDX-License-Identifier: MIT
#include "layers/linear.h"

#include "core/autograd.h"
#include "kernels/channel/channel.h"
#include "kernels/matmul/matmul.h"
#include "layers/cast.h"

namespace telescope {
namespace {

using kernels::MatmulShape;

void check_one_type(std::string_view operation, const Tensor& a, const Tensor& b) {
  TELESCOPE_CHECK(a.dtype() == b.dtype() && a.device() == b.device(), operation,
                  "expected tensors of one type on one device, got {} on {} and {} on {}",
                  name_of(a.dtype()), a.device().str(), name_of(b.dtype()), b.device().str());
}

// The product of two matrices, either of them transposed, as a fresh tensor.
Tensor product(const MatmulShape& shape, const Tensor& a, const Tensor& b,
               const Tensor& bias = {}) {
  const Tensor c = Tensor::empty({shape.m, shape.n}, a.dtype(), a.device());
  dispatch_float(a.dtype(), "matmul", [&]<class T>() {
    kernels::matmul<T>(a.stream(), shape, a.data<T>(), b.data<T>(),
                       bias.defined() ? bias.data<T>() : nullptr, c.data<T>());
  });
  return c;
}

void add_product(const MatmulShape& shape, const Tensor& a, const Tensor& b, const Tensor& sum) {
  dispatch_float(a.dtype(), "matmul", [&]<class T>() {
    kernels::matmul_accumulate<T>(a.stream(), shape, a.data<T>(), b.data<T>(), sum.data<T>());
  });
}

}  // namespace

Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  TELESCOPE_CHECK(input.defined() && weight.defined(), "linear", "input or weight is undefined");
  const Tensor x = cast(input, wide(input.dtype()));
  TELESCOPE_CHECK(x.rank() == 2 && weight.rank() == 2 && x.extent(1) == weight.extent(1), "linear",
                  "expected an input [N,in] and a weight [out,in], got {} and {}", x.shape(),
                  weight.shape());
  check_one_type("linear", x, weight);
  const std::int64_t n = x.extent(0), in = x.extent(1), out = weight.extent(0);
  if (bias.defined()) {
    TELESCOPE_CHECK(bias.shape() == Shape({out}), "linear", "weight {} expects a bias [{}], got {}",
                    weight.shape(), out, bias.shape());
    check_one_type("linear", x, bias);
  }
  const Tensor y = product({.m = n, .n = out, .k = in, .transpose_b = true}, x, weight, bias);
  const auto backward = [=, x = x.detach(), weight = weight.detach()](const Tensor& dy,
                                                                      Gradients& gradients) {
    if (gradients.wants(0)) gradients.give(0, product({.m = n, .n = in, .k = out}, dy, weight));
    if (gradients.wants(1)) {
      add_product({.m = out, .n = in, .k = n, .transpose_a = true}, dy, x,
                  gradients.accumulator(1));
    }
    if (gradients.wants(2)) {
      const Tensor dbias = gradients.accumulator(2);
      dispatch_float(dy.dtype(), "linear", [&]<class T>() {
        kernels::sum_over_samples(dy.stream(), n, out, dy.data<T>(), dbias.data<T>());
      });
    }
  };
  return record("linear", y, {x, weight, bias}, backward);
}

Tensor matmul(const Tensor& left, const Tensor& right) {
  TELESCOPE_CHECK(left.defined() && right.defined(), "matmul", "a matrix is undefined");
  const Tensor a = cast(left, wide(left.dtype())), b = cast(right, wide(right.dtype()));
  TELESCOPE_CHECK(a.rank() == 2 && b.rank() == 2 && a.extent(1) == b.extent(0), "matmul",
                  "expected matrices [M,K] and [K,N], got {} and {}", a.shape(), b.shape());
  check_one_type("matmul", a, b);
  const std::int64_t m = a.extent(0), k = a.extent(1), n = b.extent(1);
  const Tensor c = product({.m = m, .n = n, .k = k}, a, b);
  const auto backward = [=, a = a.detach(), b = b.detach()](const Tensor& dc,
                                                            Gradients& gradients) {
    if (gradients.wants(0)) {
      gradients.give(0, product({.m = m, .n = k, .k = n, .transpose_b = true}, dc, b));
    }
    if (gradients.wants(1)) {
      gradients.give(1, product({.m = k, .n = n, .k = m, .transpose_a = true}, a, dc));
    }
  };
  return record("matmul", c, {a, b}, backward);
}

}  // namespace telescope
