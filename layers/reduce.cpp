// SPDX-License-Identifier: MIT
#include "layers/reduce.h"

#include "core/autograd.h"
#include "kernels/channel/channel.h"
#include "kernels/reduce/reduce.h"
#include "layers/cast.h"

namespace telescope {
namespace {

// y[r] = factor * sum of row r of x, seen as [rows, length].
Tensor reduce(std::string_view operation, const Tensor& x, const Shape& shape, double factor) {
  const std::int64_t rows = shape.numel(), length = rows ? x.numel() / rows : 0;
  const Tensor y = Tensor::empty(shape, wide(x.dtype()), x.device());
  dispatch_activation(x.dtype(), operation, [&]<class T>() {
    kernels::sum_rows(x.stream(), rows, length, factor, x.data<T>(), y.data<Wide<T>>());
  });
  const auto backward = [=, like = x.shape(), dtype = x.dtype()](const Tensor& dy,
                                                                 Gradients& gradients) {
    Tensor dx = Tensor::empty(like, dtype, dy.device());
    dispatch_activation(dtype, operation, [&]<class T>() {
      kernels::spread_rows(dy.stream(), rows, length, factor, dy.data<Wide<T>>(), dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  };
  return record(operation, y, {x}, backward);
}

}  // namespace

Tensor sum(const Tensor& x) { return reduce("sum", x, {}, 1); }

Tensor mean(const Tensor& x) {
  TELESCOPE_CHECK(x.numel() > 0, "mean", "input {} has no elements", x.shape());
  return reduce("mean", x, {}, 1.0 / static_cast<double>(x.numel()));
}

Tensor mean_per_sample(const Tensor& x) {
  TELESCOPE_CHECK(x.rank() >= 1, "mean_per_sample", "expected [N, ...], got {}", x.shape());
  const std::int64_t n = x.extent(0), length = n ? x.numel() / n : 1;
  TELESCOPE_CHECK(length > 0, "mean_per_sample", "samples of {} have no elements", x.shape());
  return reduce("mean_per_sample", x, {n}, 1.0 / static_cast<double>(length));
}

Tensor weighted_sum(const Tensor& x, const Tensor& weights) {
  TELESCOPE_CHECK(x.rank() == 1 && x.shape() == weights.shape() && x.dtype() == weights.dtype(),
                  "weighted_sum", "expected two tensors [N] alike, got {} {} and {} {}",
                  name_of(x.dtype()), x.shape(), name_of(weights.dtype()), weights.shape());
  const Tensor product = Tensor::empty({}, DType::f64, x.device());
  dispatch_float(x.dtype(), "weighted_sum", [&]<class T>() {
    kernels::dot(x.stream(), x.numel(), x.data<T>(), weights.data<T>(), product.data<double>());
  });
  const auto backward = [w = weights.detach()](const Tensor& dy, Gradients& gradients) {
    Tensor dx = Tensor::empty(w.shape(), w.dtype(), w.device());
    dispatch_float(w.dtype(), "weighted_sum", [&]<class T>() {
      kernels::scale_by(w.stream(), w.numel(), dy.data<T>(), w.data<T>(), dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  };
  return record("weighted_sum", product.to(x.dtype()), {x}, backward);
}

Tensor add_per_channel(const Tensor& x, const Tensor& vectors) {
  const Tensor e = cast(vectors, wide(vectors.dtype()));
  TELESCOPE_CHECK(x.rank() >= 2 && e.rank() == 2 && e.extent(0) == x.extent(0) &&
                      e.extent(1) == x.extent(-1) && wide(x.dtype()) == e.dtype(),
                  "add_per_channel",
                  "expected images [N,H,W,C] and vectors [N,C], got {} {} and {} {}",
                  name_of(x.dtype()), x.shape(), name_of(e.dtype()), e.shape());
  const kernels::PerChannel shape{e.extent(0), e.numel() ? x.numel() / e.numel() : 0, e.extent(1)};
  const Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  dispatch_activation(x.dtype(), "add_per_channel", [&]<class T>() {
    kernels::add_per_channel(x.stream(), shape, x.data<T>(), e.data<Wide<T>>(), y.data<T>());
  });
  const auto backward = [shape](const Tensor& dy, Gradients& gradients) {
    if (gradients.wants(1)) {
      Tensor de = Tensor::empty({shape.n, shape.c}, wide(dy.dtype()), dy.device());
      dispatch_activation(dy.dtype(), "add_per_channel", [&]<class T>() {
        kernels::sum_per_channel(dy.stream(), shape, dy.data<T>(), de.data<Wide<T>>());
      });
      gradients.give(1, std::move(de));
    }
    if (gradients.wants(0)) gradients.give(0, dy);
  };
  return record("add_per_channel", y, {x, e}, backward);
}

}  // namespace telescope
