// SPDX-License-Identifier: MIT
#include "apps/restoration.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/memory.h"
#include "core/profile.h"
#include "layers/pointwise.h"
#include "layers/transfer.h"

namespace telescope::app {
namespace {

constexpr double steps_per_unit = 127.5;  // images are in [-1, 1]

// By the same interpolation as the network's.
std::vector<std::uint8_t> enlarged_alpha(const Image& picture, std::int64_t scale) {
  if (picture.alpha.empty() || scale == 1) return picture.alpha;
  const std::vector<float> values(picture.alpha.begin(), picture.alpha.end());
  const Tensor alpha = enlarged(Tensor::from(values, {1, picture.height, picture.width, 1}), scale);
  std::vector<std::uint8_t> all;
  for (const float value : alpha.to_vector<float>()) {
    all.push_back(static_cast<std::uint8_t>(std::lrint(value)));
  }
  return all;
}

bool is_hole(const std::uint8_t* pixel) { return pixel[0] + pixel[1] + pixel[2] > 3 * 127; }

// What is missing is middle grey, as to the network in training.
void cut_holes(const Image& holes, const Tensor& x) {
  for (std::int64_t i = 0; i < x.numel(); i += 3) {
    if (is_hole(holes.rgb.data() + i)) std::fill_n(x.data<float>() + i, 3, 0.f);
  }
}

void keep_outside(const Image& holes, const Image& picture, Image& restored) {
  for (std::size_t i = 0; i < restored.rgb.size(); i += 3) {
    if (!is_hole(holes.rgb.data() + i)) std::copy_n(picture.rgb.data() + i, 3, &restored.rgb[i]);
  }
}

// What the network is given.
Tensor input_of(const Trained& trained, const Image& picture, const std::optional<Image>& holes,
                const RestorationOptions& options, const Tensor& t) {
  const Tensor x = to_tensor(picture);
  if (options.clean) {
    return trained.task.degrade(x, t, {.seed = options.seed, .stream = "restore", .step = 0}).input;
  }
  if (holes) cut_holes(*holes, x);
  return t.defined() ? scale(x, trained.task.image_share(options.time)) : x;
}

}  // namespace

Tensor enlarged(const Tensor& x, std::int64_t scale) {
  return scale == 1 ? x : interpolate(x, static_cast<double>(scale), Interpolation::bilinear);
}

double time_of_noise(const Task& task, double deviation) {
  return task.image_share(1 / (1 + deviation / steps_per_unit));
}
double noise_of_time(const Task& task, double t) {
  return (1 / task.image_share(t) - 1) * steps_per_unit;
}
double usual_noise(const Task& task) { return task.longest_time() == 1 ? 25 : 0; }

Restoration restore_picture(const Trained& trained, const Image& picture,
                            const std::optional<Image>& holes, const RestorationOptions& options,
                            const Device& device) {
  const NoGradGuard no_grad;
  const double start = now_seconds();
  const Task& task = trained.task;
  const std::int64_t enlarges = task.scale();
  TELESCOPE_CHECK(!holes || (holes->height == picture.height && holes->width == picture.width),
                  "--mask", "expected {} x {} pixels, as the picture has, got {} x {}",
                  picture.width, picture.height, holes->width, holes->height);
  Restoration r;
  if (options.clean) {
    TELESCOPE_CHECK(std::min(picture.height, picture.width) >= enlarges, "--clean",
                    "expected a picture of at least {0} x {0} pixels, got {1} x {2}", enlarges,
                    picture.width, picture.height);
    const auto whole = [&](int n) { return static_cast<int>(n / enlarges * enlarges); };
    r.original = top_left(picture, whole(picture.height), whole(picture.width));
  }
  const Image& given = r.original ? *r.original : picture;
  const Tensor t = task.has_time() ? Tensor::full({1}, options.time) : Tensor();
  Tensor input = input_of(trained, given, holes, options, t);
  const double share = task.has_time() ? task.image_share(options.time) : 1;
  r.degraded = to_image(scale(enlarged(input, enlarges), 1 / share));
  const Tiling tiling =
      tiling_for(trained, options.tiles, input.extent(1), input.extent(2), device);
  r.tiles = tiling.count(input.extent(1), input.extent(2));
  r.tile = r.tiles > 1 ? tiling.side : 0;
  reset_peak_memory(device);
  r.restored = to_image(restore(trained, input, t, tiling, device));
  r.peak_bytes = memory_use(device).peak;
  input = Tensor();
  if (holes) keep_outside(*holes, picture, r.restored);
  r.restored.alpha = options.clean ? given.alpha : enlarged_alpha(picture, enlarges);
  r.seconds = now_seconds() - start;
  if (r.original) {
    const Tensor target = to_tensor(*r.original);
    r.before = qualities(to_tensor(r.degraded), target)[0];
    r.after = qualities(to_tensor(r.restored), target)[0];
  }
  return r;
}

}  // namespace telescope::app
