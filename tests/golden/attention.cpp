// SPDX-License-Identifier: MIT
#include "layers/attention.h"

#include "golden/golden.h"
#include "layers/conv2d.h"
#include "layers/norm.h"
#include "layers/pointwise.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("softmax") {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = softmax(x);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}

GOLDEN_OP("qkv_attention") {
  const Order tokens_first{0, 2, 1};
  const Tensor qkv = c.input("qkv", tokens_first).set_requires_grad();
  const Tensor y = qkv_attention(qkv);
  c.check("out.y", y, tokens_first);
  y.backward(c.seed("out.y", tokens_first));
  c.check_gradient("in.qkv", qkv.grad(), tokens_first);
}

GOLDEN_OP("attention_block") {
  const auto input = [&](const char* name) { return c.input(name).set_requires_grad(); };
  const Tensor x = input("x"), norm_weight = input("norm.weight"), norm_bias = input("norm.bias");
  const Tensor qkv_weight = input("qkv.weight"), qkv_bias = input("qkv.bias");
  const Tensor out_weight = input("proj_out.weight"), out_bias = input("proj_out.bias");
  const std::int64_t n = x.extent(0), h = x.extent(1), w = x.extent(2), channels = x.extent(3);
  const Tensor normal =
      group_norm(x, c.attrs()["groups"], norm_weight, norm_bias, c.attrs()["eps"]);
  const Tensor qkv = conv2d(normal, qkv_weight.reshape({3 * channels, 1, 1, channels}), qkv_bias);
  const Tensor mixed = qkv_attention(qkv.reshape({n, h * w, 3 * channels}), c.attrs()["num_heads"]);
  const Tensor y = x + conv2d(mixed.reshape(x.shape()),
                              out_weight.reshape({channels, 1, 1, channels}), out_bias);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
  c.check_gradient("in.norm.weight", norm_weight.grad());
  c.check_gradient("in.norm.bias", norm_bias.grad());
  c.check_gradient("in.qkv.weight", qkv_weight.grad());
  c.check_gradient("in.qkv.bias", qkv_bias.grad());
  c.check_gradient("in.proj_out.weight", out_weight.grad());
  c.check_gradient("in.proj_out.bias", out_bias.grad());
}
