// SPDX-License-Identifier: MIT
// oneDNN's direct convolutions. Images stay as they are, NHWC, which it computes on without a copy;
// weights go through the blocked layout that it chooses, a copy of K R S C numbers each way, because
// it has no fast code for [K, R, S, C].
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_passes.h"
#include "kernels/vendor/cache.h"
#include "kernels/vendor/onednn.h"
#include "kernels/workspace.h"

namespace telescope::kernels::vendor_cpu {
namespace {

using dnnl::memory;
using onednn::array, onednn::attributes, onednn::engine, onednn::execute;

enum class Task { forward, input_gradient, weight_gradient };

// oneDNN names extents in the order n c h w; the tag says how they lie in memory.
constexpr auto nhwc = memory::format_tag::acdb;

memory::desc f32(const memory::dims& dims, memory::format_tag tag) {
  return {dims, memory::data_type::f32, tag};
}

// A primitive and what it works on: `images` are x or dx, `results` y or dy.
struct Prepared {
  dnnl::primitive primitive;
  memory::desc images, weights, bias, results, scratch;
  memory::desc our_weights;
  dnnl::reorder::primitive_desc reorder;  // of weights to oneDNN's layout; of their gradient back
};

Prepared prepare(Task task, const Conv2dShape& s, bool with_bias) {
  const auto images = f32({s.n, s.c, s.h, s.w}, nhwc);
  const auto weights = f32({s.k, s.c, s.r, s.s}, memory::format_tag::any);
  const auto our_weights = f32({s.k, s.c, s.r, s.s}, nhwc);
  const auto results = f32({s.n, s.k, s.out_h(), s.out_w()}, nhwc);
  const auto bias = with_bias ? f32({s.k}, memory::format_tag::x) : memory::desc();
  const memory::dims strides{s.stride, s.stride}, padding{s.padding, s.padding};
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, images, weights, bias, results, strides, padding,
       padding},
      attributes(), engine());
  const auto described = [&](dnnl::primitive primitive, const memory::desc& chosen,
                             const memory::desc& scratch, dnnl::reorder::primitive_desc reorder) {
    return Prepared{std::move(primitive), images, chosen, bias, results, scratch, our_weights,
                    std::move(reorder)};
  };
  const auto to = [&](const memory::desc& chosen) {
    return dnnl::reorder::primitive_desc(engine(), our_weights, engine(), chosen, attributes());
  };
  if (task == Task::forward) {
    return described(dnnl::convolution_forward(forward), forward.weights_desc(),
                     forward.scratchpad_desc(), to(forward.weights_desc()));
  }
  if (task == Task::input_gradient) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {direct, images, weights, results, strides, padding, padding}, attributes(), engine(),
        forward);
    return described(dnnl::convolution_backward_data(backward), backward.weights_desc(),
                     backward.scratchpad_desc(), to(backward.weights_desc()));
  }
  const dnnl::convolution_backward_weights::primitive_desc backward(
      {direct, images, weights, bias, results, strides, padding, padding}, attributes(), engine(),
      forward);
  dnnl::primitive_attr adding = attributes();
  dnnl::post_ops sum;
  sum.append_sum(1);
  adding.set_post_ops(sum);
  const auto chosen = backward.diff_weights_desc();
  return described(dnnl::convolution_backward_weights(backward), chosen, backward.scratchpad_desc(),
                   {engine(), chosen, engine(), our_weights, adding});
}

const Prepared& prepared(Task task, const Conv2dShape& s, bool with_bias, int threads) {
  thread_local PreparedCache<Prepared, 12> cache;
  return cache.get({static_cast<int>(task), with_bias, threads, s.n, s.h, s.w, s.c, s.k, s.r, s.s,
                    s.stride, s.padding},
                   [&] { return prepare(task, s, with_bias); });
}

void reorder(const Prepared& p, const memory& from, const memory& to) {
  execute(dnnl::reorder(p.reorder), p.reorder.scratchpad_desc(),
          {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

// The weights in oneDNN's layout: themselves if that is ours, else a copy in `room`.
memory reordered(const Prepared& p, const float* weight, const Workspace<std::byte>& room) {
  if (p.weights == p.our_weights) return array(p.weights, weight);
  memory copy(p.weights, engine(), room.data());
  reorder(p, array(p.our_weights, weight), copy);
  return copy;
}

Workspace<std::byte> room_for_weights(const Prepared& p) {
  return Workspace<std::byte>(static_cast<std::int64_t>(p.weights.get_size()));
}

std::string described(const Conv2dShape& s) {
  return fmt::format("an input {}, weights {}, a stride of {} and a padding of {}",
                     s.input_shape().str(), s.weight_shape().str(), s.stride, s.padding);
}

}  // namespace

void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const float* x,
                    const float* weight, const Conv2dEpilogue<float>& epilogue, float* y) {
  if (shape.output_shape().numel() == 0) return;
  onednn::refusable("conv2d", described(shape), [&](int threads) {
    const Prepared& p = prepared(Task::forward, shape, epilogue.bias != nullptr, threads);
    const auto room = room_for_weights(p);
    onednn::Arguments arguments{{DNNL_ARG_SRC, array(p.images, x)},
                                {DNNL_ARG_WEIGHTS, reordered(p, weight, room)},
                                {DNNL_ARG_DST, array(p.results, y)}};
    if (epilogue.bias) arguments.emplace(DNNL_ARG_BIAS, array(p.bias, epilogue.bias));
    execute(p.primitive, p.scratch, std::move(arguments));
  });
  add_after_bias(stream, shape, epilogue, y);
}

void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const float* dy,
                           const float* weight, bool accumulate, float* dx) {
  if (shape.input_shape().numel() == 0) return;
  onednn::refusable("conv2d_input_gradient", described(shape), [&](int threads) {
    const Prepared& p = prepared(Task::input_gradient, shape, false, threads);
    const auto room = room_for_weights(p);
    overwrite_or_add(stream, shape, accumulate, dx, [&](float* to) {
      execute(p.primitive, p.scratch,
              {{DNNL_ARG_DIFF_DST, array(p.results, dy)},
               {DNNL_ARG_WEIGHTS, reordered(p, weight, room)},
               {DNNL_ARG_DIFF_SRC, array(p.images, to)}});
    });
  });
}

void conv2d_weight_gradient(const Stream&, const Conv2dShape& shape, const float* x,
                            const float* dy, float* dweight, float* dbias) {
  if (shape.output_shape().numel() == 0) return;
  onednn::refusable("conv2d_weight_gradient", described(shape), [&](int threads) {
    const Prepared& p = prepared(Task::weight_gradient, shape, dbias != nullptr, threads);
    const auto room = room_for_weights(p);
    const Workspace<float> bias_room(dbias ? shape.k : 0);
    const memory gradient(p.weights, engine(), room.data());
    onednn::Arguments arguments{{DNNL_ARG_SRC, array(p.images, x)},
                                {DNNL_ARG_DIFF_DST, array(p.results, dy)},
                                {DNNL_ARG_DIFF_WEIGHTS, gradient}};
    if (dbias) arguments.emplace(DNNL_ARG_DIFF_BIAS, array(p.bias, bias_room.data()));
    execute(p.primitive, p.scratch, std::move(arguments));
    if (dweight) reorder(p, gradient, array(p.our_weights, dweight));  // added
    for (std::int64_t k = 0; dbias && k < shape.k; ++k) dbias[k] += bias_room[k];
  });
}

}  // namespace telescope::kernels::vendor_cpu
