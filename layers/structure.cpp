// SPDX-License-Identifier: MIT
#include "layers/structure.h"

#include "core/autograd.h"
#include "kernels/concat/concat.h"
#include "kernels/pixel_shuffle/pixel_shuffle.h"
#include "layers/cast.h"

namespace telescope {
namespace {

// The sum of extent `i` over all parts; Error unless all else is alike.
std::int64_t joined_extent(std::string_view operation, const std::vector<Tensor>& parts, int i) {
  TELESCOPE_CHECK(!parts.empty(), operation, "expected at least one tensor");
  for (const Tensor& part : parts) {
    TELESCOPE_CHECK(part.defined() && part.rank() >= 1, operation,
                    "expected tensors of rank 1 or more, got {}",
                    part.defined() ? part.shape().str() : "no tensor");
  }
  const Tensor& first = parts.front();
  std::int64_t sum = 0;
  for (const Tensor& part : parts) {
    TELESCOPE_CHECK(part.rank() == first.rank() && part.dtype() == first.dtype() &&
                        part.device() == first.device() &&
                        part.shape() == first.shape().with(i, part.extent(i)),
                    operation, "expected tensors alike but for extent {}, got {} {} and {} {}",
                    i < 0 ? i + first.rank() : i, name_of(first.dtype()), first.shape(),
                    name_of(part.dtype()), part.shape());
    sum += part.extent(i);
  }
  return sum;
}

// Copies `part` to (join) or from (not join) the channels of `whole` from `first` on.
void copy_channels(bool join, const Tensor& part, const Tensor& whole, std::int64_t first) {
  const std::int64_t columns = part.extent(-1), stride = whole.extent(-1);
  const std::int64_t rows = columns ? part.numel() / columns : 0;
  dispatch_activation(whole.dtype(), "concat_channels", [&]<class T>() {
    T *a = part.data<T>(), *b = whole.data<T>() + first;
    join ? kernels::copy_columns<T>(whole.stream(), rows, columns, a, columns, b, stride)
         : kernels::copy_columns<T>(whole.stream(), rows, columns, b, stride, a, columns);
  });
}

}  // namespace

Tensor concat_channels(const std::vector<Tensor>& tensors) {
  const std::vector<Tensor> parts = in_common_type(tensors);
  const std::int64_t channels = joined_extent("concat_channels", parts, -1);
  const Tensor& head = parts.front();
  const Tensor y = Tensor::empty(head.shape().with(-1, channels), head.dtype(), head.device());
  std::int64_t first = 0;
  std::vector<Shape> shapes;
  for (const Tensor& part : parts) {
    copy_channels(true, part, y, first);
    first += part.extent(-1);
    shapes.push_back(part.shape());
  }
  return record("concat_channels", y, parts, [shapes](const Tensor& dy, Gradients& gradients) {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < shapes.size(); from += shapes[i++][-1]) {
      if (!gradients.wants(i)) continue;
      Tensor dx = Tensor::empty(shapes[i], dy.dtype(), dy.device());
      copy_channels(false, dx, dy, from);
      gradients.give(i, std::move(dx));
    }
  });
}

Tensor concat_rows(const std::vector<Tensor>& parts) {
  const std::int64_t rows = joined_extent("concat_rows", parts, 0);
  const Tensor& head = parts.front();
  const Tensor y = Tensor::empty(head.shape().with(0, rows), head.dtype(), head.device());
  std::int64_t first = 0;
  std::vector<std::int64_t> counts;
  for (const Tensor& part : parts) {
    y.rows(first, part.extent(0)).copy_from(part);
    first += part.extent(0);
    counts.push_back(part.extent(0));
  }
  return record("concat_rows", y, parts, [counts](const Tensor& dy, Gradients& gradients) {
    std::int64_t from = 0;
    for (std::size_t i = 0; i < counts.size(); from += counts[i++]) {
      if (gradients.wants(i)) gradients.give(i, dy.rows(from, counts[i]));
    }
  });
}

Tensor pixel_shuffle(const Tensor& x, std::int64_t r) {
  TELESCOPE_CHECK(x.defined() && x.rank() == 4, "pixel_shuffle",
                  "expected an image [N,H,W,C r r], got {}",
                  x.defined() ? x.shape().str() : "no tensor");
  TELESCOPE_CHECK(r >= 1 && r <= 1024 && x.extent(3) % (r * r) == 0, "pixel_shuffle",
                  "input {} has {} channels, which are no multiple of {} times {}", x.shape(),
                  x.extent(3), r, r);
  const kernels::PixelShuffleShape s{x.extent(0), x.extent(1), x.extent(2), x.extent(3) / (r * r),
                                     r};
  const Tensor y = Tensor::empty({s.n, s.h * r, s.w * r, s.c}, x.dtype(), x.device());
  dispatch_activation(x.dtype(), "pixel_shuffle", [&]<class T>() {
    kernels::pixel_shuffle(x.stream(), s, x.data<T>(), y.data<T>());
  });
  return record("pixel_shuffle", y, {x},
                [s, shape = x.shape()](const Tensor& dy, Gradients& gradients) {
                  Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
                  dispatch_activation(dy.dtype(), "pixel_shuffle", [&]<class T>() {
                    kernels::pixel_shuffle_backward(dy.stream(), s, dy.data<T>(), dx.data<T>());
                  });
                  gradients.give(0, std::move(dx));
                });
}

}  // namespace telescope
