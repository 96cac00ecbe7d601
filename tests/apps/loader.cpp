// SPDX-License-Identifier: MIT
#include "apps/loader.h"

#include <atomic>
#include <cmath>

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

namespace {
// Pictures of one grey each, so that a sample shows where it came from.
class GreyPictures : public Dataset {
 public:
  std::int64_t size() const override { return 100; }
  std::shared_ptr<const Image> picture(std::int64_t index) const override {
    if (index == bad) throw Failure("the disk is gone");
    return std::make_shared<Image>(4, 4, static_cast<std::uint8_t>(index));
  }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  std::string description() const override { return "grey"; }
  std::atomic<std::int64_t> bad{-1};
};
// Pairs of scale 2: a pixel says which picture, row and column it is of, in both resolutions.
class Pairs : public Dataset {
 public:
  std::int64_t size() const override { return 70; }
  std::int64_t scale() const override { return 2; }
  std::shared_ptr<const Image> picture(std::int64_t index) const override {
    return drawn(index, 12, 16, 1);
  }
  PicturePair pair(std::int64_t index) const override {
    return {picture(index), drawn(index, 6, 8, 2)};
  }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  std::string description() const override { return "pairs"; }
  std::optional<ImageSize> common_size() const override { return ImageSize{12, 16}; }

 private:
  static std::shared_ptr<const Image> drawn(std::int64_t index, int height, int width, int step) {
    const auto image = std::make_shared<Image>(height, width);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        std::uint8_t* pixel = image->pixel(y, x);
        pixel[0] = static_cast<std::uint8_t>(index);
        pixel[1] = static_cast<std::uint8_t>(step * y),
        pixel[2] = static_cast<std::uint8_t>(step * x);
      }
    }
    return image;
  }
};
RandomKey key(std::uint64_t step) { return RandomKey(5, "data", step); }
}  // namespace

TEST_CASE("a batch depends on its key alone") {
  const CropSource source(std::make_shared<BuiltinDataset>(1, 8, 20), 8);
  const CropSource again(std::make_shared<BuiltinDataset>(1, 8, 20), 8);
  const Tensor batch = source.batch(6, key(3)).clean;
  CHECK(batch.shape() == Shape{6, 8, 8, 3});
  CHECK_SAME(again.batch(6, key(3)).clean, batch);
  CHECK(!difference(source.batch(6, key(4)).clean, batch, {0.1, 0.1}).empty());
  CHECK(!difference(source.batch(6, RandomKey(6, "data", 3)).clean, batch, {0.1, 0.1}).empty());
  CHECK_SAME(source.batch(2, key(3)).clean, batch.rows(0, 2));
  CHECK(source.batch(0, key(3)).clean.shape() == Shape{0, 8, 8, 3});
  for (const float value : batch.to_vector<float>()) CHECK(std::abs(value) <= 1.f);
}

TEST_CASE("a set that rests on the device gives the same batches") {
  const CropSource source(std::make_shared<BuiltinDataset>(1, 8, 150), 8);  // more than one chunk
  const auto resident = ResidentCrops::make(source, test_device());
  CHECK((resident == nullptr) == test_device().is_cpu());
  CHECK(ResidentCrops::make(source, test_device(), 0) == nullptr);  // no memory for it
  CHECK(ResidentCrops::make(CropSource(std::make_shared<GreyPictures>(), 2), test_device()) ==
        nullptr);  // of no known size
  if (!resident) return;
  for (std::uint64_t step = 0; step < 4; ++step) {
    const Tensor batch = resident->batch(50, key(step)).clean;
    CHECK(batch.device() == test_device());
    CHECK_SAME(batch, source.batch(50, key(step)).clean);
  }
  CHECK(resident->batch(0, key(3)).clean.shape() == Shape{0, 8, 8, 3});
  CHECK(error_of([&] { resident->batch(-1, key(0)); }) == "data: a batch of -1");
}

