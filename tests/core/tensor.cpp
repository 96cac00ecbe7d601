// SPDX-License-Identifier: MIT
#include "core/tensor.h"

#include <limits>
#include <numeric>

#include "core/autograd.h"
#include "core/element_operations.h"
#include "core/simulated_device.h"
#include "core/tensor_impl.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// y = a * b elementwise, with the gradient of both: enough to build tapes from.
Tensor multiply(const Tensor& a, const Tensor& b) {
  const Tensor y = Tensor::empty(a.shape(), DType::f64);
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    y.data<double>()[i] = a.data<double>()[i] * b.data<double>()[i];
  }
  return record("multiply", y, {a, b},
                [a = a.detach(), b = b.detach()](const Tensor& dy, Gradients& gradients) {
                  if (gradients.wants(0)) gradients.give(0, multiply(dy, b));
                  if (gradients.wants(1)) gradients.give(1, multiply(dy, a));
                });
}
Tensor leaf(std::vector<double> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::from(values, {n}).set_requires_grad();
}

const Device sim{DeviceType::cuda_sim, 0};

// For f64 alone, and in place of the program's own: the tape is tested here, not the kernels.
void register_test_operations() {
  ElementOperations operations;
  operations.fill = [](const Stream&, void* y, DType, std::int64_t n, double value) {
    const SimulatedDeviceAccess access;
    std::fill_n(static_cast<double*>(y), n, value);
  };
  operations.convert = [](const Stream&, const void* x, DType from, void* y, DType to,
                          std::int64_t n) {
    REQUIRE((from == DType::f64 && to == DType::f32));
    const SimulatedDeviceAccess access;
    std::copy_n(static_cast<const double*>(x), n, static_cast<float*>(y));
  };
  operations.add = [](const Stream&, void* y, const void* x, DType, std::int64_t n) {
    const SimulatedDeviceAccess access;
    for (std::int64_t i = 0; i < n; ++i) {
      static_cast<double*>(y)[i] += static_cast<const double*>(x)[i];
    }
  };
  register_element_operations(DeviceType::cuda_sim, operations);
}
// y = a + b on the simulated device.
Tensor add(const Tensor& a, const Tensor& b) {
  const Tensor y = a.clone();
  accumulate(y, b.detach());
  return record("add", y, {a, b}, [](const Tensor& dy, Gradients& gradients) {
    gradients.give(0, dy);
    gradients.give(1, dy);
  });
}
}  // namespace

TEST_CASE("handles share, clones do not") {
  const Tensor a = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor b = a, c = a.clone();
  b.data<float>()[0] = 9;
  CHECK(a.data<float>()[0] == 9);
  CHECK(c.data<float>()[0] == 1);
  CHECK(a.rows(1, 1).data<float>()[0] == 4);
  CHECK(a.reshape({3, 2}).extent(0) == 3);
  CHECK(a.to(DType::f64).to_vector<double>() == std::vector<double>{9, 2, 3, 4, 5, 6});
  CHECK(a.to(DType::bf16).to(DType::f32).data<float>()[2] == 3);
}

TEST_CASE("errors name what was expected and what came") {
  const Tensor a = Tensor::zeros({2, 3});
  CHECK(error_of([&] { a.reshape({4}); }) == "reshape: [2,3] has 6 elements, [4] has 4");
  CHECK(error_of([&] { a.data<double>(); }) == "tensor: elements are f32, asked for f64");
  CHECK(error_of([&] { a.rows(1, 2); }) == "rows: [1, 3) is not inside the first extent of [2,3]");
  CHECK(error_of([&] { a.item(); }) == "tensor: item() needs one element, shape is [2,3]");
  CHECK(error_of([] { Tensor().shape(); }) == "tensor: expected a tensor, got an undefined one");
  CHECK(error_of([] { Shape({1, 2, 3, 4, 5, 6}); }) == "shape: expected at most 5 extents, got 6");
  CHECK(error_of([] { Shape({-1}); }) == "shape: expected extents of at least 0, got [-1]");
  CHECK(error_of([] { Shape({1LL << 32, 1LL << 32}); }).find("more elements") != std::string::npos);
}

