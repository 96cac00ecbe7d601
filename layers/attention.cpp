// SPDX-License-Identifier: MIT
#include "layers/attention.h"

#include "core/autograd.h"
#include "kernels/attention/attention.h"
#include "kernels/softmax/softmax.h"

namespace telescope {
namespace {

Tensor empty_like(const Tensor& x) { return Tensor::empty(x.shape(), x.dtype(), x.device()); }

}  // namespace

Tensor softmax(const Tensor& x) {
  TELESCOPE_CHECK(x.rank() >= 1 && x.numel() > 0, "softmax",
                  "expected an input of rank 1 or more with elements, got shape {}", x.shape());
  const Tensor y = empty_like(x);
  const std::int64_t columns = x.extent(-1), rows = x.numel() / columns;
  dispatch_activation(x.dtype(), "softmax", [&]<class T>() {
    kernels::softmax(x.stream(), rows, columns, x.data<T>(), y.data<T>());
  });
  return record("softmax", y, {x}, [=, y = y.detach()](const Tensor& dy, Gradients& gradients) {
    Tensor dx = empty_like(y);
    dispatch_activation(y.dtype(), "softmax", [&]<class T>() {
      kernels::softmax_backward(y.stream(), rows, columns, y.data<T>(), dy.data<T>(), dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  });
}

Tensor qkv_attention(const Tensor& qkv, std::int64_t heads) {
  TELESCOPE_CHECK(qkv.rank() == 3 && qkv.numel() > 0 && qkv.extent(-1) % 3 == 0, "qkv_attention",
                  "expected queries, keys and values [N,T,3C], got shape {}", qkv.shape());
  const std::int64_t channels = qkv.extent(-1) / 3;
  TELESCOPE_CHECK(heads >= 1 && channels % heads == 0, "qkv_attention",
                  "{} heads do not divide the {} channels of qkv {}", heads, channels, qkv.shape());
  const kernels::AttentionShape shape{qkv.extent(0), qkv.extent(1), heads, channels / heads};
  const Tensor y = Tensor::empty(qkv.shape().with(2, channels), qkv.dtype(), qkv.device());
  const Tensor statistics = Tensor::empty({2, shape.rows()}, wide(qkv.dtype()), qkv.device());
  dispatch_activation(qkv.dtype(), "qkv_attention", [&]<class T>() {
    kernels::attention(qkv.stream(), shape, qkv.data<T>(), y.data<T>(), statistics.data<Wide<T>>());
  });
  const auto backward = [=, qkv = qkv.detach(), y = y.detach()](const Tensor& dy,
                                                                Gradients& gradients) {
    Tensor dqkv = empty_like(qkv);
    dispatch_activation(qkv.dtype(), "qkv_attention", [&]<class T>() {
      kernels::attention_backward(qkv.stream(), shape, qkv.data<T>(), y.data<T>(),
                                  statistics.data<Wide<T>>(), dy.data<T>(), dqkv.data<T>());
    });
    gradients.give(0, std::move(dqkv));
  };
  return record("qkv_attention", y, {qkv}, backward);
}

}  // namespace telescope
