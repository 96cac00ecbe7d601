// SPDX-License-Identifier: MIT
// The peer of bench/conv2d.cpp: oneDNN in the layouts it likes best, which a network that ran on it
// would keep throughout; reordering from and to NHWC is not timed.
#pragma once

#ifdef TELESCOPE_WITH_ONEDNN
#include <dnnl.hpp>
#include <unordered_map>

#include "core/tensor.h"
#include "kernels/conv2d/conv2d.h"

namespace telescope::bench {

enum class Direction { forward, input_gradient, weight_gradient };

class OneDnnConv2d {
 public:
  /// Prepares one function of `shape`; throws dnnl::error.
  OneDnnConv2d(Direction direction, const kernels::Conv2dShape& shape, const Tensor& x,
               const Tensor& weight, const Tensor& bias, const Tensor& dy)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::algorithm;
    using dnnl::memory;
    using dnnl::prop_kind;
    const auto& s = shape;
    const memory::dims strides{s.stride, s.stride}, padding{s.padding, s.padding};
    const auto any = [](memory::dims dims) {
      return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
    };
    const auto src = any({s.n, s.c, s.h, s.w}), w = any({s.k, s.c, s.r, s.s});
    const auto dst = any({s.n, s.k, s.out_h(), s.out_w()});
    const memory::desc b({s.k}, memory::data_type::f32, memory::format_tag::x);
    const dnnl::convolution_forward::primitive_desc forward(
        {prop_kind::forward_training, algorithm::convolution_direct, src, w, b, dst, strides,
         padding, padding},
        engine_);
    if (direction == Direction::forward) {
      primitive_ = dnnl::convolution_forward(forward);
      give(DNNL_ARG_SRC, forward.src_desc(), x, nhwc);
      give(DNNL_ARG_WEIGHTS, forward.weights_desc(), weight, nhwc);
      give(DNNL_ARG_BIAS, b, bias, memory::format_tag::x);
      make(DNNL_ARG_DST, forward.dst_desc());
    } else if (direction == Direction::input_gradient) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          {algorithm::convolution_direct, src, w, dst, strides, padding, padding}, engine_,
          forward);
      primitive_ = dnnl::convolution_backward_data(backward);
      give(DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), dy, nhwc);
      give(DNNL_ARG_WEIGHTS, backward.weights_desc(), weight, nhwc);
      make(DNNL_ARG_DIFF_SRC, backward.diff_src_desc());
    } else {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          {algorithm::convolution_direct, src, w, b, dst, strides, padding, padding}, engine_,
          forward);
      primitive_ = dnnl::convolution_backward_weights(backward);
      give(DNNL_ARG_SRC, backward.src_desc(), x, nhwc);
      give(DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), dy, nhwc);
      make(DNNL_ARG_DIFF_WEIGHTS, backward.diff_weights_desc());
      make(DNNL_ARG_DIFF_BIAS, b);
      result_ = DNNL_ARG_DIFF_WEIGHTS;
    }
  }

  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

  /// y, dx or dweight, in our layout.
  Tensor result(const Shape& shape) {
    const Tensor out = Tensor::empty(shape);
    dnnl::memory& from = arguments_.at(result_);
    const auto plain = described(from.get_desc().dims(), nhwc, out);
    dnnl::memory to = plain;
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return out;
  }

 private:
  // oneDNN names extents in the order n c h w; the tag says how they lie in memory.
  static constexpr auto nhwc = dnnl::memory::format_tag::acdb;

  dnnl::memory described(const dnnl::memory::dims& dims, dnnl::memory::format_tag tag,
                         const Tensor& tensor) const {
    return {{dims, dnnl::memory::data_type::f32, tag}, engine_, tensor.data<float>()};
  }
  void make(int argument, const dnnl::memory::desc& desc) {
    arguments_[argument] = dnnl::memory(desc, engine_);
    result_ = result_ ? result_ : argument;
  }
  void give(int argument, const dnnl::memory::desc& desc, const Tensor& tensor,
            dnnl::memory::format_tag tag) {
    dnnl::memory from = described(desc.dims(), tag, tensor), to(desc, engine_);
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    arguments_[argument] = to;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
  int result_ = 0;
};

}  // namespace telescope::bench
#else
namespace telescope::bench {
enum class Direction { forward, input_gradient, weight_gradient };
}
#endif
