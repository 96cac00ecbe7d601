// SPDX-License-Identifier: MIT
#include "apps/dataset.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "apps/builtin.h"
#include "apps/text.h"
#include "core/parallel.h"

namespace telescope::app {
namespace {

void check_crop(const Dataset& dataset, std::int64_t index, const Image& image, std::int64_t crop) {
  TELESCOPE_CHECK(crop >= 1 && crop <= image.height && crop <= image.width, "data",
                  "{} has {} x {} pixels, a crop of {} x {} was asked for", dataset.name(index),
                  image.width, image.height, crop, crop);
}

void copy_crop(const Image& image, const CropPlace& place, std::int64_t crop, float* out) {
  for (std::int64_t y = 0; y < crop; ++y) {
    const std::uint8_t* row =
        image.pixel(static_cast<int>(place.top + y), static_cast<int>(place.left));
    for (std::int64_t x = 0; x < crop; ++x) {
      const std::uint8_t* pixel = row + 3 * (place.mirror ? crop - 1 - x : x);
      for (int c = 0; c < 3; ++c) *out++ = static_cast<float>(pixel[c]) / 127.5f - 1.f;
    }
  }
}

void copy_crops(const PicturePair& images, const CropPlace& place, std::int64_t scale,
                std::int64_t crop, float* clean, float* low) {
  copy_crop(*images.clean, place, crop, clean);
  if (!low) return;
  copy_crop(*images.low, {place.top / scale, place.left / scale, place.mirror}, crop / scale, low);
}

}  // namespace

void log_to_stderr(std::string_view line) { std::fprintf(stderr, "%s\n", one_line(line).c_str()); }

void Dataset::fill_crop(std::int64_t index, RandomSequence& random, std::int64_t crop, float* clean,
                        float* low) const {
  const PicturePair images = pair(index);
  check_crop(*this, index, *images.clean, crop);
  const ImageSize size{images.clean->height, images.clean->width};
  copy_crops(images, draw_crop(size, scale(), random, crop), scale(), crop, clean, low);
}

CropPlace Dataset::draw_crop(ImageSize size, std::int64_t scale, RandomSequence& random,
                             std::int64_t crop) {
  const auto begin = [&](std::int64_t length) {
    return scale * random.below(static_cast<std::uint32_t>((length - crop) / scale + 1));
  };
  CropPlace place;  // drawn in this order
  place.top = begin(size.height);
  place.left = begin(size.width);
  place.mirror = random.below(2) == 1;
  return place;
}

void Dataset::fill_centre_crop(std::int64_t index, std::int64_t crop, float* clean,
                               float* low) const {
  const PicturePair images = pair(index);
  check_crop(*this, index, *images.clean, crop);
  const auto middle = [&](std::int64_t length) { return (length - crop) / 2 / scale() * scale(); };
  copy_crops(images, {middle(images.clean->height), middle(images.clean->width), false}, scale(),
             crop, clean, low);
}

Crops Dataset::empty_crops(std::int64_t n, std::int64_t crop) const {
  const std::int64_t r = scale();
  TELESCOPE_CHECK(crop % r == 0, "data",
                  "expected crops of a multiple of {}, the scale of the pairs, got {}: {}", r, crop,
                  description());
  return {Tensor::empty({n, crop, crop, 3}),
          r > 1 ? Tensor::empty({n, crop / r, crop / r, 3}) : Tensor()};
}

struct BuiltinDataset::Slot {
  mutable std::once_flag drawn;
  mutable std::shared_ptr<const Image> image;
};

BuiltinDataset::BuiltinDataset(std::uint64_t seed, std::int64_t crop, std::int64_t count)
    : seed_(seed), side_(static_cast<int>(2 * crop)) {
  TELESCOPE_CHECK(crop >= 1 && crop <= 8192, "builtin pictures",
                  "expected crops of 1 to 8192, got {}", crop);
  TELESCOPE_CHECK(count >= 1, "builtin pictures", "expected at least one, got {}", count);
  slots_ = std::vector<Slot>(static_cast<std::size_t>(count));
}
BuiltinDataset::~BuiltinDataset() = default;

std::int64_t BuiltinDataset::size() const { return static_cast<std::int64_t>(slots_.size()); }

std::shared_ptr<const Image> BuiltinDataset::picture(std::int64_t index) const {
  const Slot& slot = slots_.at(static_cast<std::size_t>(index));
  std::call_once(slot.drawn, [&] {
    slot.image = std::make_shared<Image>(
        draw_dead_leaves(seed_, static_cast<std::uint64_t>(index), side_, side_));
  });
  return slot.image;
}

std::string BuiltinDataset::name(std::int64_t index) const {
  return fmt::format("builtin picture {}", index);
}
std::string BuiltinDataset::description() const {
  return fmt::format("builtin: {} pictures of {} x {}, seed {}", size(), side_, side_, seed_);
}

Crops validation_set(const Dataset& dataset, std::int64_t count, std::int64_t crop) {
  TELESCOPE_CHECK(count >= 1, "validation", "expected at least one picture, got {}", count);
  count = std::min(count, dataset.size());
  const Crops crops = dataset.empty_crops(count, crop);
  parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      dataset.fill_centre_crop(i, crop, crops.clean_of(i), crops.low_of(i));
    }
  });
  return crops;
}

}  // namespace telescope::app
