// SPDX-License-Identifier: MIT
#include "kernels/channel/channel.h"

#include "core/convert.h"
#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("add_per_channel and its backward, exact on whole numbers", T, float, double,
                   bfloat16) {
  if (!runs_here<T>()) return;
  for (const auto& image : images) {
    for (const auto c : channels) {
      const kernels::PerChannel shape{image.n, image.h * image.w, c};
      INFO("[" << image.n << "," << image.h << "," << image.w << "," << c << "]");
      const Tensor x = random_integers({shape.n, shape.pixels, c}, 9, dtype_of<T>, 3);
      const Tensor e = random_integers({shape.n, c}, 9, dtype_of<Wide<T>>, 4);
      const Tensor y = empty_on_device(x.shape(), dtype_of<T>),
                   y_ref = Tensor::empty(x.shape(), DType::f64);
      const Tensor de = empty_on_device(e.shape(), dtype_of<Wide<T>>),
                   de_ref = Tensor::zeros(e.shape(), DType::f64);
      kernels::add_per_channel(test_stream(), shape, on_device(x).data<T>(),
                               on_device(e).data<Wide<T>>(), y.data<T>());
      kernels::sum_per_channel(test_stream(), shape, on_device(x).data<T>(), de.data<Wide<T>>());
      for (std::int64_t i = 0; i < x.numel(); ++i) {
        const std::int64_t vector = i / (shape.pixels * c) * c + i % c;
        const auto xi = convert_element<double>(x.data<T>()[i]);
        y_ref.data<double>()[i] = xi + double{e.data<Wide<T>>()[vector]};
        de_ref.data<double>()[vector] += xi;
      }
      CHECK_SAME(y, y_ref);
      CHECK_SAME(de, de_ref);
    }
  }
}

// Sizes at which a device cuts the pixels of a sample, and the channels.
TEST_CASE("many pixels, and more channels than a block is wide") {
  for (const kernels::PerChannel& shape :
       {kernels::PerChannel{2, 5003, 17}, {1, 2100, 8}, {2, 70, 1028}, {1, 9, 1027}}) {
    INFO(shape.n << " samples of " << shape.pixels << " pixels, " << shape.c << " channels");
    const Tensor dy = random_integers({shape.n, shape.pixels, shape.c}, 9);
    const Tensor de = empty_on_device({shape.n, shape.c}), y = on_device(dy).clone();
    const Tensor de_ref = Tensor::zeros({shape.n, shape.c}), y_ref = dy.clone();
    kernels::sum_per_channel(test_stream(), shape, y.data<float>(), de.data<float>());
    for (std::int64_t i = 0; i < dy.numel(); ++i) {
      de_ref.data<float>()[i / (shape.pixels * shape.c) * shape.c + i % shape.c] +=
          dy.data<float>()[i];
    }
    CHECK_SAME(de, de_ref);
    kernels::add_per_channel(test_stream(), shape, y.data<float>(), de.data<float>(),
                             y.data<float>());
    for (std::int64_t i = 0; i < dy.numel(); ++i) {
      y_ref.data<float>()[i] +=
          de_ref.data<float>()[i / (shape.pixels * shape.c) * shape.c + i % shape.c];
    }
    CHECK_SAME(y, y_ref);
  }
}

TEST_CASE_TEMPLATE("sums over samples add to what is there", T, float, double) {
  if (!runs_here<T>()) return;
  for (const auto c : {1, 17, 300}) {
    const Tensor e = random_integers({5, c}, 9, dtype_of<T>, 3), sum_ref = Tensor::full({c}, 1);
    const Tensor sum = on_device(Tensor::full({c}, 1, dtype_of<T>));
    kernels::sum_over_samples(test_stream(), 5, c, on_device(e).data<T>(), sum.data<T>());
    for (std::int64_t i = 0; i < 5 * c; ++i) {
      sum_ref.data<float>()[i % c] += static_cast<float>(e.data<T>()[i]);
    }
    CHECK_SAME(sum, sum_ref.to(dtype_of<T>));
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
