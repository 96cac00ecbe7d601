// SPDX-License-Identifier: MIT
#include "apps/loader.h"

#include <utility>

namespace telescope::app {
namespace {

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
