// SPDX-License-Identifier: MIT
#include "apps/pictures.h"

namespace telescope::app {
namespace {

constexpr std::uint64_t validation_noise = 3;
constexpr std::int64_t validation_draws = 4;  // of noise and time for each picture
constexpr std::int64_t held_out = 10;  // every tenth picture of a set with no part for validation

/// Some pictures of another set.
class Subset : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, bool validation) : whole_(std::move(whole)) {
    for (std::int64_t i = 0; i < whole_->size(); ++i) {
      if ((i % held_out == held_out - 1) == validation) indices_.push_back(i);
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  std::shared_ptr<const Image> picture(std::int64_t i) const override {
    return whole_->picture(indices_.at(static_cast<std::size_t>(i)));
  }
  PicturePair pair(std::int64_t i) const override {
    return whole_->pair(indices_.at(static_cast<std::size_t>(i)));
  }
  std::int64_t scale() const override { return whole_->scale(); }
  std::string name(std::int64_t i) const override {
    return whole_->name(indices_.at(static_cast<std::size_t>(i)));
  }
  std::optional<ImageSize> common_size() const override { return whole_->common_size(); }
  std::string description() const override {
    return fmt::format("{} of {}", size(), whole_->description());
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<std::int64_t> indices_;
};

}  // namespace

void check_scale(const Dataset& set, const Task& task) {
  TELESCOPE_CHECK(set.scale() == 1 || task.scale() == 1 || set.scale() == task.scale(), "--scale",
                  "expected {}, as pairs have it, got {}: {}", set.scale(), task.scale(),
                  set.description());
}

Pictures::Pictures(const RunOptions& options, const Log& log) {
  const DatasetOptions how{
      .crop = options.size, .resize = options.resize, .strict = options.strict, .log = log};
  auto training = open_dataset(options.data, Part::training, how);
  auto validation = options.validation.empty() ? open_dataset(options.data, Part::validation, how)
                                               : open_validation(options.validation, how);
  if (!validation) {
    TELESCOPE_CHECK(
        training->size() >= held_out, options.data,
        "expected at least {} pictures, of which every tenth is for validation, got {}; "
        "name another set with --validation",
        held_out, training->size());
    validation = std::make_shared<Subset>(training, true);
    training = std::make_shared<Subset>(training, false);
  }
  description_ =
      "training: " + training->description() + "\nvalidation: " + validation->description();
  const Task task(options.task, options.scale);
  check_scale(*training, task);
  check_scale(*validation, task);
  training_ = std::make_unique<CropSource>(std::move(training), options.size);
  const Crops middles = validation_set(*validation, options.validation_images, options.size);
  const NoiseKey noise{.seed = validation_noise, .stream = "validation", .step = 0};
  validation_ =
      task.with_partners(task.degrade_evenly(middles.clean, validation_draws, noise), middles.low);
}

}  // namespace telescope::app
