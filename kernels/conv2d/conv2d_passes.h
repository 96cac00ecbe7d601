// SPDX-License-Identifier: MIT
// What conv2d.h adds to the sums, in passes of their own: for implementations that store sums plus
// bias and nothing else.
#pragma once

#include "kernels/channel/channel.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/workspace.h"

namespace telescope::kernels {

/// y += offset + residual.
template <class T>
void add_after_bias(const Stream& stream, const Conv2dShape& shape,
                    const Conv2dEpilogue<T>& epilogue, T* y) {
  if (epilogue.offset) {
    const PerChannel pixels{shape.n, shape.out_h() * shape.out_w(), shape.k};
    add_per_channel<T>(stream, pixels, y, epilogue.offset, y);
  }
  if (epilogue.residual) {
    binary<T>(stream, Binary::add, shape.output_shape().numel(), y, epilogue.residual, y);
  }
}

/// dx = what compute(to) writes to `to`; or dx += it, by way of scratch memory.
template <class T, class F>
void overwrite_or_add(const Stream& stream, const Conv2dShape& shape, bool accumulate, T* dx,
                      const F& compute) {
  if (!accumulate) return compute(dx);
  const std::int64_t n = shape.input_shape().numel();
  const Workspace<T> sum(n, stream.device());
  compute(sum.data());
  binary<T>(stream, Binary::add, n, dx, sum.data(), dx);
}

}  // namespace telescope::kernels
