// SPDX-License-Identifier: MIT
// One picture through a trained network.
#pragma once

#include <optional>

#include "apps/image.h"
#include "apps/quality.h"
#include "apps/trained.h"

namespace telescope::app {

struct RestorationOptions {
  /// Pictures are clean and are degraded first, by the task, to see how much comes back.
  bool clean = false;
  std::uint64_t seed = 0;  ///< of what is drawn for that
  double time = 0;         ///< of every picture: how noisy it is
  TileOptions tiles;
};

/// The time of pictures with noise of that deviation, in steps of 0..255, which Task defines for
/// images in [-1, 1]: a noisy picture is (image + deviation noise), the network saw the share s of
/// it, s image + (1 - s) noise, so s = 1 / (1 + deviation / 127.5).
double time_of_noise(const Task& task, double deviation);
/// The deviation of the noise of what the task calls time `t`; the inverse.
double noise_of_time(const Task& task, double t);
/// What pictures are taken for where nothing is said: noise of 25 steps to denoise, else none.
double usual_noise(const Task& task);

/// x itself, or with a `scale` above 1 its bilinear interpolation: what a network has to be better
/// than.
Tensor enlarged(const Tensor& x, std::int64_t scale);

struct Restoration {
  Image degraded;  ///< as a picture, as large as `restored`
  Image restored;
  std::optional<Image> original;         ///< of clean pictures
  std::optional<Quality> before, after;  ///< of `degraded` and `restored` against it
  std::int64_t tile = 0, tiles = 1;      ///< tile 0: in one piece
  double seconds = 0;
  std::int64_t peak_bytes = 0;  ///< of tensors in use on the device
};

/// Restores `picture`, or with options.clean degrades it first (without the rows and columns beyond
/// a multiple of the task's scale). Its transparency is kept, enlarged where the task enlarges.
/// Where `holes`, a picture of the same size, is lighter than middle grey the picture is missing:
/// only there it is changed. Error if the sizes differ.
Restoration restore_picture(const Trained& trained, const Image& picture,
                            const std::optional<Image>& holes, const RestorationOptions& options,
                            const Device& device);

}  // namespace telescope::app
