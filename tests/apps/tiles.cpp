// SPDX-License-Identifier: MIT
#include "apps/tiles.h"

#include <algorithm>
#include <cmath>

#include "core/memory.h"
#include "layers/conv2d.h"
#include "layers/norm.h"
#include "layers/pointwise.h"
#include "layers/structure.h"
#include "models/espcn.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

namespace {

// The greatest difference.
double furthest(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double most = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a.data<float>()[i] - b.data<float>()[i])));
  }
  return most;
}

}  // namespace

TEST_CASE("tiles cover an extent, begin at multiples of 16 and overlap as much as they must") {
  for (const std::int64_t reach : {0, 4, 18, 72}) {
    for (const std::int64_t side : {64, 80, 256, 512}) {
      const Tiling tiling{.side = side, .reach = reach, .local = reach == 4};
      for (std::int64_t extent = 1; extent < 3000; extent += 1 + extent / 7) {
        const auto tiles = tiling.cut(extent);
        INFO("extent " << extent << " in " << side << ", reach " << reach);
        CHECK(tiles.front().first == 0);
        CHECK(tiles.back().first + tiles.back().size == extent);
        CHECK((tiles.size() == 1) == (extent <= side));
        for (std::size_t k = 0; k + 1 < tiles.size(); ++k) {
          CHECK(tiles[k].first % 16 == 0);
          CHECK(tiles[k].size == side);
          CHECK(tiles[k].first + side - tiles[k + 1].first >= tiling.overlap());
        }
        CHECK(tiles.back().first % 16 == 0);
        CHECK(tiles.back().size <= side);
      }
    }
  }
  CHECK(Tiling{}.cut(5000) == std::vector<Stretch>{{0, 5000}});
  CHECK(Tiling{.side = 64}.count(64, 65) == 2);
  CHECK(Tiling{.side = 512, .reach = 4, .local = true}.overlap() == 2 * 4 + 32);
  CHECK(Tiling{.side = 512, .reach = 4}.overlap() == 2 * 4 + 128);
  CHECK(Tiling{.side = 512, .reach = 72}.overlap() == 256);
  for (const std::int64_t side : {16, 48, 100, -64}) {
    CHECK(error_of([&] { (void)Tiling{.side = side}.cut(10); }) ==
          "--tile: expected a multiple of 16 of at least 64, got " + std::to_string(side));
  }
}

TEST_CASE("weights sum to one everywhere, use no margin and have no step") {
  for (const std::int64_t scale : {1, 2, 3}) {
    for (const std::int64_t extent : {65, 200, 777}) {
      const Tiling tiling{.side = 64, .reach = 4, .scale = scale};
      const auto tiles = tiling.cut(extent);
      const auto weights = blending_weights(tiles, tiling);
      std::vector<double> sum(static_cast<std::size_t>(extent * scale));
      for (std::size_t k = 0; k < tiles.size(); ++k) {
        REQUIRE(weights[k].size() == static_cast<std::size_t>(tiles[k].size * scale));
        const auto margin = static_cast<std::size_t>(tiling.margin() * scale);
        const auto first = static_cast<std::size_t>(tiles[k].first * scale);
        for (std::size_t i = 0; i < weights[k].size(); ++i) {
          sum[first + i] += static_cast<double>(weights[k][i]);
          CHECK(weights[k][i] >= 0);
          if (i > 0) CHECK(std::abs(weights[k][i] - weights[k][i - 1]) < 0.15f);
          const bool inner = i >= margin && i + margin < weights[k].size();
          if (k > 0 && i < margin) CHECK(weights[k][i] == 0);
          if (k + 1 < tiles.size() && !inner && i >= margin) CHECK(weights[k][i] == 0);
        }
      }
      for (const double s : sum) CHECK(s == doctest::Approx(1).epsilon(1e-6));
    }
  }
}

