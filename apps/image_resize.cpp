// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "apps/image.h"

namespace telescope::app {
namespace {

// What one pixel of the result is made of, along one axis: pixels from `first` on and their weights.
struct Tap {
  int first = 0;
  std::vector<float> weights;
};

// w_j ~ max(0, 1 - |j + 1/2 - c| / s) with c = (i + 1/2) from / to the middle of pixel i and half
// the width s = max(1, from / to); the weights sum to one, at the border too.
std::vector<Tap> taps(int from, int to) {
  const double ratio = static_cast<double>(from) / to, half = std::max(1., ratio);
  std::vector<Tap> all(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    Tap& tap = all[static_cast<std::size_t>(i)];
    const double middle = (i + 0.5) * ratio;
    tap.first = std::max(0, static_cast<int>(std::ceil(middle - half - 0.5)));
    const int last = std::min(from - 1, static_cast<int>(std::floor(middle + half - 0.5)));
    double sum = 0;
    for (int j = tap.first; j <= last; ++j) sum += 1 - std::abs(j + 0.5 - middle) / half;
    for (int j = tap.first; j <= last; ++j) {
      tap.weights.push_back(static_cast<float>((1 - std::abs(j + 0.5 - middle) / half) / sum));
    }
  }
  return all;
}

// out[o, i, k] = sum_j w_ij in[o, first_i + j, k] for `outer` blocks of rows of `inner` numbers.
std::vector<float> along(const std::vector<float>& in, const std::vector<Tap>& taps, int outer,
                         int length, int inner) {
  const auto row = static_cast<std::size_t>(inner);
  std::vector<float> out(static_cast<std::size_t>(outer) * taps.size() * row);
  float* to = out.data();
  for (int o = 0; o < outer; ++o) {
    for (const Tap& tap : taps) {
      const float* from =
          in.data() + (std::size_t(o) * std::size_t(length) + std::size_t(tap.first)) * row;
      for (const float weight : tap.weights) {
        for (std::size_t k = 0; k < row; ++k) to[k] += weight * from[k];
        from += row;
      }
      to += row;
    }
  }
  return out;
}

}  // namespace

Image resized(const Image& image, int height, int width) {
  TELESCOPE_CHECK(image.height >= 1 && image.width >= 1 && height >= 1 && width >= 1, "resize",
                  "expected at least one pixel, got {} x {} for {} x {}", width, height,
                  image.width, image.height);
  std::vector<float> x(image.rgb.begin(), image.rgb.end());
  x = along(x, taps(image.width, width), image.height, image.width, 3);
  x = along(x, taps(image.height, height), 1, image.height, 3 * width);
  Image result(height, width);
  std::transform(x.begin(), x.end(), result.rgb.begin(), [](float value) {
    return static_cast<std::uint8_t>(std::lrint(std::clamp(value, 0.f, 255.f)));
  });
  return result;
}

}  // namespace telescope::app
