// SPDX-License-Identifier: MIT
// Dropout whose mask belongs to a sample, shared by all meshes and all batches it appears in.
//
// Where the loss of a sample on a fine mesh is subtracted from its loss on the next coarser mesh,
// both must lose the same features, or the difference is noise. So a mask is not drawn for an array
// but looked up for a place: whether a feature is kept depends on the layer, the step, the sample's
// number, the pixel's position on the finest mesh and the channel, and on nothing else.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/philox.h"
#include "core/tensor.h"

namespace telescope {

/// y = x / (1 - p) where a feature is kept, 0 where it is dropped, each with probability p.
///
/// x [N, H, W, C]; of rank 1 or 2 it is [N] or [N, C] with one pixel, of rank 3 [N, W, C], of rank
/// 5 [N, D, H, W, C] with D H rows. sample_ids i64 [N]: equal ids lose the same features. Pixel (i,
/// j) stands at (i spacing, j spacing) of the finest mesh: with spacing s on a mesh and 2 s on the
/// next coarser one, the coarse mask is the injection of the fine one (every other row and column).
/// Backward computes the mask again: the key and the ids are kept, no activation. In place where
/// nobody else has a handle to x. Error if p is outside [0, 1], the ids are not i64 [N], or the
/// spacing is below 1 or too large for 32 bits.
///
/// Where `device_step` (i64 [1]) is defined, it takes the place of the step of the key; forward and
/// backward read it when they run, so that it must hold the same number for both.
Tensor dropout(Tensor x, double p, const RandomKey& key, const Tensor& sample_ids,
               std::int64_t spacing, const Tensor& device_step = {});

/// What the random layers of a network need to know beyond their input.
struct RandomContext {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  Tensor sample_ids;         ///< i64 [N], a number for each sample of the batch
  std::int64_t spacing = 1;  ///< of the mesh, in pixels of the finest one
  /// Where it is defined, i64 [1] on the device of the inputs, the step is read from it, and not
  /// from `step`, when the device gets there: a graph recorded once is replayed with other masks.
  Tensor device_step = {};
};

/// While one is alive, layers on this thread find its context; the innermost one counts.
class RandomScope {
 public:
  explicit RandomScope(RandomContext context);
  ~RandomScope();
  RandomScope(const RandomScope&) = delete;
  RandomScope& operator=(const RandomScope&) = delete;
  /// The context of this thread, null outside all scopes.
  static const RandomContext* current();

 private:
  RandomContext context_;
  const RandomContext* outer_;
};

/// The same with key (seed, "dropout/<layer_name>", step), ids and spacing of the current
/// RandomScope. Error if there is none, unless p is 0.
Tensor dropout(Tensor x, double p, std::string_view layer_name);

}  // namespace telescope
