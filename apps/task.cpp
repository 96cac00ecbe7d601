// SPDX-License-Identifier: MIT
#include "apps/task.h"

#include <array>
#include <vector>

#include "layers/blur.h"
#include "layers/cast.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/pointwise.h"
#include "layers/random.h"
#include "layers/structure.h"

namespace telescope::app {

/// What a task is made of. The degraded image is a function of the clean one and of what was drawn.
struct Task::Kind {
  std::string_view name, description;
  double longest_time = 0;  ///< times are uniform in [0, longest_time); 0: it has none
  bool boxes = false;
  Loss loss = Loss::mse;
  /// clean and target on mesh `mesh`, time, noise and mask to the input.
  Tensor (*input)(const Samples& s, Mesh mesh, std::int64_t scale) = nullptr;
};

namespace {

constexpr double blur_sigma = 3;  // pixels of mesh 0

// x_t = t x + (1 - t) z
Tensor noisy(const Samples& s, Mesh, std::int64_t) { return mix(s.target, s.noise, s.time); }

// (1 - t) B x + t z
Tensor blurred(const Samples& s, Mesh mesh, std::int64_t) {
  const double sigma = blur_sigma / static_cast<double>(mesh.spacing());
  return mix(s.noise, gaussian_blur(s.target, sigma), s.time);
}

// (1 - t) m x + t z
Tensor with_gaps(const Samples& s, Mesh, std::int64_t) {
  return mix(s.noise, s.mask * s.target, s.time);
}

// The mean of scale x scale pixels.
Tensor small(const Samples& s, Mesh, std::int64_t scale) {
  return interpolate(s.target, 1 / static_cast<double>(scale), Interpolation::area);
}

constexpr std::array<Task::Kind, 4> kinds = {{
    {"denoise", "x_t = t x + (1 - t) z, z normal, t uniform in [0, 1]", 1, false, Loss::mse, noisy},
    {"deblur",
     "(1 - t) B x + t z, B a circular Gaussian of 3 pixels, z normal, t uniform in [0, 0.1]", 0.1,
     false, Loss::mse, blurred},
    {"inpaint", "(1 - t) m x + t z, m 0 in three random boxes, z normal, t uniform in [0, 0.1]",
     0.1, true, Loss::mse, with_gaps},
    {"super-resolve", "means of 2x2 (3x3, 4x4: --scale) pixels, to be made large again", 0, false,
     Loss::ssim, small},
}};

constexpr std::array<std::string_view, kinds.size()> names = {kinds[0].name, kinds[1].name,
                                                              kinds[2].name, kinds[3].name};

const Task::Kind& kind_of(std::string_view name) {
  for (const Task::Kind& kind : kinds) {
    if (kind.name == name) return kind;
  }
  raise("--task", "expected denoise, deblur, inpaint or super-resolve, got '{}'", name);
}

RandomKey stream(const NoiseKey& key, const char* what) {
  return {key.seed, key.stream + "/" + what, key.step};
}

template <class Enum>
Enum parse(const char* option, std::string_view text, Enum a, Enum b) {
  for (const Enum value : {a, b}) {
    if (name_of(value) == text) return value;
  }
  raise(option, "expected {} or {}, got '{}'", name_of(a), name_of(b), text);
}

}  // namespace

std::string_view name_of(Placement placement) {
  return placement == Placement::finest ? "finest" : "every-mesh";
}
Placement parse_placement(std::string_view text) {
  return parse("--degrade", text, Placement::finest, Placement::every_mesh);
}
std::string_view name_of(Loss loss) { return loss == Loss::mse ? "mse" : "ssim"; }
Loss parse_loss(std::string_view text) { return parse("--loss", text, Loss::mse, Loss::ssim); }

std::span<const std::string_view> task_names() { return names; }

Task::Task(std::string_view name, std::int64_t scale, Placement placement)
    : kind_(&kind_of(name)), scale_(kind_->input == small ? scale : 1), placement_(placement) {
  TELESCOPE_CHECK(scale >= 2 && scale <= 4, "--scale", "expected 2, 3 or 4, got {}", scale);
  TELESCOPE_CHECK(kind_->input == small || scale == 2, "--scale",
                  "is for super-resolve; {} keeps the size of an image", name);
}

std::string_view Task::name() const { return kind_->name; }
std::string_view Task::description() const { return kind_->description; }
bool Task::has_time() const { return longest_time() > 0; }
double Task::longest_time() const { return kind_->longest_time; }
double Task::image_share(double t) const { return kind_->input == noisy ? t : 1 - t; }
Loss Task::usual_loss() const { return kind_->loss; }

Tensor Task::times(std::int64_t n, const NoiseKey& key, Device device) const {
  if (!has_time()) return {};
  return random_uniform({n}, stream(key, "t"), 0, kind_->longest_time, DType::f32, device);
}

Samples Task::degrade(const Tensor& clean, const NoiseKey& key) const {
  return degrade(clean, times(clean.extent(0), key, clean.device()), key);
}

Samples Task::degrade(const Tensor& clean, const Tensor& t, const NoiseKey& key) const {
  Samples samples{.input = {}, .target = clean, .time = t, .ids = {}};
  if (has_time()) {
    samples.noise = random_normal(clean.shape(), stream(key, "z"), DType::f32, clean.device());
  }
  if (kind_->boxes) {
    samples.mask = random_boxes(clean.shape(), stream(key, "boxes"), 3, DType::f32, clean.device());
  }
  samples.input = kind_->input(samples, Mesh{0}, scale_);
  if (placement_ == Placement::finest) samples.noise = samples.mask = {};
  return samples;
}

Samples Task::degrade_evenly(const Tensor& clean, std::int64_t draws, const NoiseKey& key) const {
  if (!has_time()) draws = 1;  // nothing is drawn: they would all be the same
  const std::int64_t n = clean.extent(0);
  const std::vector<Tensor> repeated(static_cast<std::size_t>(draws), clean);
  const Tensor t = times(draws * n, key, Device());
  for (std::int64_t draw = 0; t.defined() && draw < draws; ++draw) {
    for (std::int64_t i = 0; i < n; ++i) {
      float& time = t.data<float>()[draw * n + i];
      // Neighbours start in different parts, so that the first pictures show all kinds of noise.
      const auto part = static_cast<double>((draw + i) % draws);
      time = static_cast<float>((kind_->longest_time * part + time) / static_cast<double>(draws));
    }
  }
  return degrade(concat_rows(repeated), t.defined() ? t.to(clean.device()) : t, key);
}

Samples Task::with_partners(Samples samples, const Tensor& low) const {
  if (!low.defined() || kind_->input != small || placement_ != Placement::finest) return samples;
  TELESCOPE_CHECK(low.shape() == samples.input.shape(), "--scale",
                  "expected pairs of scale {}, got {} for {}", scale_, low.shape(),
                  samples.target.shape());
  samples.input = low;
  return samples;
}

Coarsening Task::coarsening(Restriction restriction) const {
  if (placement_ == Placement::finest) return telescope::coarsening(restriction);
  return [kind = kind_, scale = scale_, restriction](const Samples& fine, Mesh to) {
    const auto every_other = [](const Tensor& x) {
      return x.defined() ? restrict(x, Restriction::injection) : x;
    };
    Samples coarse = fine;
    coarse.target = restrict(fine.target, restriction);
    coarse.noise = every_other(fine.noise);
    coarse.mask = every_other(fine.mask);
    coarse.input = kind->input(coarse, to, scale);
    return coarse;
  };
}

namespace {
// Images in [-1, 1] as images in [0, 1].
Tensor in_unit_range(const Tensor& x) {
  return scale(x + Tensor::full(x.shape(), 1, x.dtype(), x.device()), 0.5);
}
}  // namespace

Tensor ssim_of_images(const Tensor& y, const Tensor& target) {
  return ssim_per_sample(in_unit_range(cast(y, target.dtype())), in_unit_range(target), 1);
}

Tensor loss_per_sample(Loss loss, const Tensor& y, const Tensor& target) {
  if (loss == Loss::mse) return mse_per_sample(y, target);
  const Tensor similarity = ssim_of_images(y, target);
  return Tensor::full(similarity.shape(), 1, similarity.dtype(), y.device()) - similarity;
}

}  // namespace telescope::app
