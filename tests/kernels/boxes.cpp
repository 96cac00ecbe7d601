// SPDX-License-Identifier: MIT
#include "kernels/boxes/boxes.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {

template <class T>
std::vector<T> boxes(const kernels::BoxesShape& s, std::uint64_t step = 0) {
  const Tensor mask = empty_on_device({s.n, s.h, s.w, s.c}, dtype_of<T>);
  kernels::random_boxes(test_stream(), RandomKey(3, "boxes", step), s, mask.data<T>());
  return mask.to_vector<T>();
}

// The contract, pixel by pixel.
bool missing(const RandomKey& key, const kernels::BoxesShape& s, std::int64_t i, std::int64_t r,
             std::int64_t j) {
  for (std::int64_t b = 0; b < s.boxes; ++b) {
    const PhiloxBlock words = key.words(static_cast<std::uint64_t>(i * s.boxes + b));
    const auto uniform = [&](int word, std::int64_t n) {
      return static_cast<std::int64_t>(std::ldexp(static_cast<double>(words[word]), -32) *
                                       static_cast<double>(n));
    };
    const auto side = [&](int word, std::int64_t extent) {
      const auto least = static_cast<std::int64_t>(std::ceil(static_cast<double>(extent) / 8)),
                 most = static_cast<std::int64_t>(std::ceil(static_cast<double>(extent) / 2));
      return least + uniform(word, most - least + 1);
    };
    const std::int64_t height = side(0, s.h), width = side(1, s.w);
    const std::int64_t top = uniform(2, s.h - height + 1), left = uniform(3, s.w - width + 1);
    if (r >= top && r < top + height && j >= left && j < left + width) return true;
  }
  return false;
}

template <class T>
void check_boxes(const kernels::BoxesShape& s) {
  const auto mask = boxes<T>(s, 5);
  std::int64_t wrong = 0;
  for (std::size_t at = 0; at < mask.size(); ++at) {
    const auto pixel = static_cast<std::int64_t>(at) / s.c;
    const bool gap =
        missing(RandomKey(3, "boxes", 5), s, pixel / (s.h * s.w), pixel / s.w % s.h, pixel % s.w);
    wrong += mask[at] != (gap ? T{0} : T{1});
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("pixels are missing where a box of their picture lies") {
  for (const ImageSize& image : images) {
    for (const std::int64_t c : {1, 3, 4}) {
      INFO(image.n << " of " << image.h << "x" << image.w << ", channels " << c);
      check_boxes<float>({image.n, image.h, image.w, c});
      if (test_device().is_cpu()) check_boxes<double>({image.n, image.h, image.w, c, 1});
    }
  }
}

TEST_CASE("a picture's boxes depend on the key and on its number alone") {
  const auto three = boxes<float>({3, 16, 24, 1}), two = boxes<float>({2, 16, 24, 1});
  CHECK(std::equal(two.begin(), two.end(), three.begin()));
  CHECK(boxes<float>({3, 16, 24, 1}, 1) != three);
  CHECK(std::set<std::vector<float>>{{three.begin(), three.begin() + 384},
                                     {three.begin() + 384, three.begin() + 768},
                                     {three.begin() + 768, three.end()}}
            .size() == 3);
}

TEST_CASE("boxes have all sizes and places, and no boxes leave a picture whole") {
  const auto whole = boxes<float>({4, 8, 8, 3, 0});
  CHECK(std::count(whole.begin(), whole.end(), 1.f) == 4 * 8 * 8 * 3);
  const std::int64_t n = 4000;
  const auto mask = boxes<float>({n, 16, 16, 1, 1});
  const auto gaps = static_cast<double>(std::count(mask.begin(), mask.end(), 0.f));
  // Sides are uniform among 2 .. 8: mean 5, variance 4. An area has mean 25, variance 29^2 - 25^2.
  CHECK(std::abs(gaps / n - 25) < 5 * std::sqrt((29. * 29 - 25 * 25) / n));
  std::vector<int> at(256);
  for (std::size_t i = 0; i < mask.size(); ++i) at[i % 256] += mask[i] == 0;
  CHECK(*std::min_element(at.begin(), at.end()) > 0);
}
