// SPDX-License-Identifier: MIT
#include "apps/tiles.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/memory.h"

namespace telescope::app {
namespace {

constexpr std::int64_t step = 16;        // tiles begin at multiples of it
constexpr std::int64_t least_side = 64;  // half of it overlaps, and something must be left

std::int64_t round_down(std::int64_t n) { return n / step * step; }
std::int64_t round_up(std::int64_t n) { return round_down(n + step - 1); }

// From 0 to 1 without a kink, on [0, 1].
double smooth(double x) {
  x = std::clamp(x, 0.0, 1.0);
  return x * x * (3 - 2 * x);
}

// rows [1,H,W,3] -> the part of it.
Tensor part_of(const Tensor& x, const Stretch& rows, const Stretch& columns) {
  const Tensor part = Tensor::empty({1, rows.size, columns.size, 3});
  const std::int64_t width = x.extent(2);
  for (std::int64_t i = 0; i < rows.size; ++i) {
    std::copy_n(x.data<float>() + ((rows.first + i) * width + columns.first) * 3, columns.size * 3,
                part.data<float>() + i * columns.size * 3);
  }
  return part;
}

// y += the tile, weighted, from pixel (top, left) on.
void add_weighted(const Tensor& tile, const std::vector<float>& down,
                  const std::vector<float>& across, std::int64_t top, std::int64_t left,
                  const Tensor& y) {
  const float* from = tile.data<float>();
  for (std::size_t i = 0; i < down.size(); ++i) {
    const std::int64_t row = top + static_cast<std::int64_t>(i);
    float* to = y.data<float>() + (row * y.extent(2) + left) * 3;
    for (std::size_t j = 0; j < across.size(); ++j) {
      for (int c = 0; c < 3; ++c) *to++ += down[i] * across[j] * *from++;
    }
  }
}

}  // namespace

std::int64_t Tiling::overlap() const {
  const std::int64_t transition = local ? 32 : std::max<std::int64_t>(32, side / 4);
  return std::min(2 * reach + transition, side / 2);
}
std::int64_t Tiling::margin() const { return std::min(reach, overlap() / 4); }

std::vector<Stretch> Tiling::cut(std::int64_t extent) const {
  TELESCOPE_CHECK(side == 0 || (side >= least_side && side % step == 0), "--tile",
                  "expected a multiple of {} of at least {}, got {}", step, least_side, side);
  if (side == 0 || extent <= side) return {{0, extent}};
  const std::int64_t stride = side - overlap() - step;  // at most: beginnings are rounded up
  const std::int64_t steps = (extent - side + stride - 1) / stride;
  std::vector<Stretch> tiles;
  for (std::int64_t k = 0; k <= steps; ++k) {
    const std::int64_t first = round_up(k * (extent - side) / steps);
    tiles.push_back({first, std::min(side, extent - first)});
  }
  return tiles;
}

std::int64_t Tiling::count(std::int64_t height, std::int64_t width) const {
  return static_cast<std::int64_t>(cut(height).size() * cut(width).size());
}

std::vector<std::vector<float>> blending_weights(const std::vector<Stretch>& tiles,
                                                 const Tiling& tiling) {
  // u_k at the middle of output pixel p.
  const auto share = [&](std::size_t k, std::int64_t p) {
    if (k == 0) return 1.0;
    if (k == tiles.size()) return 0.0;
    const Stretch &before = tiles[k - 1], &tile = tiles[k];
    const auto begin = static_cast<double>(tile.first + tiling.margin());
    const auto end = static_cast<double>(before.first + before.size - tiling.margin());
    const double x = (static_cast<double>(p) + 0.5) / static_cast<double>(tiling.scale);
    return smooth((x - begin) / (end - begin));
  };
  std::vector<std::vector<float>> weights;
  for (std::size_t k = 0; k < tiles.size(); ++k) {
    std::vector<float>& weight = weights.emplace_back();
    const std::int64_t first = tiles[k].first * tiling.scale;
    for (std::int64_t p = first; p < first + tiles[k].size * tiling.scale; ++p) {
      weight.push_back(static_cast<float>(share(k, p) - share(k + 1, p)));
    }
  }
  return weights;
}

Tensor apply_in_tiles(const ImageFunction& f, const Tensor& x, const Tiling& tiling,
                      Device device) {
  const NoGradGuard no_grad;
  const std::int64_t height = x.extent(1), width = x.extent(2), scale = tiling.scale;
  const std::vector<Stretch> down = tiling.cut(height), across = tiling.cut(width);
  if (down.size() * across.size() == 1) return f(x.to(device)).to(Device{});
  const auto weights_down = blending_weights(down, tiling);
  const auto weights_across = blending_weights(across, tiling);
  const Tensor y = Tensor::zeros({1, height * scale, width * scale, 3});
  for (std::size_t i = 0; i < down.size(); ++i) {
    for (std::size_t j = 0; j < across.size(); ++j) {
      const Tensor tile = f(part_of(x, down[i], across[j]).to(device)).to(Device{});
      add_weighted(tile, weights_down[i], weights_across[j], down[i].first * scale,
                   across[j].first * scale, y);
    }
  }
  return y;
}

std::int64_t side_within(std::int64_t memory, std::int64_t most, const ImageFunction& f,
                         std::int64_t height, std::int64_t width, Device device) {
  constexpr std::int64_t probe = 256;  // more pixels than any kernel's tile, and soon done
  const NoGradGuard no_grad;
  if (height * width <= least_side * least_side) return 0;
  const std::int64_t rows = std::min(probe, height), columns = std::min(probe, width);
  const std::int64_t before = memory_use(device).current;
  reset_peak_memory(device);
  (void)f(Tensor::zeros({1, rows, columns, 3}, DType::f32, device));
  const double per_pixel =
      static_cast<double>(memory_use(device).peak - before) / static_cast<double>(rows * columns);
  const double pixels = static_cast<double>(memory) / per_pixel;
  if (static_cast<double>(height) * static_cast<double>(width) <= pixels &&
      std::max(height, width) <= most) {
    return 0;
  }
  TELESCOPE_CHECK(pixels >= least_side * least_side, "--memory",
                  "a tile of {0}x{0} pixels takes {1:.0f} MiB, got {2}", least_side,
                  std::ceil(per_pixel * least_side * least_side / (1 << 20)), memory >> 20);
  return std::min(most, round_down(static_cast<std::int64_t>(std::sqrt(pixels))));
}

}  // namespace telescope::app
