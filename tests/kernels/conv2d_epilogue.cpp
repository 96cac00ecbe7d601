// SPDX-License-Identifier: MIT
// What is added to the sums of a convolution, by every way to compute them.
#include "kernels/conv2d/conv2d.h"

#include "kernels/backend.h"
#include "support/compare.h"
#include "support/conv2d.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Backend;

namespace {

const Conv2dShape shapes[] = {
    {1, 5, 3, 2, 3, 3, 3, 1, 1},
    {3, 9, 6, 5, 17, 3, 3, 1, 1},   // several images in a block, tiles and vectors not full
    {2, 8, 8, 32, 16, 3, 3, 1, 1},  // whole ones
    {5, 2, 1, 3, 4, 3, 3, 1, 1},    // several images in a tile of the inner kernel
    {5, 2, 2, 3, 33, 3, 3, 1, 1},   // windows copied one by one
    {2, 5, 7, 4, 20, 1, 1, 1, 0},   // nothing is copied
    {2, 9, 7, 4, 5, 3, 3, 2, 1},    // the input gradient in four parts
    {2, 4, 5, 3, 2, 1, 1, 2, 0},    // pixels that no output sees
};

bool takes(Conv2dVariant variant, const Conv2dShape& s, DType t) {
  return error_of([&] { kernels::check_conv2d_variant(variant, test_device(), s, t); }).empty();
}

struct Summands {
  Tensor offset, residual;
};

Summands summands(const Conv2dShape& s, DType t) {
  return {random_integers({s.n, s.k}, 9, wide(t), 7), random_integers(s.output_shape(), 9, t, 8)};
}

// What is in y beside the sums and the bias.
Tensor with_summands(const Tensor& y, const Summands& more, bool offset, bool residual) {
  const Tensor sum = y.clone();
  const Tensor from = more.offset.to(DType::f64), each = more.residual.to(DType::f64);
  const std::int64_t n = y.extent(0), k = y.extent(3), image = y.numel() / n;
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    if (offset) sum.data<double>()[i] += from.data<double>()[i / image * k + i % k];
    if (residual) sum.data<double>()[i] += each.data<double>()[i];
  }
  return sum;
}

// Whole numbers, exact but for the variants that round their factors, and for bf16, which rounds
// what it stores.
template <class T>
void check_close(const Tensor& got, const Tensor& expected) {
  constexpr bool rounds = std::is_same_v<T, bfloat16>;
  CHECK_NORM_CLOSE(got, expected, rounds ? 1e-2 : 2e-6);
}

template <class T>
void check_forward(const Conv2dShape& s, const Conv2dInputs& in, Conv2dVariant variant,
                   Backend by) {
  const Summands more = summands(s, dtype_of<T>);
  const Tensor exact = conv2d_reference(s, in).y;
  const Tensor x = on_device(in.x), weight = on_device(in.weight), bias = on_device(in.bias);
  const Tensor offset = on_device(more.offset), residual = on_device(more.residual);
  for (const auto& [with_offset, with_residual] :
       {std::pair(false, true), std::pair(true, false), std::pair(true, true)}) {
    INFO("offset " << with_offset << ", residual " << with_residual);
    const Tensor y = empty_on_device(s.output_shape(), dtype_of<T>);
    kernels::conv2d_forward<T>(test_stream(), s, x.data<T>(), weight.data<Wide<T>>(),
                               {.bias = bias.data<Wide<T>>(),
                                .offset = with_offset ? offset.data<Wide<T>>() : nullptr,
                                .residual = with_residual ? residual.data<T>() : nullptr},
                               y.data<T>(), variant, by);
    check_close<T>(y, with_summands(exact, more, with_offset, with_residual));
  }
}

template <class T>
void check_input_gradient(const Conv2dShape& s, const Conv2dInputs& in, Conv2dVariant variant,
                          Backend by) {
  const Tensor before = random_integers(s.input_shape(), 9, dtype_of<T>, 9);
  const Tensor expected = conv2d_reference(s, in).dx, start = before.to(DType::f64);
  for (std::int64_t i = 0; i < expected.numel(); ++i) {
    expected.data<double>()[i] += start.data<double>()[i];
  }
  const Tensor dy = on_device(in.dy), weight = on_device(in.weight), dx = on_device(before.clone());
  kernels::conv2d_input_gradient<T>(test_stream(), s, dy.data<T>(), weight.data<Wide<T>>(),
                                    /*accumulate=*/true, dx.data<T>(), variant, by);
  check_close<T>(dx, expected);
}

}  // namespace

TEST_CASE_TEMPLATE("offset, residual and what dx was before", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const auto& known : kernels::conv2d_variants()) {
    for (const Conv2dShape& s : shapes) {
      if (!takes(known.variant, s, dtype_of<T>)) continue;
      INFO(description(s, known.variant));
      const Conv2dInputs in = conv2d_integers(s, dtype_of<T>);
      check_forward<T>(s, in, known.variant, Backend::native);
      check_input_gradient<T>(s, in, known.variant, Backend::native);
    }
  }
}

TEST_CASE("the same by the vendor") {
  if (!kernels::vendor_available("conv2d", test_device())) return;  // kernels.vendor says so
  for (const Conv2dShape& s : shapes) {
    INFO(description(s, Conv2dVariant::automatic));
    const Conv2dInputs in = conv2d_integers(s, DType::f32);
    check_forward<float>(s, in, Conv2dVariant::automatic, Backend::vendor);
    check_input_gradient<float>(s, in, Conv2dVariant::automatic, Backend::vendor);
  }
}
