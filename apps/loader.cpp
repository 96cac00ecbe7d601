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
}

Tensor CropSource::batch(std::int64_t n, const RandomKey& key) const {
  TELESCOPE_CHECK(n >= 0, "data", "a batch of {}", n);
  const Tensor x = Tensor::empty({n, crop_, crop_, 3});
  for (std::int64_t i = 0; i < n; ++i) {
    RandomSequence random = sample_sequence(key, i);
    const std::uint32_t index = random.below(static_cast<std::uint32_t>(dataset_->size()));
    dataset_->fill_crop(index, random, crop_, x.data<float>() + i * crop_ * crop_ * 3);
  }
  return x;
}

ResidentCrops::ResidentCrops(Tensor pictures, std::int64_t crop)
    : pictures_(std::move(pictures)), crop_(crop) {}

std::unique_ptr<ResidentCrops> ResidentCrops::make(const CropSource& source, const Device& device,
                                                   double share) {
  const Dataset& set = source.dataset();
  const auto size = set.common_size();
  if (device.is_cpu() || !size || std::min(size->height, size->width) < source.crop()) return {};
  const std::int64_t picture = std::int64_t{3} * size->height * size->width;
  const auto memory = static_cast<double>(runtime_of(device).info().memory);
  if (static_cast<double>(set.size() * picture) > share * memory) return {};

  const Tensor all = Tensor::empty({set.size(), size->height, size->width, 3}, DType::u8, device);
  const Tensor some = Tensor::empty({picture_chunk, size->height, size->width, 3}, DType::u8);
  for (std::int64_t first = 0; first < set.size(); first += picture_chunk) {
    const std::int64_t count = std::min(picture_chunk, set.size() - first);
    parallel_for(count, 1, [&](std::int64_t i, std::int64_t end) {
      for (; i < end; ++i) {
        const auto image = set.picture(first + i);
        std::copy(image->rgb.begin(), image->rgb.end(), some.data<std::uint8_t>() + i * picture);
      }
    });
    all.rows(first, count).copy_from(some.rows(0, count));
  }
  return std::unique_ptr<ResidentCrops>(new ResidentCrops(all, source.crop()));
}

Tensor ResidentCrops::batch(std::int64_t n, const RandomKey& key) const {
  TELESCOPE_CHECK(n >= 0, "data", "a batch of {}", n);
  const ImageSize size{static_cast<int>(pictures_.extent(1)),
                       static_cast<int>(pictures_.extent(2))};
  const Tensor crops = Tensor::empty({n, 4}, DType::i64);
  for (std::int64_t i = 0; i < n; ++i) {
    RandomSequence random = sample_sequence(key, i);
    const std::uint32_t index = random.below(static_cast<std::uint32_t>(pictures_.extent(0)));
    const CropPlace place = Dataset::draw_crop(size, random, crop_);
    std::int64_t* row = crops.data<std::int64_t>() + 4 * i;
    row[0] = index, row[1] = place.top, row[2] = place.left, row[3] = place.mirror;
  }
  return crop_pictures(pictures_, crops.to(pictures_.device()), crop_);
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
  std::packaged_task<Tensor()> task([this, n, key] { return source_.batch(n, key); });
  results_.push_back(task.get_future());
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

Tensor Prefetcher::next() {
  TELESCOPE_CHECK(!results_.empty(), "data", "a batch was asked for that was never requested");
  std::future<Tensor> result = std::move(results_.front());
  results_.pop_front();
  return result.get();
}

void Prefetcher::work() {
  for (;;) {
    std::packaged_task<Tensor()> task;
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
