// SPDX-License-Identifier: MIT
// Batches for training: random crops, prepared ahead by background threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "apps/dataset.h"
#include "core/philox.h"
#include "core/tensor.h"

namespace telescope::app {

/// Batches of random pictures, cropped at random and mirrored half of the time. Everything is drawn
/// from the key: the same key gives the same batch, whoever prepares it and when, and the first
/// samples of a batch do not depend on how many follow.
class CropSource {
 public:
  CropSource(std::shared_ptr<const Dataset> dataset, std::int64_t crop);
  /// May be called from several threads at once.
  Crops batch(std::int64_t n, const RandomKey& key) const;
  const Dataset& dataset() const { return *dataset_; }
  std::int64_t crop() const { return crop_; }

 private:
  std::shared_ptr<const Dataset> dataset_;
  std::int64_t crop_;
};

/// The same batches, cut out on a device where the whole set rests as bytes: the host draws, the
/// device crops.
class ResidentCrops {
 public:
  /// Nothing on the CPU, or unless the pictures are in memory, of one size, and take at most
  /// `share` of the device's memory.
  static std::unique_ptr<ResidentCrops> make(const CropSource& source, const Device& device,
                                             double share = 0.25);
  /// CropSource::batch() to the bit, on the device.
  Crops batch(std::int64_t n, const RandomKey& key) const;

 private:
  ResidentCrops(const Dataset& set, ImageSize size, std::int64_t crop, const Device& device);

  Tensor pictures_;  // u8 [count,H,W,3]
  Tensor low_;       // u8 [count,H/scale,W/scale,3], in sets of pairs
  std::int64_t scale_, crop_;
};

/// Prepares requested batches in the background and hands them out in the order of the requests:
///   Prefetcher prefetcher(source);
///   prefetcher.request(n, key(0));
///   for (step = 0; ...; ++step) {
///     prefetcher.request(n, key(step + 1));
///     const Crops crops = prefetcher.next();
class Prefetcher {
 public:
  explicit Prefetcher(CropSource source, int threads = 1);
  /// Stops after the batches in work; requests not yet begun are dropped.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  void request(std::int64_t n, const RandomKey& key);
  /// The batch of the oldest request not yet handed out; waits until it is there. What went wrong
  /// while it was prepared is thrown here. Error if nothing was requested.
  Crops next();
  /// Requests not yet handed out.
  std::int64_t pending() const { return static_cast<std::int64_t>(results_.size()); }

 private:
  void work();

  CropSource source_;
  std::deque<std::future<Crops>> results_;  // of the consumer alone
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<Crops()>> tasks_;
  bool stop_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace telescope::app
