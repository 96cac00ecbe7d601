// SPDX-License-Identifier: MIT
#include "kernels/channel/channel.h"

#include "core/parallel.h"
#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("add_per_channel and its backward, exact on whole numbers", T, float, double) {
  for (const auto& image : images) {
    for (const auto c : channels) {
      const kernels::PerChannel shape{image.n, image.h * image.w, c};
      INFO("[" << image.n << "," << image.h << "," << image.w << "," << c << "]");
      const Tensor x = random_integers({shape.n, shape.pixels, c}, 9, dtype_of<T>, 3);
      const Tensor e = random_integers({shape.n, c}, 9, dtype_of<T>, 4);
      const Tensor y = Tensor::empty(x.shape(), dtype_of<T>),
                   y_ref = Tensor::empty(x.shape(), dtype_of<T>);
      const Tensor de = Tensor::empty(e.shape(), dtype_of<T>),
                   de_ref = Tensor::zeros(e.shape(), dtype_of<T>);
      kernels::add_per_channel(Stream(), shape, x.data<T>(), e.data<T>(), y.data<T>());
      kernels::sum_per_channel(Stream(), shape, x.data<T>(), de.data<T>());
      for (std::int64_t i = 0; i < x.numel(); ++i) {
        const std::int64_t vector = i / (shape.pixels * c) * c + i % c;
        y_ref.data<T>()[i] = x.data<T>()[i] + e.data<T>()[vector];
        de_ref.data<T>()[vector] += x.data<T>()[i];
      }
      CHECK_SAME(y, y_ref);
      CHECK_SAME(de, de_ref);
    }
  }
}

TEST_CASE("sums per channel are the same bits on one thread and on several") {
  const kernels::PerChannel shape{3, 5003, 17};
  const Tensor dy = random_tensor({shape.n, shape.pixels, shape.c}, DType::f64, 3);
  const Tensor de = Tensor::empty({shape.n, shape.c}, DType::f64);
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    kernels::sum_per_channel(Stream(), shape, dy.data<double>(), de.data<double>());
    if (first.empty()) first = de.to_vector<double>();
    CHECK(de.to_vector<double>() == first);
  }
  set_thread_count(1);
}
