// SPDX-License-Identifier: MIT
#include "apps/dataset.h"

#include <algorithm>
#include <mutex>

#include "apps/builtin.h"
#include "core/parallel.h"

namespace telescope::app {
namespace {

void check_crop(const Dataset& dataset, std::int64_t index, const Image& image, std::int64_t crop) {
  TELESCOPE_CHECK(crop >= 1 && crop <= image.height && crop <= image.width, "data",
                  "{} has {} x {} pixels, a crop of {} x {} was asked for", dataset.name(index),
                  image.width, image.height, crop, crop);
}

void copy_crop(const Image& image, std::int64_t top, std::int64_t left, bool mirror,
               std::int64_t crop, float* out) {
  for (std::int64_t y = 0; y < crop; ++y) {
    const std::uint8_t* row = image.pixel(static_cast<int>(top + y), static_cast<int>(left));
    for (std::int64_t x = 0; x < crop; ++x) {
      const std::uint8_t* pixel = row + 3 * (mirror ? crop - 1 - x : x);
      for (int c = 0; c < 3; ++c) *out++ = static_cast<float>(pixel[c]) / 127.5f - 1.f;
    }
  }
}

}  // namespace

void Dataset::fill_crop(std::int64_t index, RandomSequence& random, std::int64_t crop,
                        float* out) const {
  const auto image = picture(index);
  check_crop(*this, index, *image, crop);
  const CropPlace place = draw_crop({image->height, image->width}, random, crop);
  copy_crop(*image, place.top, place.left, place.mirror, crop, out);
}

CropPlace Dataset::draw_crop(ImageSize size, RandomSequence& random, std::int64_t crop) {
  CropPlace place;  // drawn in this order
  place.top = random.below(static_cast<std::uint32_t>(size.height - crop + 1));
  place.left = random.below(static_cast<std::uint32_t>(size.width - crop + 1));
  place.mirror = random.below(2) == 1;
  return place;
}

void Dataset::fill_centre_crop(std::int64_t index, std::int64_t crop, float* out) const {
  const auto image = picture(index);
  check_crop(*this, index, *image, crop);
  copy_crop(*image, (image->height - crop) / 2, (image->width - crop) / 2, false, crop, out);
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

std::shared_ptr<const Dataset> open_dataset(const std::string& data, std::uint64_t seed,
                                            const FolderOptions& options) {
  if (data == "builtin") return std::make_shared<BuiltinDataset>(seed, options.crop);
  return std::make_shared<FolderDataset>(data, options);
}

Tensor validation_set(const Dataset& dataset, std::int64_t count, std::int64_t crop) {
  TELESCOPE_CHECK(count >= 1, "validation", "expected at least one picture, got {}", count);
  count = std::min(count, dataset.size());
  const Tensor x = Tensor::empty({count, crop, crop, 3});
  parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      dataset.fill_centre_crop(i, crop, x.data<float>() + i * crop * crop * 3);
    }
  });
  return x;
}

}  // namespace telescope::app
