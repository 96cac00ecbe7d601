// SPDX-License-Identifier: MIT
#include "kernels/optimizer/optimizer.h"

#include <bit>
#include <cmath>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// Scalars where kernels of the test's device read them.
class DeviceScalars {
 public:
  DeviceScalars(double learning_rate, std::int64_t step)
      : bytes_(on_device(Tensor::from<std::int64_t>(
            {std::bit_cast<std::int64_t>(learning_rate), step, 0}, {3}))) {
    static_assert(sizeof(kernels::OptimizerScalars) == 3 * sizeof(std::int64_t));
  }
  kernels::OptimizerScalars* get() const {
    return reinterpret_cast<kernels::OptimizerScalars*>(bytes_.raw());
  }

 private:
  Tensor bytes_;
};

// PyTorch's _single_tensor_adam, one element.
void adam(const kernels::AdamOptions& o, double lr, int k, double g, double& p, double& m,
          double& v) {
  if (o.decoupled) p *= 1 - lr * o.weight_decay;
  if (!o.decoupled) g += o.weight_decay * p;
  m = m + (1 - o.beta1) * (g - m);
  v = o.beta2 * v + (1 - o.beta2) * g * g;
  const double step_size = lr / (1 - std::pow(o.beta1, k));
  p -= step_size * m / (std::sqrt(v) / std::sqrt(1 - std::pow(o.beta2, k)) + o.eps);
}

// PyTorch's _single_tensor_sgd, one element.
void sgd(const kernels::SgdOptions& o, double lr, int k, double g, double& p, double& buffer) {
  g += o.weight_decay * p;
  if (o.momentum != 0) {
    buffer = k == 1 ? g : o.momentum * buffer + (1 - o.dampening) * g;
    g = buffer;
  }
  p -= lr * g;
}

double rate(int k) { return 0.01 / k; }
}  // namespace

TEST_CASE_TEMPLATE("Adam and AdamW over some steps", T, float, double) {
  if (!runs_here<T>()) return;
  for (const kernels::AdamOptions& options :
       {kernels::AdamOptions{},
        kernels::AdamOptions{.beta1 = 0.8, .beta2 = 0.9, .weight_decay = 0.1},
        kernels::AdamOptions{.eps = 1e-3, .weight_decay = 0.1, .decoupled = true}}) {
    for (const auto n : lengths) {
      INFO(n << " elements, decay " << options.weight_decay);
      const Tensor start = random_tensor({n}, dtype_of<T>, 2), p = on_device(start.clone());
      const Tensor p_ref = start.to(DType::f64).clone();
      const Tensor m = zeros_on_device({n}, dtype_of<T>), m_ref = Tensor::zeros({n}, DType::f64);
      const Tensor v = zeros_on_device({n}, dtype_of<T>), v_ref = Tensor::zeros({n}, DType::f64);
      for (int k = 1; k <= 4; ++k) {
        const Tensor g = random_tensor({n}, dtype_of<T>, 10 + static_cast<std::uint64_t>(k));
        const DeviceScalars scalars(rate(k), k);
        const Tensor g_there = on_device(g);
        kernels::adam_step(test_stream(), n, options, scalars.get(), g_there.data<T>(), p.data<T>(),
                           m.data<T>(), v.data<T>());
        for (std::int64_t i = 0; i < n; ++i) {
          adam(options, rate(k), k, g.data<T>()[i], p_ref.data<double>()[i],
               m_ref.data<double>()[i], v_ref.data<double>()[i]);
        }
      }
      CHECK_CLOSE(p, p_ref, rounding(dtype_of<T>, 4));
      CHECK_CLOSE(m, m_ref, rounding(dtype_of<T>, 4));
      CHECK_CLOSE(v, v_ref, rounding(dtype_of<T>, 4));
    }
  }
}

TEST_CASE_TEMPLATE("SGD with and without momentum", T, float, double) {
  if (!runs_here<T>()) return;
  for (const kernels::SgdOptions& options :
       {kernels::SgdOptions{}, kernels::SgdOptions{.momentum = 0.9},
        kernels::SgdOptions{.momentum = 0.5, .dampening = 0.25, .weight_decay = 0.1}}) {
    for (const auto n : lengths) {
      INFO(n << " elements, momentum " << options.momentum);
      const Tensor start = random_tensor({n}, dtype_of<T>, 2), p = on_device(start.clone());
      const Tensor p_ref = start.to(DType::f64).clone();
      // What the buffer holds before the first step must not matter.
      const Tensor b = on_device(Tensor::full({n}, 5, dtype_of<T>));
      const Tensor b_ref = Tensor::full({n}, 5, DType::f64);
      for (int k = 1; k <= 4; ++k) {
        const Tensor g = random_tensor({n}, dtype_of<T>, 10 + static_cast<std::uint64_t>(k));
        const DeviceScalars scalars(rate(k), k);
        const Tensor g_there = on_device(g);
        kernels::sgd_momentum_step(test_stream(), n, options, scalars.get(), g_there.data<T>(),
                                   p.data<T>(), options.momentum != 0 ? b.data<T>() : nullptr);
        for (std::int64_t i = 0; i < n; ++i) {
          sgd(options, rate(k), k, g.data<T>()[i], p_ref.data<double>()[i],
              b_ref.data<double>()[i]);
        }
      }
      CHECK_CLOSE(p, p_ref, rounding(dtype_of<T>, 4));
      CHECK_CLOSE(b, b_ref, rounding(dtype_of<T>, 4));
    }
  }
}

