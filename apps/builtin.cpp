// SPDX-License-Identifier: MIT
#include "apps/builtin.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/philox.h"

namespace telescope::app {
namespace {

// Only +, *, / and sqrt, which round the same everywhere: sines and logarithms do not.
using Colour = std::array<float, 3>;

float between(RandomSequence& random, float low, float high) {
  return low + (high - low) * random.uniform();
}

// Mean 0, deviation 1, bounded: the sum of four uniform numbers.
float bell(RandomSequence& random) {
  const float sum = random.uniform() + random.uniform() + random.uniform() + random.uniform();
  return (sum - 2.f) * 1.7320508f;
}

std::array<float, 2> direction(RandomSequence& random) {
  for (;;) {
    const float x = between(random, -1, 1), y = between(random, -1, 1);
    const float square = x * x + y * y;
    if (square > 0.01f && square <= 1.f) {
      const float length = std::sqrt(square);
      return {x / length, y / length};
    }
  }
}

// A smooth wave of period 1 between -1 and 1, made of parabolas.
float wave(float t) {
  t = 2.f * (t - std::floor(t)) - 1.f;
  return 4.f * t * (1.f - std::abs(t));
}

// Colours of one picture: brightness scatters most, hue about one or two directions.
struct Palette {
  Colour base, tint, second;
  float contrast, chroma;

  explicit Palette(RandomSequence& random) {
    const float brightness = between(random, 0.3f, 0.65f);
    for (float& c : base) c = brightness + 0.08f * bell(random);
    for (float& c : tint) c = bell(random);
    for (float& c : second) c = bell(random);
    contrast = between(random, 0.12f, 0.28f);
    chroma = between(random, 0.02f, 0.1f);
  }
  Colour draw(RandomSequence& random) const {
    const float light = contrast * bell(random), a = chroma * bell(random);
    const float b = 0.4f * chroma * bell(random);
    Colour colour;
    for (std::size_t c = 0; c < 3; ++c) colour[c] = base[c] + light + a * tint[c] + b * second[c];
    return colour;
  }
};

// What covers the pixels of one leaf: value = colour + shading + grating.
struct Paint {
  Colour colour;
  float shade_x, shade_y, grating, wave_x, wave_y, phase;

  Paint(RandomSequence& random, const Palette& palette, float radius)
      : colour(palette.draw(random)) {
    const auto shade = direction(random), across = direction(random);
    const float slope = 0.08f * bell(random) / radius;
    shade_x = slope * shade[0], shade_y = slope * shade[1];
    const float frequency = 1.f / between(random, 4.f, 24.f);
    wave_x = frequency * across[0], wave_y = frequency * across[1];
    grating = 0.05f * random.uniform() * random.uniform();
    phase = random.uniform();
  }
  void put(float dx, float dy, float* out) const {
    const float light =
        shade_x * dx + shade_y * dy + grating * wave(wave_x * dx + wave_y * dy + phase);
    for (std::size_t c = 0; c < 3; ++c) out[c] = colour[c] + light;
  }
};

// Paints leaves from the front to the back: a pixel belongs to the first that covers it.
class Canvas {
 public:
  Canvas(int height, int width)
      : height_(height),
        width_(width),
        left_(std::int64_t{height} * width),
        pixels_(static_cast<std::size_t>(left_) * 3),
        covered_(static_cast<std::size_t>(left_)) {}

  std::int64_t left() const { return left_; }
  const float* pixel(int y, int x) const { return &pixels_[index(y, x) * 3]; }

  // Pixels whose offset (dx, dy) from the centre is inside; `reach` bounds the offsets.
  template <class Inside>
  void add(float centre_x, float centre_y, float reach, const Paint& paint, Inside&& inside) {
    const int top = std::max(0, static_cast<int>(std::ceil(centre_y - reach)));
    const int bottom = std::min(height_ - 1, static_cast<int>(std::floor(centre_y + reach)));
    const int first = std::max(0, static_cast<int>(std::ceil(centre_x - reach)));
    const int last = std::min(width_ - 1, static_cast<int>(std::floor(centre_x + reach)));
    for (int y = top; y <= bottom; ++y) {
      for (int x = first; x <= last; ++x) {
        const std::size_t i = index(y, x);
        if (covered_[i]) continue;
        const float dx = static_cast<float>(x) - centre_x, dy = static_cast<float>(y) - centre_y;
        if (!inside(dx, dy)) continue;
        covered_[i] = 1;
        --left_;
        paint.put(dx, dy, &pixels_[i * 3]);
      }
    }
  }

 private:
  std::size_t index(int y, int x) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }
  int height_, width_;
  std::int64_t left_;
  std::vector<float> pixels_;
  std::vector<std::uint8_t> covered_;
};

// Radii with density r^-3 between the two.
float draw_radius(RandomSequence& random, float least, float most) {
  const float a = 1.f / (least * least), b = 1.f / (most * most);
  return 1.f / std::sqrt(a + (b - a) * random.uniform());
}

void add_leaf(Canvas& canvas, RandomSequence& random, const Palette& palette, float height,
              float width, float least, float most) {
  const float radius = draw_radius(random, least, most);
  // Centres as far outside as the largest leaf reaches, so that the border is like the middle.
  const float x = between(random, -most, width + most), y = between(random, -most, height + most);
  const bool disc = random.uniform() < 0.5f;
  const Paint paint(random, palette, radius);
  if (disc) {
    canvas.add(x, y, radius, paint,
               [&](float dx, float dy) { return dx * dx + dy * dy <= radius * radius; });
    return;
  }
  const auto along = direction(random);
  const float aspect = between(random, 0.25f, 1.f), half = 0.9f * radius;
  canvas.add(x, y, radius * 1.28f, paint, [&](float dx, float dy) {
    return std::abs(along[0] * dx + along[1] * dy) <= half &&
           std::abs(along[0] * dy - along[1] * dx) <= half * aspect;
  });
}

std::uint8_t mean_of_four(const Canvas& canvas, int y, int x, int channel) {
  const float sum = canvas.pixel(2 * y, 2 * x)[channel] + canvas.pixel(2 * y, 2 * x + 1)[channel] +
                    canvas.pixel(2 * y + 1, 2 * x)[channel] +
                    canvas.pixel(2 * y + 1, 2 * x + 1)[channel];
  const float value = sum * (255.f / 4.f) + 0.5f;
  return static_cast<std::uint8_t>(std::clamp(value, 0.f, 255.f));
}

}  // namespace

Image draw_dead_leaves(std::uint64_t seed, std::uint64_t index, int height, int width) {
  TELESCOPE_CHECK(height > 0 && width > 0, "builtin pictures", "expected a size, got {} x {}",
                  width, height);
  RandomSequence random(RandomKey(seed, "dead leaves", index));
  const Palette palette(random);
  Canvas canvas(2 * height, 2 * width);
  const float largest = std::max(8.f, static_cast<float>(std::min(height, width)) * 0.7f);
  // What is left after so many leaves is background, as the gaps between leaves are.
  const std::int64_t most_leaves = 200 + std::int64_t{height} * width / 4;
  for (std::int64_t i = 0; i < most_leaves && canvas.left() > 0; ++i) {
    add_leaf(canvas, random, palette, static_cast<float>(2 * height), static_cast<float>(2 * width),
             4.f, largest);
  }
  const Paint background(random, palette, largest);
  canvas.add(0, 0, static_cast<float>(2 * (height + width)), background,
             [](float, float) { return true; });

  Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) image.pixel(y, x)[c] = mean_of_four(canvas, y, x, c);
    }
  }
  return image;
}

}  // namespace telescope::app
