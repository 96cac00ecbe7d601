// SPDX-License-Identifier: MIT
#include "apps/loader.h"

#include <algorithm>
#include <utility>

#include "core/device_runtime.h"
#include "core/parallel.h"
#include "layers/crop.h"

namespace telescope::app {
namespace {

constexpr std::int64_t picture_chunk = 64;  // pictures that are copied to a device at a time

// A stream of its own for sample i, so that samples may be prepared in any order.
RandomSequence sample_sequence(const RandomKey& key, std::int64_t i) {
  const PhiloxBlock words = key.words(static_cast<std::uint64_t>(i));
  RandomKey own;
  own.key = {words[0], words[1]};
  own.step = words[2] | std::uint64_t{words[3]} << 32;
  return RandomSequence(own);
}

}  // namespace

CropSource::CropSource(std::shared_ptr<const Dataset> dataset, std::int64_t crop)
    : dataset_(std::move(dataset)), crop_(crop) {
  TELESCOPE_CHECK(dataset_ != nullptr, "data", "expected a set of pictures, got none");
  TELESCOPE_CHECK(crop >= 1, "data", "expected crops of at least 1, got {}", crop);
  (void)dataset_->empty_crops(0, crop);  // Error now rather than at the first batch
}

Crops CropSource::batch(std::int64_t n, const RandomKey& key) const {
  TELESCOPE_CHECK(n >= 0, "data", "a batch of {}", n);
  const Crops crops = dataset_->empty_crops(n, crop_);
  for (std::int64_t i = 0; i < n; ++i) {
    RandomSequence random = sample_sequence(key, i);
    const std::uint32_t index = random.below(static_cast<std::uint32_t>(dataset_->size()));
    dataset_->fill_crop(index, random, crop_, crops.clean_of(i), crops.low_of(i));
  }
  return crops;
}

std::unique_ptr<ResidentCrops> ResidentCrops::make(const CropSource& source, const Device& device,
                                                   double share) {
  const Dataset& set = source.dataset();
  const auto size = set.common_size();
  if (device.is_cpu() || !size || std::min(size->height, size->width) < source.crop()) return {};
  const std::int64_t pixels = std::int64_t{size->height} * size->width;
  const std::int64_t low = set.scale() > 1 ? pixels / (set.scale() * set.scale()) : 0;
  const auto memory = static_cast<double>(runtime_of(device).info().memory);
  if (static_cast<double>(set.size() * 3 * (pixels + low)) > share * memory) return {};
  return std::unique_ptr<ResidentCrops>(new ResidentCrops(set, *size, source.crop(), device));
}

ResidentCrops::ResidentCrops(const Dataset& set, ImageSize size, std::int64_t crop,
                             const Device& device)
    : scale_(set.scale()), crop_(crop) {
  const auto reserve = [&](std::int64_t count, std::int64_t r, const Device& where) {
    return Tensor::empty({count, size.height / r, size.width / r, 3}, DType::u8, where);
  };
  const auto copy = [](const Image& image, const Tensor& to, std::int64_t i) {
    std::copy(image.rgb.begin(), image.rgb.end(),
              to.data<std::uint8_t>() + i * static_cast<std::int64_t>(image.rgb.size()));
  };
  pictures_ = reserve(set.size(), 1, device);
  const Tensor some = reserve(picture_chunk, 1, {});
  Tensor some_low;
  if (scale_ > 1) low_ = reserve(set.size(), scale_, device);
  if (scale_ > 1) some_low = reserve(picture_chunk, scale_, {});
  for (std::int64_t first = 0; first < set.size(); first += picture_chunk) {
    const std::int64_t count = std::min(picture_chunk, set.size() - first);
    parallel_for(count, 1, [&](std::int64_t i, std::int64_t end) {
      for (; i < end; ++i) {
        const PicturePair pair = set.pair(first + i);
        copy(*pair.clean, some, i);
        if (pair.low) copy(*pair.low, some_low, i);
      }
    });
    pictures_.rows(first, count).copy_from(some.rows(0, count));
    if (scale_ > 1) low_.rows(first, count).copy_from(some_low.rows(0, count));
  }
}

Crops ResidentCrops::batch(std::int64_t n, const RandomKey& key) const {
  TELESCOPE_CHECK(n >= 0, "data", "a batch of {}", n);
  const ImageSize size{static_cast<int>(pictures_.extent(1)),
                       static_cast<int>(pictures_.extent(2))};
  const bool pairs = low_.defined();
  const Tensor places = Tensor::empty({pairs ? 2 * n : n, 4}, DType::i64);
  for (std::int64_t i = 0; i < n; ++i) {
    RandomSequence random = sample_sequence(key, i);
    const std::uint32_t index = random.below(static_cast<std::uint32_t>(pictures_.extent(0)));
    const CropPlace place = Dataset::draw_crop(size, scale_, random, crop_);
    const auto put = [&](std::int64_t row, std::int64_t scale) {
      std::int64_t* to = places.data<std::int64_t>() + 4 * row;
      to[0] = index, to[1] = place.top / scale, to[2] = place.left / scale, to[3] = place.mirror;
    };
    put(i, 1);
    if (pairs) put(n + i, scale_);
  }
  const Tensor there = places.to(pictures_.device());
  return {crop_pictures(pictures_, there.rows(0, n), crop_),
          pairs ? crop_pictures(low_, there.rows(n, n), crop_ / scale_) : Tensor()};
}

Prefetcher::Prefetcher(CropSource source, int threads) : source_(std::move(source)) {
  TELESCOPE_CHECK(threads >= 1, "data", "expected at least one thread, got {}", threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  threads_.clear();  // joins
}

void Prefetcher::request(std::int64_t n, const RandomKey& key) {
  std::packaged_task<Crops()> task([this, n, key] { return source_.batch(n, key); });
  results_.push_back(task.get_future());
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

Crops Prefetcher::next() {
  TELESCOPE_CHECK(!results_.empty(), "data", "a batch was asked for that was never requested");
  std::future<Crops> result = std::move(results_.front());
  results_.pop_front();
  return result.get();
}

void Prefetcher::work() {
  for (;;) {
    std::packaged_task<Crops()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (stop_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace telescope::app