TEST_CASE_TEMPLATE("clipping to a norm", T, float, double) {
  if (!runs_here<T>()) return;
  for (const auto n : lengths) {
    INFO(n);
    const Tensor start = random_tensor({n}, dtype_of<T>, 3), g = on_device(start.clone());
    const Tensor before = start.to(DType::f64).clone();
    const Tensor norm = empty_on_device({1}, DType::f64);
    double squares = 0;
    for (std::int64_t i = 0; i < n; ++i) squares += std::pow(before.data<double>()[i], 2);
    kernels::clip_norm(test_stream(), n, 1e9, g.data<T>(), norm.data<double>());
    CHECK(norm.item() == doctest::Approx(std::sqrt(squares)));
    CHECK_SAME(g, start);  // short enough already
    kernels::clip_norm(test_stream(), n, 0.25, g.data<T>());
    const double factor = 0.25 / (std::sqrt(squares) + 1e-6);
    if (factor >= 1) continue;
    for (std::int64_t i = 0; i < n; ++i) before.data<double>()[i] *= factor;
    CHECK_CLOSE(g, before, rounding(dtype_of<T>, 1));
  }
  const Tensor nan = on_device(Tensor::full({1}, NAN, dtype_of<T>));
  kernels::clip_norm(test_stream(), 1, 1.0, nan.data<T>());
  CHECK(std::isnan(nan.item()));
}

TEST_CASE("a step is the same bits on every device") {
  for (const std::int64_t n : {1001, 1024}) {
    const Tensor g = random_tensor({n}, DType::f32, 2);
    const auto step = [&](const Device& device) {
      const Tensor p = random_tensor({n}).to(device), grad = g.to(device);
      const Tensor m = random_tensor({n}, DType::f32, 3).to(device);
      const Tensor v = Tensor::full({n}, 0.5).to(device);
      const kernels::OptimizerScalars host{0.1, 3};
      const DeviceScalars scalars(0.1, 3);
      kernels::adam_step(Stream::current(device), n, {.weight_decay = 0.1},
                         device.is_cpu() ? &host : scalars.get(), grad.data<float>(),
                         p.data<float>(), m.data<float>(), v.data<float>());
      return p;
    };
    CHECK_SAME(step(test_device()), step(Device()));
  }
}

TEST_CASE("a step is the same bits on one thread and on several") {
  const std::int64_t n = 100001;
  std::vector<float> first;
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const Tensor p = random_tensor({n}), g = random_tensor({n}, DType::f32, 2);
    const Tensor m = Tensor::zeros({n}), v = Tensor::zeros({n});
    const kernels::OptimizerScalars scalars{0.1, 1};
    kernels::clip_norm(Stream(), n, 1.0, g.data<float>());
    kernels::adam_step(Stream(), n, {}, &scalars, g.data<float>(), p.data<float>(), m.data<float>(),
                       v.data<float>());
    if (first.empty()) first = p.to_vector<float>();
    CHECK(p.to_vector<float>() == first);
  }
  set_thread_count(1);
}

TEST_CASE("a value that is not finite halts all steps from then on") {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    Tensor x = Tensor::full({1000}, 1e300, DType::f64);
    const DeviceScalars scalars(0.1, 1);
    auto* there = scalars.get();
    const Tensor param = on_device(Tensor::full({5}, 1)), grad = on_device(Tensor::full({5}, 2));
    const Tensor m = zeros_on_device({5}), v = zeros_on_device({5});
    const auto steps = [&] {
      kernels::halt_unless_finite(test_stream(), 1000, on_device(x).data<double>(), there);
      kernels::adam_step(test_stream(), 5, {}, there, grad.data<float>(), param.data<float>(),
                         m.data<float>(), v.data<float>());
      kernels::sgd_momentum_step<float>(test_stream(), 5, {}, there, grad.data<float>(),
                                        param.data<float>(), nullptr);
      return param.clone();
    };
    const Tensor moved = steps();
    CHECK(!difference(moved, Tensor::full({5}, 1), {}).empty());
    x.data<double>()[999] = bad;
    CHECK_SAME(steps(), moved);
    x.data<double>()[999] = 0;
    CHECK_SAME(steps(), moved);
  }
}