TEST_CASE("of pairs both crops are the same part of the same picture") {
  const CropSource source(std::make_shared<Pairs>(), 4);
  const Crops crops = source.batch(60, key(1));
  REQUIRE(crops.clean.shape() == Shape{60, 4, 4, 3});
  REQUIRE(crops.low.shape() == Shape{60, 2, 2, 3});
  const auto clean = to_images(crops.clean), low = to_images(crops.low);
  int mirrored = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const bool mirror = clean[i].pixel(0, 0)[2] > clean[i].pixel(0, 1)[2];
    mirrored += mirror;
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 2; ++x) {
        // The upper left of the four pixels above, which is the upper right one where mirrored.
        const std::uint8_t* above = clean[i].pixel(2 * y, 2 * x + mirror);
        CHECK(std::equal(above, above + 3, low[i].pixel(y, x)));
      }
    }
  }
  CHECK(mirrored > 10);
  CHECK(mirrored < 50);
  CHECK(error_of([] { CropSource(std::make_shared<Pairs>(), 5); }) ==
        "data: expected crops of a multiple of 2, the scale of the pairs, got 5: pairs");

  const Crops middle = validation_set(source.dataset(), 1, 6);  // of 12 x 16, even places
  CHECK(to_image(middle.clean).pixel(0, 0)[1] == 2);
  CHECK(to_image(middle.clean).pixel(0, 0)[2] == 4);
  CHECK(to_image(middle.low).pixel(0, 0)[1] == 2);
  CHECK(to_image(middle.low).pixel(0, 0)[2] == 4);

  Prefetcher prefetcher(source);
  prefetcher.request(60, key(1));
  CHECK_SAME(prefetcher.next().low, crops.low);
  if (const auto resident = ResidentCrops::make(source, test_device())) {
    const Crops there = resident->batch(60, key(1));
    CHECK_SAME(there.clean, crops.clean);
    CHECK_SAME(there.low, crops.low);
    CHECK(there.low.device() == test_device());
  }
}

TEST_CASE("all pictures are drawn, equally often") {
  const CropSource source(std::make_shared<GreyPictures>(), 2);
  std::vector<int> count(100);
  for (std::uint64_t step = 0; step < 100; ++step) {
    const Tensor batch = source.batch(100, key(step)).clean;
    for (std::int64_t i = 0; i < 100; ++i) {
      ++count[static_cast<std::size_t>(to_image(batch.rows(i, 1)).rgb[0])];
    }
  }
  double chi_square = 0;
  for (const int c : count) chi_square += (c - 100.) * (c - 100.) / 100.;
  CHECK(chi_square < 99 + 5 * std::sqrt(2 * 99.));
}

TEST_CASE("prefetched batches are those of the source, in order, for any number of threads") {
  const CropSource source(std::make_shared<BuiltinDataset>(2, 8, 20), 8);
  for (const int threads : {1, 2, 5}) {
    Prefetcher prefetcher(source, threads);
    for (std::uint64_t step = 0; step < 4; ++step) prefetcher.request(3, key(step));
    for (std::uint64_t step = 0; step < 20; ++step) {
      CHECK(prefetcher.pending() == 4);
      CHECK_SAME(prefetcher.next().clean, source.batch(3 + (step >= 4), key(step)).clean);
      prefetcher.request(4, key(step + 4));
    }
  }
}

TEST_CASE("what goes wrong in the background reaches the one who waits, and only there") {
  const auto pictures = std::make_shared<GreyPictures>();
  const CropSource source(pictures, 2);
  Prefetcher prefetcher(source, 2);
  prefetcher.request(300, key(0));
  CHECK(prefetcher.next().clean.extent(0) == 300);
  pictures->bad = 17;
  prefetcher.request(3000, key(1));
  CHECK_THROWS_AS(prefetcher.next(), Failure);
  pictures->bad = -1;
  prefetcher.request(3, key(2));
  CHECK(prefetcher.next().clean.extent(0) == 3);
  CHECK(error_of([&] { prefetcher.next(); }) ==
        "data: a batch was asked for that was never requested");
}

TEST_CASE("a prefetcher with work left stops cleanly") {
  const CropSource source(std::make_shared<BuiltinDataset>(3, 8, 20), 8);
  for (int round = 0; round < 20; ++round) {
    Prefetcher prefetcher(source, 3);
    for (std::uint64_t step = 0; step < 50; ++step) prefetcher.request(16, key(step));
    if (round % 2) prefetcher.next();
  }
}

TEST_CASE("wrong requests") {
  const auto set = std::make_shared<GreyPictures>();
  CHECK(!error_of([] { CropSource(nullptr, 4); }).empty());
  CHECK(error_of([&] { CropSource(set, 0); }) == "data: expected crops of at least 1, got 0");
  CHECK(error_of([&] { CropSource(set, 2).batch(-1, key(0)); }) == "data: a batch of -1");
  CHECK(!error_of([&] { CropSource(set, 5).batch(1, key(0)); }).empty());
  CHECK(!error_of([&] { Prefetcher(CropSource(set, 2), 0); }).empty());
}
