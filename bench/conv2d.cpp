// SPDX-License-Identifier: MIT
// Convolution and both of its gradients on the shapes of the networks here, beside oneDNN where it
// is installed: kernel by kernel, and as a layer, on the tape. Verifies, then times; a result is
// GFLOP/s (the FLOP of the definition).
//   OMP_NUM_THREADS=1 bench.conv2d --benchmark_filter=forward
//   bench.conv2d --shape N,SIZE,C,K,KERNEL ...   this shape alone
// --save FILE, with --shape: also its arrays and our results, by which another implementation shows
// that it computes the same (bench/peers/convolution.py).
#include <benchmark/benchmark.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "bench/onednn_conv2d.h"
#include "core/autograd.h"
#include "core/profile.h"
#include "core/safetensors.h"
#include "core/tensor.h"
#include "kernels/conv2d/conv2d.h"
#include "layers/conv2d.h"
#include "layers/parameters.h"
#include "layers/random.h"

namespace {

using namespace telescope;
using bench::Direction;
using kernels::Conv2dShape;

struct Work {
  Conv2dShape shape;
  Tensor x, weight, bias, y, dy, dx, dweight, dbias;

  explicit Work(const Conv2dShape& s)
      : shape(s),
        x(random_normal(s.input_shape(), {1, "bench"})),
        weight(random_normal(s.weight_shape(), {2, "bench"})),
        bias(random_normal({s.k}, {3, "bench"})),
        y(Tensor::empty(s.output_shape())),
        dy(random_normal(s.output_shape(), {4, "bench"})),
        dx(Tensor::empty(s.input_shape())),
        dweight(Tensor::zeros(s.weight_shape())),
        dbias(Tensor::zeros({s.k})) {}

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

void count(benchmark::State& state, const Conv2dShape& shape, int functions = 1) {
  state.counters["GFLOP/s"] = benchmark::Counter(functions * static_cast<double>(shape.flop()) *
                                                     1e-9 * static_cast<double>(state.iterations()),
                                                 benchmark::Counter::kIsRate);
}

void telescope_conv2d(benchmark::State& state, Direction direction, const Conv2dShape& shape) {
  const Work work(shape);
  for (auto _ : state) work.run(direction);
  count(state, shape);
}

// The differentiable function, as a network calls it.
struct Layer {
  Work work;

  explicit Layer(const Conv2dShape& shape) : work(shape) {}
  Tensor forward() const {
    return conv2d(work.x, work.weight, work.bias,
                  {.stride = work.shape.stride, .padding = work.shape.padding});
  }
  Tensor forward_backward() const {
    for (const Tensor& leaf : {work.x, work.weight, work.bias}) {
      leaf.set_requires_grad();
      leaf.set_grad({});
    }
    const Tensor y = forward();
    y.backward(work.dy);
    return y;
  }
};

void telescope_forward(benchmark::State& state, const Conv2dShape& shape) {
  const Layer layer(shape);
  for (auto _ : state) (void)layer.forward();
  count(state, shape);
}

void telescope_forward_backward(benchmark::State& state, const Conv2dShape& shape) {
  const Layer layer(shape);
  for (auto _ : state) (void)layer.forward_backward();
  count(state, shape, 3);
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
    square(8, 64, 128, 128, 3),  square(8, 128, 32, 32, 3),  square(8, 64, 64, 64, 3),
    square(8, 128, 3, 32, 3),    square(8, 128, 3, 64, 5),   square(8, 32, 128, 128, 1),
    square(32, 16, 128, 128, 3), square(64, 8, 128, 128, 3), square(1, 8, 128, 128, 3),
    square(32, 16, 32, 32, 3),  // those of bench/compare; then ends and turns of the networks
    square(8, 128, 3, 128, 1),   square(8, 128, 128, 3, 1),  square(8, 128, 32, 3, 3),
    square(8, 64, 32, 32, 3, 2), square(1, 128, 128, 128, 3)};

std::string name_of(const Conv2dShape& s, const char* direction, const char* whose) {
  return fmt::format("{}/{}x{}_{}to{}_on_{}x{}_batch_{}{}/{}", direction, s.r, s.s, s.c, s.k, s.h,
                     s.w, s.n, s.stride > 1 ? fmt::format("_stride_{}", s.stride) : "", whose);
}

template <class... Args>
void add(const std::string& name, Args... args) {
  benchmark::RegisterBenchmark(name.c_str(), args...)->Unit(benchmark::kMicrosecond)->UseRealTime();
}

void add_all(const Conv2dShape& shape) {
  add(name_of(shape, "layer_forward", "telescope"), telescope_forward, shape);
  add(name_of(shape, "layer_forward_backward", "telescope"), telescope_forward_backward, shape);
  for (const auto& [direction, name] : {std::pair{Direction::forward, "forward"},
                                        {Direction::input_gradient, "input_gradient"},
                                        {Direction::weight_gradient, "weight_gradient"}}) {
    add(name_of(shape, name, "telescope"), telescope_conv2d, direction, shape);
#ifdef TELESCOPE_WITH_ONEDNN
    add(name_of(shape, name, "onednn"), onednn_conv2d, direction, shape);
#endif
  }
}

// "8,64,128,128,3": images, their size, input and output channels, kernel.
Conv2dShape parse_shape(std::string_view text) {
  std::vector<std::int64_t> numbers;
  const char *at = text.data(), *end = text.data() + text.size();
  while (at < end && numbers.size() < 5) {
    std::int64_t& number = numbers.emplace_back();
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc() || number < 1) break;
    at = parsed.ptr;
    if (at < end - 1 && *at == ',') ++at;
  }
  TELESCOPE_CHECK(at == end && numbers.size() == 5 && numbers.back() > 0, "--shape",
                  "expected N,SIZE,C,K,KERNEL, got '{}'", text);
  return square(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
}

void save(const Conv2dShape& shape, const std::string& path) {
  const Layer layer(shape);
  const Work& work = layer.work;
  const Tensor y = layer.forward_backward().detach();
  write_safetensors(path, to_pytorch_layout({{"x", work.x},
                                             {"weight", work.weight},
                                             {"bias", work.bias},
                                             {"dy", work.dy},
                                             {"y", y},
                                             {"dx", work.x.grad()},
                                             {"dweight", work.weight.grad()},
                                             {"dbias", work.bias.grad()}}));
}

// Takes "NAME VALUE" out of the arguments; "" if it is not there.
std::string take_option(std::vector<char*>& arguments, std::string_view name) {
  for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
    if (arguments[i] != name) continue;
    const std::string value = arguments[i + 1];
    const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    arguments.erase(at, at + 2);
    return value;
  }
  return "";
}

int run(int argc, char** argv) {
  std::vector<char*> arguments(argv, argv + argc);
  const std::string shape = take_option(arguments, "--shape"),
                    file = take_option(arguments, "--save");
  TELESCOPE_CHECK(file.empty() || !shape.empty(), "--save", "expected --shape with it");
  std::vector<Conv2dShape> wanted(std::begin(shapes), std::end(shapes));
  if (!shape.empty()) wanted = {parse_shape(shape)};
  if (!file.empty()) save(wanted[0], file);
  for (const Conv2dShape& each : wanted) add_all(each);
  argc = static_cast<int>(arguments.size());
  benchmark::Initialize(&argc, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(argc, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const telescope::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