TEST_CASE("a local network gives the same picture in tiles, whatever the size") {
  ESPCN net({.scale = 2});
  net.initialize(3);
  const ImageFunction f = [&](const Tensor& x) { return net(x); };
  for (const auto& [h, w] : {std::pair{64, 64}, {65, 1}, {70, 200}, {150, 97}}) {
    const Tensor x = random_tensor({1, h, w, 3});
    const Tensor whole = apply_in_tiles(f, x, {.scale = 2}, {});
    CHECK_SAME(whole, net(x).detach());
    const Tensor tiled = apply_in_tiles(f, x, {.side = 64, .reach = 4, .scale = 2}, {});
    CHECK(furthest(whole, tiled) < 2e-5);
  }
}

TEST_CASE("pixels that a cut may have changed are not used") {
  const ImageFunction f = [](const Tensor& x) {
    const Tensor y = x.clone();
    const std::int64_t h = x.extent(1), w = x.extent(2);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const std::int64_t row = i / 3 / w, column = i / 3 % w;
      const std::int64_t to_border = std::min({row, column, h - 1 - row, w - 1 - column});
      if (to_border < 4) y.data<float>()[i] = 1000.f;
    }
    return y;
  };
  const Tensor x = random_tensor({1, 130, 210, 3});
  CHECK(furthest(f(x), apply_in_tiles(f, x, {.side = 64, .reach = 4}, {})) < 1e-3);
}

TEST_CASE("strided and interpolated pixels fall where they fall in the whole picture") {
  const Tensor weight = random_tensor({12, 3, 3, 3});
  const ImageFunction f = [&](const Tensor& x) {
    return pixel_shuffle(conv2d(x, weight, {}, {.stride = 2, .padding = 1}), 2);
  };
  const Tensor x = random_tensor({1, 132, 170, 3});
  CHECK(furthest(f(x), apply_in_tiles(f, x, {.side = 64, .reach = 4}, {})) < 1e-4);
}

TEST_CASE("statistics of tiles differ, and go over into each other without a seam") {
  // Left darker than right: normalised by tiles, both halves come to grey.
  const std::int64_t width = 512;
  const Tensor x = Tensor::empty({1, 64, width, 3});
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    x.data<float>()[i] = static_cast<float>(i / 3 % width) / static_cast<float>(width);
  }
  const ImageFunction f = [](const Tensor& y) { return layer_norm(y); };
  const Tensor y = apply_in_tiles(f, x, {.side = 64, .reach = 2}, {});
  const Tensor untiled = f(x);
  CHECK(furthest(y, untiled) > 0.5);
  double step = 0;
  for (std::int64_t i = 3; i < 3 * width; ++i) {
    step =
        std::max(step, std::abs(static_cast<double>(y.data<float>()[i] - y.data<float>()[i - 3])));
  }
  CHECK(step < 0.25);  // a cut from one tile to the next would be one of about 1.7
}

TEST_CASE("the side is as large as memory allows") {
  const Tensor weight = random_tensor({32, 1, 1, 3}), back = random_tensor({3, 1, 1, 32});
  const ImageFunction f = [&](const Tensor& x) { return conv2d(conv2d(x, weight, {}), back, {}); };
  const std::int64_t per_pixel = 35 * 4, all = std::int64_t{1} << 40;
  CHECK(side_within(all, all, f, 3000, 4000, {}) == 0);
  CHECK(side_within(all, 512, f, 3000, 4000, {}) == 512);
  CHECK(side_within(all, 512, f, 512, 300, {}) == 0);
  const std::int64_t side = side_within(per_pixel * 320 * 320, all, f, 3000, 4000, {});
  CHECK(side % 16 == 0);
  CHECK(side <= 320);
  CHECK(side >= 240);
  // What was promised is kept.
  reset_peak_memory();
  const Tensor x = Tensor::zeros({1, side, side, 3});
  const std::int64_t before = memory_use().current;
  reset_peak_memory();
  (void)f(x);
  CHECK(memory_use().peak - before <= per_pixel * 320 * 320);
  const std::string refused = error_of([&] { (void)side_within(1 << 16, all, f, 300, 400, {}); });
  CHECK(refused == "--memory: a tile of 64x64 pixels takes 1 MiB, got 0");
}
