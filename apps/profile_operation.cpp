// SPDX-License-Identifier: MIT
#include "apps/profile_operation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "kernels/precision.h"
#include "layers/attention.h"
#include "layers/blur.h"
#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/embedding.h"
#include "layers/linear.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/norm.h"
#include "layers/optimizer.h"
#include "layers/pointwise.h"
#include "layers/random.h"
#include "layers/reduce.h"
#include "layers/structure.h"
#include "layers/transfer.h"

namespace telescope::app {
namespace {

using Extents = std::vector<std::int64_t>;

// Makes the inputs of one operation, no two alike: the loss of equal images has no gradient.
struct Inputs {
  Device device;
  std::vector<Tensor> leaves;
  std::uint64_t made = 0;

  Tensor constant(const Shape& shape) {
    return random_normal(shape, {++made, "profile"}).to(device);
  }
  Tensor leaf(const Shape& shape) { return leaf(constant(shape)); }
  /// Features of images, stored as convolutions store them.
  Tensor activation(const Shape& shape) {
    return leaf(constant(shape).to(kernels::activation_type(DType::f32, device)));
  }
  Tensor leaf(const Tensor& tensor) {
    tensor.set_requires_grad();
    leaves.push_back(tensor);
    return tensor;
  }
};

using Forward = std::function<Tensor()>;
struct Operation {
  const char* name;
  const char* letters;
  Extents shape;
  Forward (*prepare)(Inputs& inputs, const Extents& e);
};

constexpr const char* kImages = "N,H,W,C";
Shape images(const Extents& e) { return {e[0], e[1], e[2], e[3]}; }

// An operation on one tensor of images, on two, and a loss.
template <auto f>
Forward unary(Inputs& inputs, const Extents& e) {
  return [x = inputs.activation(images(e))] { return f(x); };
}
template <auto f>
Forward binary(Inputs& inputs, const Extents& e) {
  return [a = inputs.activation(images(e)), b = inputs.activation(images(e))] { return f(a, b); };
}
template <auto f>
Forward loss(Inputs& inputs, const Extents& e) {
  return [y = inputs.activation(images(e)), target = inputs.constant(images(e))] {
    return f(y, target);
  };
}
template <Restriction kind>
Forward restriction(Inputs& inputs, const Extents& e) {
  return [x = inputs.activation(images(e))] { return restrict(x, kind); };
}
template <Prolongation kind>
Forward prolongation(Inputs& inputs, const Extents& e) {
  return [x = inputs.activation(images(e)), e] { return prolong(x, kind, 2 * e[1], 2 * e[2]); };
}

Forward convolution(Inputs& inputs, const Extents& e) {
  const std::int64_t c = e[3], k = e[4], r = e[5], stride = e[6];
  return [x = inputs.activation(images(e)), weight = inputs.leaf({k, r, r, c}),
          bias = inputs.leaf({k}), options = Conv2dOptions{.stride = stride, .padding = r / 2}] {
    return conv2d(x, weight, bias, options);
  };
}
Forward fully_connected(Inputs& inputs, const Extents& e) {
  return [x = inputs.leaf({e[0], e[1]}), weight = inputs.leaf({e[2], e[1]}),
          bias = inputs.leaf({e[2]})] { return linear(x, weight, bias); };
}
Forward product(Inputs& inputs, const Extents& e) {
  return [a = inputs.leaf({e[0], e[1]}), b = inputs.leaf({e[1], e[2]})] { return matmul(a, b); };
}
Forward attention(Inputs& inputs, const Extents& e) {
  TELESCOPE_CHECK(e[2] <= INT64_MAX / 3, "attention", "expected fewer channels, got {}", e[2]);
  return [qkv = inputs.activation({e[0], e[1], 3 * e[2]}), heads = e[3]] {
    return qkv_attention(qkv, heads);
  };
}
Forward groups(Inputs& inputs, const Extents& e) {
  return
      [x = inputs.activation(images(e)), weight = inputs.leaf({e[3]}), bias = inputs.leaf({e[3]}),
       groups = e[4]] { return group_norm(x, groups, weight, bias); };
}
Forward per_channel(Inputs& inputs, const Extents& e) {
  return [x = inputs.activation(images(e)), b = inputs.leaf({e[0], e[3]})] {
    return add_per_channel(x, b);
  };
}
Forward masks(Inputs& inputs, const Extents& e) {
  return
      [x = inputs.activation(images(e)), ids = Tensor::zeros({e[0]}, DType::i64, inputs.device)] {
        return dropout(x, 0.5, {1, "profile"}, ids, 1);
      };
}
Forward adam(Inputs& inputs, const Extents& e) {
  const auto optimizer = std::make_shared<Adam>(inputs.constant({e[0]}), inputs.constant({e[0]}));
  return [optimizer] {
    optimizer->step(1e-4);
    return Tensor();
  };
}

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = {
      {"conv2d", "N,H,W,C,K,R,stride", {4, 64, 64, 32, 32, 3, 1}, convolution},
      {"linear", "N,in,out", {1024, 128, 512}, fully_connected},
      {"matmul", "M,K,N", {512, 512, 512}, product},
      {"attention", "N,T,C,heads", {4, 256, 128, 1}, attention},
      {"softmax", kImages, {4, 64, 64, 32}, unary<softmax>},
      {"layer_norm",
       kImages,
       {4, 64, 64, 32},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [x = inputs.activation(images(e))] { return layer_norm(x); };
       }},
      {"group_norm", "N,H,W,C,groups", {4, 64, 64, 32, 16}, groups},
      {"silu", kImages, {4, 64, 64, 32}, unary<silu>},
      {"relu", kImages, {4, 64, 64, 32}, unary<relu>},
      {"leaky_relu",
       kImages,
       {4, 64, 64, 32},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [x = inputs.activation(images(e))] { return leaky_relu(x); };
       }},
      {"tanh", kImages, {4, 64, 64, 32}, unary<static_cast<Tensor (*)(const Tensor&)>(tanh)>},
      {"sigmoid", kImages, {4, 64, 64, 32}, unary<sigmoid>},
      {"add", kImages, {4, 64, 64, 32}, binary<add>},
      {"mul", kImages, {4, 64, 64, 32}, binary<mul>},
      {"add_per_channel", kImages, {4, 64, 64, 32}, per_channel},
      {"dropout", kImages, {4, 64, 64, 32}, masks},
      {"concat_channels",
       kImages,
       {4, 64, 64, 32},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [a = inputs.activation(images(e)), b = inputs.activation(images(e))] {
           return concat_channels({a, b});
         };
       }},
      {"pixel_shuffle",
       "N,H,W,C,r",
       {4, 64, 64, 32, 2},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [x = inputs.activation(images(e)), r = e[4]] { return pixel_shuffle(x, r); };
       }},
      {"restrict-injection", kImages, {4, 64, 64, 32}, restriction<Restriction::injection>},
      {"restrict-mean", kImages, {4, 64, 64, 32}, restriction<Restriction::mean>},
      {"restrict-full-weighting",
       kImages,
       {4, 64, 64, 32},
       restriction<Restriction::full_weighting>},
      {"prolong-nearest", kImages, {4, 32, 32, 32}, prolongation<Prolongation::nearest>},
      {"prolong-bilinear", kImages, {4, 32, 32, 32}, prolongation<Prolongation::bilinear>},
      {"gaussian_blur",
       kImages,
       {4, 64, 64, 3},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [x = inputs.leaf(images(e))] { return gaussian_blur(x, 3); };
       }},
      {"mix",
       kImages,
       {4, 64, 64, 3},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [a = inputs.constant(images(e)), b = inputs.constant(images(e)),
                 t = inputs.constant({e[0]})] { return mix(a, b, t); };
       }},
      {"sinusoidal_embedding",
       "N,frequencies",
       {64, 64},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [t = inputs.leaf({e[0]}), frequencies = e[1]] {
           return sinusoidal_embedding(t, frequencies);
         };
       }},
      {"mse_loss", kImages, {4, 64, 64, 3}, loss<mse_loss>},
      {"l1_loss", kImages, {4, 64, 64, 3}, loss<l1_loss>},
      {"ssim_loss",
       kImages,
       {4, 64, 64, 3},
       [](Inputs& inputs, const Extents& e) -> Forward {
         return [y = inputs.activation(images(e)), target = inputs.constant(images(e))] {
           return ssim_loss(y, target);
         };
       }},
      {"adam", "parameters", {1 << 20}, adam}};
  return all;
}

}  // namespace

PreparedOperation prepare_operation(const std::string& name, Extents shape, Device device) {
  const auto& all = operations();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Operation& o) { return name == o.name; });
  if (found == all.end()) {
    std::vector<std::string> names;
    for (const Operation& operation : all) names.emplace_back(operation.name);
    raise("--operation", "expected one of {}, got '{}'", fmt::join(names, ", "), name);
  }
  if (shape.empty()) shape = found->shape;
  const bool positive =
      std::all_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent > 0; });
  TELESCOPE_CHECK(shape.size() == found->shape.size() && positive, "--shape",
                  "{} expects {} positive numbers {}, got {}", name, found->shape.size(),
                  found->letters, fmt::join(shape, ","));
  Inputs inputs{device, {}, 0};
  Forward forward = found->prepare(inputs, shape);
  return {std::move(forward), std::move(inputs.leaves)};
}

std::string operation_list() {
  std::string text;
  for (const Operation& o : operations()) {
    text += fmt::format("  {:<24} {:<20} {}\n", o.name, o.letters, fmt::join(o.shape, ","));
  }
  return text;
}

}  // namespace telescope::app