TEST_CASE("gradients of leaves accumulate over backward passes and uses") {
  const Tensor x = leaf({2, 3});
  multiply(x, x).backward(Tensor::from<double>({1, 10}, {2}));  // 2 x
  CHECK_SAME(x.grad(), Tensor::from<double>({4, 60}, {2}));
  multiply(multiply(x, x), x).backward(Tensor::from<double>({1, 1}, {2}));  // 3 x^2
  CHECK_SAME(x.grad(), Tensor::from<double>({4 + 12, 60 + 27}, {2}));
}

TEST_CASE("one gradient given to two inputs is not shared by them") {
  const Tensor a = leaf({1}), b = leaf({2});
  const Tensor y = record("both", Tensor::zeros({1}, DType::f64), {a, b},
                          [](const Tensor& dy, Gradients& gradients) {
                            gradients.give(0, dy);
                            gradients.give(1, dy);
                          });
  y.backward(Tensor::full({1}, 3, DType::f64));
  a.grad().data<double>()[0] = 100;
  CHECK(b.grad().item() == 3);
}

TEST_CASE("accumulator is the leaf's own gradient, or flows on") {
  const Tensor w = leaf({5, 7});
  const Tensor buffer = Tensor::full({2}, 1, DType::f64);
  w.set_grad(buffer);
  const auto through = [](const Tensor& v) {
    return record("through", v.clone(), {v}, [](const Tensor& dy, Gradients& gradients) {
      accumulate(gradients.accumulator(0), dy);
    });
  };
  through(multiply(through(w), Tensor::full({2}, 10, DType::f64)))
      .backward(Tensor::full({2}, 1, DType::f64));
  CHECK_SAME(buffer, Tensor::full({2}, 11, DType::f64));
}

TEST_CASE("reshape and rows are differentiable") {
  check_gradients(
      [](const std::vector<Tensor>& in) {
        const Tensor y = in[0].reshape({6}).rows(1, 3);
        return multiply(y, y);
      },
      {random_tensor({2, 3}, DType::f64)});
}

TEST_CASE("a second backward, a wrong seed and a constant are errors") {
  const Tensor x = leaf({2, 3});
  const Tensor y = multiply(x, x);
  CHECK(error_of([&] { y.backward(); }) ==
        "backward: a tensor of shape [2] needs a seed of that shape");
  y.backward(Tensor::full({2}, 1, DType::f64));
  CHECK(error_of([&] { y.backward(Tensor::full({2}, 1, DType::f64)); }) ==
        "backward: what 'multiply' saved was freed by an earlier backward; run the forward pass "
        "again");
  CHECK(error_of([&] { Tensor::zeros({1}).backward(); }) ==
        "backward: no input of this tensor requires a gradient");
  CHECK(error_of([&] { y.set_requires_grad(); }) ==
        "requires_grad: can be set on leaves only, not on the result of an operation");
}

TEST_CASE("a cycle is an error") {
  const Tensor x = leaf({2});
  const Tensor y = multiply(x, x), z = multiply(y, y);
  y.impl()->node->inputs[0].node = z.impl()->node;
  CHECK(error_of([&] { z.backward(Tensor::full({1}, 1, DType::f64)); }) ==
        "backward: the operations form a cycle");
}

TEST_CASE("nothing is recorded under NoGradGuard") {
  const Tensor x = leaf({2});
  const NoGradGuard guard;
  CHECK_FALSE(recording({x}));
  CHECK_FALSE(multiply(x, x).requires_grad());
}

TEST_CASE("the tape frees what it saved as it walks back") {
  const Tensor x = leaf({2});
  const auto before = memory_use().current;
  Tensor y = multiply(x, x);
  for (int i = 0; i < 10; ++i) y = multiply(y, y);
  y.backward(Tensor::full({1}, 1, DType::f64));
  const auto held = memory_use().current - before;
  const Tensor one = Tensor::zeros({1}, DType::f64);
  const auto block = memory_use().current - before - held;
  CHECK(held <= 2 * block);  // y and the gradient of x
}

