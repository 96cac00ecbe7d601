// SPDX-License-Identifier: MIT
// Tasks: what is done to a clean image, and what the network is to give back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "multilevel/samples.h"

namespace telescope::app {

/// Names the random numbers of one batch: they depend on these three alone.
struct NoiseKey {
  std::uint64_t seed = 0;
  std::string stream;
  std::uint64_t step = 0;
};

/// On which mesh images are degraded.
enum class Placement {
  finest,     ///< on mesh 0, and the degraded image is restricted: arXiv:2501.12739
  every_mesh  ///< anew on every mesh, from the restricted clean image. Noise and boxes are those of
  ///< every other pixel of the finer mesh, so that noise keeps its deviation; a blur has
  ///< the same width in pixels of mesh 0
};
std::string_view name_of(Placement placement);  ///< "finest", "every-mesh"
Placement parse_placement(std::string_view text);

/// How a network's output is compared with the target.
enum class Loss {
  mse,  ///< mean squared error of images in [-1, 1]
  ssim  ///< 1 - SSIM
};
std::string_view name_of(Loss loss);  ///< "mse", "ssim"
Loss parse_loss(std::string_view text);

/// One way to degrade images. Clean images are [N,H,W,3] in [-1, 1], and the target of the network.
class Task {
 public:
  struct Kind;
  /// One of task_names(); `scale`, of super-resolution, is 2, 3 or 4. Error for others.
  explicit Task(std::string_view name, std::int64_t scale = 2,
                Placement placement = Placement::finest);

  std::string_view name() const;
  /// In one line, what it does to an image.
  std::string_view description() const;
  /// Whether samples have a time, which the network is to see.
  bool has_time() const;
  /// Times are from 0 to below this; 0: there are none.
  double longest_time() const;
  /// The share of the image itself in its input at time t, the rest is noise: t to denoise, else
  /// 1 - t. So it is also the time at which the image has share t.
  double image_share(double t) const;
  /// How many times higher and wider the target is than the input.
  std::int64_t scale() const { return scale_; }
  /// What arXiv:2501.12739 trains on.
  Loss usual_loss() const;

  /// Degraded samples: times, noise and boxes are drawn from the key.
  Samples degrade(const Tensor& clean, const NoiseKey& key) const;
  /// The same with the times given, t [N], where the task has a time.
  Samples degrade(const Tensor& clean, const Tensor& t, const NoiseKey& key) const;
  /// Every picture `draws` times, its times spread evenly over the task's: one in each of as many
  /// parts. For validation, whose mean over few pictures would else tell more about the times that
  /// were drawn than about the network. Rows: all pictures, then all again, ...
  Samples degrade_evenly(const Tensor& clean, std::int64_t draws, const NoiseKey& key) const;

  /// The samples with the partners of a set of pairs, [N,H/scale,W/scale,3], as input of
  /// super-resolution, rather than the means of pixels it made. Nothing changes for other tasks,
  /// without partners, and with Placement::every_mesh, which degrades clean images alone.
  Samples with_partners(Samples samples, const Tensor& low) const;

  /// How its samples come to coarser meshes: clean images by `restriction`, the rest as placement()
  /// says.
  Coarsening coarsening(Restriction restriction) const;

 private:
  Tensor times(std::int64_t n, const NoiseKey& key, Device device) const;

  const Kind* kind_;
  std::int64_t scale_;
  Placement placement_;
};

/// denoise, deblur, inpaint, super-resolve.
std::span<const std::string_view> task_names();

/// SSIM [N] of images [N,H,W,C] in [-1, 1], which it is defined for in [0, 1] (layers/loss.h).
Tensor ssim_of_images(const Tensor& y, const Tensor& target);
/// Losses [N] of outputs against targets of one shape [N,H,W,C].
Tensor loss_per_sample(Loss loss, const Tensor& y, const Tensor& target);

}  // namespace telescope::app
