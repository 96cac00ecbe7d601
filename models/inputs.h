// SPDX-License-Identifier: MIT
// What every network asks of its inputs.
#pragma once

#include <string_view>

#include "core/tensor.h"

namespace telescope {

/// Error unless x holds images [N,H,W,channels].
inline void check_images(std::string_view network, const Tensor& x, std::int64_t channels) {
  TELESCOPE_CHECK(x.defined() && x.rank() == 4 && x.extent(3) == channels, network,
                  "expected images [N,H,W,{}], got {}", channels,
                  x.defined() ? x.shape().str() : "none");
}

/// Error unless t holds a time for each of the images x.
inline void check_times(std::string_view network, const Tensor& t, const Tensor& x) {
  TELESCOPE_CHECK(t.defined() && t.shape() == Shape{x.extent(0)}, network,
                  "expected one time per image, shape [{}], got {}", x.extent(0),
                  t.defined() ? t.shape().str() : "none");
}

}  // namespace telescope