TEST_CASE("a tape of a hundred thousand operations comes and goes") {
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = multiply(y, x);
  y = multiply(x, x);  // drops the long one
  CHECK(y.item() == 1);
}

TEST_CASE("two accumulators of one intermediate tensor both count") {
  const Tensor x = leaf({2, 3});
  const auto twice = [](const Tensor& v) {
    return record("twice", v.clone(), {v, v}, [](const Tensor& dy, Gradients& gradients) {
      const Tensor first = gradients.accumulator(0), second = gradients.accumulator(1);
      accumulate(first, dy);
      accumulate(second, dy);
      accumulate(first, dy);
    });
  };
  twice(multiply(x, Tensor::full({2}, 10, DType::f64))).backward(Tensor::full({2}, 1, DType::f64));
  CHECK_SAME(x.grad(), Tensor::full({2}, 30, DType::f64));
}

TEST_CASE("an accumulator and a gift to the same intermediate tensor both count") {
  const Tensor x = leaf({2, 3});
  const auto both = [](const Tensor& v) {
    return record("both", v.clone(), {v, v}, [](const Tensor& dy, Gradients& gradients) {
      const Tensor sum = gradients.accumulator(0);
      gradients.give(1, dy);
      accumulate(sum, dy);
    });
  };
  both(multiply(x, Tensor::full({2}, 10, DType::f64))).backward(Tensor::full({2}, 1, DType::f64));
  CHECK_SAME(x.grad(), Tensor::full({2}, 20, DType::f64));
}

TEST_CASE("an operation adds to what others gave its input, where the tape alone holds that") {
  const Tensor x = leaf({2, 3}), ones = Tensor::full({2}, 1, DType::f64);
  int taken = 0;
  const auto taking = [&](const Tensor& v) {
    return record("taking", v.clone(), {v}, [&](Tensor dy, Gradients& gradients) {
      const Tensor sum = gradients.take(0);
      taken += sum.defined() ? 1 : 0;
      if (sum.defined()) accumulate(sum, dy);
      gradients.give(0, sum.defined() ? sum : dy);
    });
  };
  const auto both = [](const Tensor& a, const Tensor& b, bool shared) {
    return record("both", a.clone(), {a, b}, [=](const Tensor& dy, Gradients& gradients) {
      gradients.give(0, dy);
      gradients.give(1, shared ? dy : dy.clone());
    });
  };
  const auto once = [](const Tensor& v) {
    return record("once", v.clone(), {v},
                  [](const Tensor& dy, Gradients& gradients) { gradients.give(0, dy); });
  };
  const auto run = [&](bool shared) {
    taken = 0;
    const Tensor m = multiply(x, Tensor::full({2}, 10, DType::f64));
    both(taking(m), once(m), shared).backward(ones);
    const Tensor gradient = x.grad();
    x.set_grad({});
    return gradient;
  };
  CHECK_SAME(run(false), Tensor::full({2}, 20, DType::f64));
  CHECK(taken == 1);
  CHECK_SAME(run(true), Tensor::full({2}, 20, DType::f64));  // what waits is also what comes
  CHECK(taken == 0);
  taking(x).backward(ones);  // nothing waits for a leaf
  CHECK_SAME(x.grad(), ones);
}

TEST_CASE("a result goes in place only where nobody can miss what was there") {
  const auto address = [](const Tensor& x) { return static_cast<void*>(x.raw()); };
  Tensor x = Tensor::zeros({4}, DType::f64);
  const void* const own = address(x);
  CHECK(address(in_place_or_fresh(x)) == own);
  {
    const Tensor handle = x;
    CHECK(address(in_place_or_fresh(x)) != own);
  }
  {
    const Tensor part = x.rows(1, 2);
    CHECK(address(in_place_or_fresh(x)) != own);
  }
  CHECK(address(in_place_or_fresh(x)) == own);
}

