// SPDX-License-Identifier: MIT
// Convolution and both of its gradients on the shapes of the networks here, beside oneDNN where it
// is installed. Verifies, then times; a result is GFLOP/s (the FLOP of the definition).
//   OMP_NUM_THREADS=1 bench.conv2d --benchmark_filter=forward
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>

#include "bench/onednn_conv2d.h"
#include "core/philox.h"
#include "core/profile.h"
#include "core/tensor.h"
#include "kernels/conv2d/conv2d.h"

namespace {

using namespace telescope;
using bench::Direction;
using kernels::Conv2dShape;

struct Work {
  Conv2dShape shape;
  Tensor x, weight, bias, y, dy, dx, dweight, dbias;

  explicit Work(const Conv2dShape& s)
      : shape(s),
        x(random(s.input_shape(), 1)),
        weight(random(s.weight_shape(), 2)),
        bias(random({s.k}, 3)),
        y(Tensor::empty(s.output_shape())),
        dy(random(s.output_shape(), 4)),
        dx(Tensor::empty(s.input_shape())),
        dweight(Tensor::zeros(s.weight_shape())),
        dbias(Tensor::zeros({s.k})) {}

  static Tensor random(const Shape& shape, std::uint64_t seed) {
    const Tensor tensor = Tensor::empty(shape);
    RandomSequence sequence(RandomKey(seed, "bench"));
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(sequence.normal());
    }
    return tensor;
  }

  void run(Direction direction) const {
    const float *xs = x.data<float>(), *weights = weight.data<float>(), *dys = dy.data<float>();
    if (direction == Direction::forward) {
      kernels::conv2d_forward(Stream(), shape, xs, weights, {.bias = bias.data<float>()},
                              y.data<float>());
    } else if (direction == Direction::input_gradient) {
      kernels::conv2d_input_gradient(Stream(), shape, dys, weights, false, dx.data<float>());
    } else {
      kernels::conv2d_weight_gradient(Stream(), shape, xs, dys, dweight.data<float>(),
                                      dbias.data<float>());
    }
  }
  const Tensor& result(Direction direction) const {
    return direction == Direction::forward          ? y
           : direction == Direction::input_gradient ? dx
                                                    : dweight;
  }
};

void count(benchmark::State& state, const Conv2dShape& shape) {
  state.counters["GFLOP/s"] = benchmark::Counter(
      static_cast<double>(shape.flop()) * 1e-9 * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

void telescope_conv2d(benchmark::State& state, Direction direction, const Conv2dShape& shape) {
  const Work work(shape);
  for (auto _ : state) work.run(direction);
  count(state, shape);
}

#ifdef TELESCOPE_WITH_ONEDNN
double relative_difference(const Tensor& got, const Tensor& expected) {
  double error = 0, norm = 0;
  for (std::int64_t i = 0; i < got.numel(); ++i) {
    const double b = expected.data<float>()[i], d = got.data<float>()[i] - b;
    error += d * d;
    norm += b * b;
  }
  return std::sqrt(error / norm);
}

void onednn_conv2d(benchmark::State& state, Direction direction, const Conv2dShape& shape) {
  const Work work(shape);
  bench::OneDnnConv2d peer(direction, shape, work.x, work.weight, work.bias, work.dy);
  work.run(direction);
  peer.run();
  const Tensor& ours = work.result(direction);
  if (const double d = relative_difference(ours, peer.result(ours.shape())); !(d < 1e-4)) {
    state.SkipWithError(("results differ by " + std::to_string(d)).c_str());
  }
  for (auto _ : state) peer.run();
  count(state, shape);
}
#endif

Conv2dShape square(std::int64_t n, std::int64_t size, std::int64_t c, std::int64_t k,
                   std::int64_t kernel, std::int64_t stride = 1) {
  return {n, size, size, c, k, kernel, kernel, stride, kernel / 2};
}

const Conv2dShape shapes[] = {
    square(8, 64, 32, 32, 3),   square(4, 64, 64, 64, 3),    square(4, 64, 128, 128, 3),
    square(1, 128, 32, 32, 3),  square(1, 128, 128, 128, 3), square(60, 8, 32, 32, 3),
    square(60, 8, 128, 128, 3), square(1, 8, 128, 128, 3),   square(8, 64, 32, 32, 3, 2),
    square(8, 64, 3, 32, 3),    square(8, 64, 3, 32, 1),     square(8, 64, 32, 3, 1),
    square(8, 64, 3, 64, 5),    square(8, 64, 32, 3, 3),
};

std::string name_of(const Conv2dShape& s, const char* direction, const char* whose) {
  return fmt::format("{}/{}x{}_{}to{}_on_{}x{}_batch_{}{}/{}", direction, s.r, s.s, s.c, s.k, s.h,
                     s.w, s.n, s.stride > 1 ? fmt::format("_stride_{}", s.stride) : "", whose);
}

void add(const Conv2dShape& shape, Direction direction, const char* name) {
  const auto settings = [](auto* b) { b->Unit(benchmark::kMicrosecond)->UseRealTime(); };
  settings(benchmark::RegisterBenchmark(name_of(shape, name, "telescope").c_str(), telescope_conv2d,
                                        direction, shape));
#ifdef TELESCOPE_WITH_ONEDNN
  settings(benchmark::RegisterBenchmark(name_of(shape, name, "onednn").c_str(), onednn_conv2d,
                                        direction, shape));
#endif
}

}  // namespace

int main(int argc, char** argv) {
  for (const Conv2dShape& shape : shapes) {
    add(shape, Direction::forward, "forward");
    add(shape, Direction::input_gradient, "input_gradient");
    add(shape, Direction::weight_gradient, "weight_gradient");
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
