// SPDX-License-Identifier: MIT
#include "kernels/pixel_shuffle/pixel_shuffle.h"

#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("channels become pixels, and back", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const ImageSize& image : images)
    for (const std::int64_t c : {1, 3, 8})
      for (const std::int64_t r : {1, 2, 3, 4, 5}) {
        const kernels::PixelShuffleShape s{image.n, image.h, image.w, c, r};
        INFO("image " << s.n << "x" << s.h << "x" << s.w << ", c " << c << ", r " << r);
        const Tensor x = random_tensor({s.n, s.h, s.w, c * r * r}, dtype_of<T>);
        const Tensor y = empty_on_device({s.n, s.h * r, s.w * r, c}, dtype_of<T>);
        const Tensor expected = Tensor::empty(y.shape(), dtype_of<T>);
        const Tensor x_there = on_device(x), back = empty_on_device(x.shape(), dtype_of<T>);
        kernels::pixel_shuffle(test_stream(), s, x_there.data<T>(), y.data<T>());
        kernels::pixel_shuffle_backward(test_stream(), s, y.data<T>(), back.data<T>());
        for (std::int64_t e = 0; e < y.numel(); ++e) {
          const std::int64_t k = e % c, column = e / c % (s.w * r), row = e / c / (s.w * r);
          const std::int64_t pixel = row / r * s.w + column / r;  // row counts through all images
          expected.data<T>()[e] =
              x.data<T>()[pixel * c * r * r + k * r * r + row % r * r + column % r];
        }
        CHECK_SAME(y, expected);
        CHECK_SAME(back, x);
      }
}