TEST_CASE("a backward function may write over the gradient that comes, if nobody else has it") {
  const Tensor x = leaf({2, 3}), seed = Tensor::full({2}, 1, DType::f64);
  const auto twice = [](const Tensor& v) {
    return record("twice", v.clone(), {v}, [](Tensor dy, Gradients& gradients) {
      const Tensor dx = in_place_or_fresh(dy);
      for (std::int64_t i = 0; i < 2; ++i) dx.data<double>()[i] = 2 * dy.data<double>()[i];
      gradients.give(0, dx);
    });
  };
  const auto both = [](const Tensor& a, const Tensor& b) {
    return record("both", a.clone(), {a, b}, [](const Tensor& dy, Gradients& gradients) {
      gradients.give(0, dy);
      gradients.give(1, dy);
    });
  };
  both(twice(twice(x)), twice(x)).backward(seed);
  CHECK_SAME(x.grad(), Tensor::full({2}, 4 + 2, DType::f64));
  CHECK_SAME(seed, Tensor::full({2}, 1, DType::f64));
}

TEST_CASE("the gradient of a leaf may be the seed") {
  const Tensor x = leaf({2, 3}), ten = Tensor::full({2}, 10, DType::f64);
  x.set_grad(Tensor::full({2}, 1, DType::f64));
  const Tensor y =
      record("both", x.clone(), {x, multiply(x, ten)}, [](const Tensor& dy, Gradients& gradients) {
        gradients.give(0, dy);
        gradients.give(1, dy);
      });
  y.backward(x.grad());
  CHECK_SAME(x.grad(), Tensor::full({2}, 1 + 1 + 10, DType::f64));
}

TEST_CASE("a seed may share memory with the gradient of a leaf") {
  const Tensor memory = Tensor::full({5}, 1, DType::f64), x = leaf({2, 3});
  x.set_grad(Tensor::view(memory.storage(), 8, {2}, DType::f64));
  x.backward(Tensor::view(memory.storage(), 0, {2}, DType::f64));
  CHECK_SAME(x.grad(), Tensor::full({2}, 2, DType::f64));

  double numbers[] = {1, 1, 1, 1};
  const auto owner = std::make_shared<int>();
  const auto part = [&](int first) {
    return Tensor::view(Storage::borrow(numbers + first, 3 * sizeof(double), owner), 0, {2},
                        DType::f64);
  };
  x.set_grad(part(0));
  const Tensor y = record("both", x.clone(), {x, x}, [](const Tensor& dy, Gradients& gradients) {
    gradients.give(0, dy);
    gradients.give(1, dy);
  });
  y.backward(part(1));
  CHECK_SAME(x.grad(), Tensor::full({2}, 3, DType::f64));
}

TEST_CASE("two losses that share operations: the second backward is a clear error") {
  const Tensor x = leaf({2, 3}), ones = Tensor::full({2}, 1, DType::f64);
  const Tensor shared = multiply(x, x), a = multiply(shared, x), b = multiply(shared, shared);
  a.backward(ones);
  const Tensor before = x.grad().clone();
  CHECK(error_of([&] { b.backward(ones); }) ==
        "backward: what 'multiply' saved was freed by an earlier backward; run the forward pass "
        "again");
  CHECK_SAME(x.grad(), before);
}

TEST_CASE("no tensor, no elements and places beyond all counting are errors") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(error_of([] { Tensor().set_grad({}); }) ==
        "tensor: expected a tensor, got an undefined one");
  const Tensor a = Tensor::zeros({4});
  CHECK(error_of([&] { a.rows(1, most); }).starts_with("rows: "));
  CHECK(error_of([&] {
          Tensor::view(a.storage(), most - 7, {2}, DType::f32);
        }).starts_with("tensor: f32 [2] from byte "));
  CHECK(error_of([&] {
          Tensor::view(a.storage(), 2, {2}, DType::f32);
        }).starts_with("tensor: f32 [2] from byte 2 "));
}

TEST_CASE("a leaf that wants a gradient stays floating-point") {
  const Tensor x = leaf({2, 3});
  CHECK(error_of([&] { x.convert(DType::i64); }) ==
        "convert: only floating-point tensors have gradients, asked for i64");
  const Tensor y = multiply(x, x);
  x.convert(DType::f32);
  CHECK(x.dtype() == DType::f32);
  CHECK(error_of([&] { y.backward(Tensor::full({2}, 1, DType::f64)); }) ==
        "backward: 'multiply' saw a leaf of f64 that was converted to f32 since; run the forward "
        "pass again");
}

TEST_CASE("the tape runs on a device, and the seed of one is not what leaves add to") {
  register_test_operations();
  const Tensor x = Tensor::full({1}, 2, DType::f64, sim).set_requires_grad();
  for (int i = 1; i <= 3; ++i) {
    add(add(x, x), x).backward();
    CHECK(x.grad().device() == sim);
    CHECK(x.grad().item() == 3 * i);
  }
  x.backward();
  CHECK(x.grad().item() == 10);
  const Tensor y = Tensor::full({}, 2, DType::f64, sim).set_requires_grad();
  y.backward();
  y.backward();
  CHECK(y.grad().item() == 2);
  CHECK(y.grad().shape() == Shape{});
}

TEST_CASE("conversion and sums on a device are the device's own") {
  register_test_operations();
  const Tensor x = Tensor::from<double>({1, -2, 3}, {3}).to(sim);
  CHECK(x.to(DType::f32).device() == sim);
  CHECK(x.to(DType::f32).to_vector<float>() == std::vector<float>{1, -2, 3});
  accumulate(x, x.clone());
  CHECK(x.to_vector<double>() == std::vector<double>{2, -4, 6});
  CHECK(error_of([&] { accumulate(x, x.to(Device{})); }) ==
        "accumulate: expected f64 [3] on cuda-sim, got f64 [3] on cpu");
}

TEST_CASE("gradients live where their tensor does") {
  register_test_operations();
  const Tensor x = Tensor::full({2}, 1, DType::f64, sim).set_requires_grad();
  const Tensor ones = Tensor::full({2}, 1, DType::f64);
  CHECK(error_of([&] { x.set_grad(ones); }) ==
        "set_grad: expected a gradient on cuda-sim, got one on cpu");
  CHECK(error_of([&] { x.backward(ones); }) ==
        "backward: expected a seed on cuda-sim, got one on cpu");
  const Tensor y = record("stray", x.clone(), {x}, [&](const Tensor&, Gradients& gradients) {
    gradients.give(0, ones.clone());
  });
  CHECK(error_of([&] { y.backward(ones.to(sim)); }) ==
        "stray: gradient of input 0 should be on cuda-sim, is on cpu");
}

TEST_CASE("a leaf moves with all its handles, unless it lives in a buffer or has a history") {
  register_test_operations();
  const Tensor x = leaf({2, 3}), handle = x;
  x.set_grad(Tensor::full({2}, 1, DType::f64));
  x.move_to(Device{});  // there already
  CHECK(x.grad().defined());
  const Tensor before = multiply(x, x);
  x.move_to(sim);
  CHECK(handle.device() == sim);
  CHECK(handle.requires_grad());
  CHECK_FALSE(handle.grad().defined());
  CHECK(handle.to_vector<double>() == std::vector<double>{2, 3});
  CHECK(error_of([&] { before.backward(Tensor::full({2}, 1, DType::f64)); }) ==
        "backward: 'multiply' saw a leaf on cpu that was moved to cuda-sim since; run the forward "
        "pass again");
  CHECK(error_of([&] { add(x, x).move_to(Device{}); }) ==
        "move_to: only leaves can be moved in place");
  const Tensor buffer = Tensor::zeros({8}, DType::f64, sim);
  x.rebind(buffer.storage(), 0);
  CHECK(error_of([&] { x.move_to(Device{}); }) ==
        "move_to: the elements live in a buffer with others (ParameterBuffer); move before that");
}
