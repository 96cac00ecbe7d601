// SPDX-License-Identifier: MIT
// Sets of pictures to train on, opened by what the user calls them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/image.h"
#include "core/philox.h"

namespace telescope::app {

/// Where a crop begins, and whether it is mirrored left to right.
struct CropPlace {
  std::int64_t top = 0, left = 0;
  bool mirror = false;
};

/// A picture, and in sets of pairs the same in low resolution (else nothing).
struct PicturePair {
  std::shared_ptr<const Image> clean, low;
};

/// Crops [n,crop,crop,3] f32 in [-1, 1], and of sets of pairs the matching ones in low resolution,
/// [n,crop/scale,crop/scale,3]; else `low` is undefined.
struct Crops {
  Tensor clean, low;
  Crops to(const Device& device) const {
    return {clean.to(device), low.defined() ? low.to(device) : low};
  }
  /// Where sample `i` begins, on the CPU; null for one that is not there.
  float* clean_of(std::int64_t i) const { return begin(clean, i); }
  float* low_of(std::int64_t i) const { return low.defined() ? begin(low, i) : nullptr; }

 private:
  static float* begin(const Tensor& x, std::int64_t i) {
    return x.data<float>() + i * x.extent(1) * x.extent(2) * x.extent(3);
  }
};

/// Numbered pictures. All functions may be called from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  /// At least 1.
  virtual std::int64_t size() const = 0;
  /// Picture `index` in [0, size()), at least as large as the crops the set was opened for.
  virtual std::shared_ptr<const Image> picture(std::int64_t index) const = 0;
  /// In a set of pairs every picture is so many times as high and wide as its partner; else 1.
  virtual std::int64_t scale() const { return 1; }
  /// The picture with its partner.
  virtual PicturePair pair(std::int64_t index) const { return {picture(index), nullptr}; }
  /// A name for messages and reports.
  virtual std::string name(std::int64_t index) const = 0;
  /// One line: what this is and how much of it.
  virtual std::string description() const = 0;
  /// The size of all pictures, where they have one and all are at hand; else nothing.
  virtual std::optional<ImageSize> common_size() const { return std::nullopt; }

  /// Writes a crop of `crop` x `crop` pixels at a random place, mirrored left to right half of the
  /// time, as [crop,crop,3] in [-1, 1]. Draws from `random`: row, column, mirror. In a set of pairs
  /// crops begin at multiples of the scale, and the partner's crop goes to `low` unless it is null.
  void fill_crop(std::int64_t index, RandomSequence& random, std::int64_t crop, float* clean,
                 float* low = nullptr) const;
  /// What fill_crop() draws, for a picture of that size.
  static CropPlace draw_crop(ImageSize size, std::int64_t scale, RandomSequence& random,
                             std::int64_t crop);
  /// The same from the middle, nothing drawn.
  void fill_centre_crop(std::int64_t index, std::int64_t crop, float* clean,
                        float* low = nullptr) const;

  /// Crops of this set, not yet filled. Error unless `crop` is a multiple of the scale.
  Crops empty_crops(std::int64_t n, std::int64_t crop) const;
};

/// Takes a line for the user; by default it goes to stderr.
using Log = std::function<void(std::string_view line)>;
void log_to_stderr(std::string_view line);

struct DatasetOptions {
  std::int64_t crop = 1;  ///< pictures smaller than this in either direction are left out
  /// Whole pictures are resized to crop x crop, whatever their aspect, rather than cropped: what
  /// the paper's code does with CelebA, whose faces a crop would cut. None is left out then.
  bool resize = false;
  bool strict = false;  ///< a picture that cannot be used is an Error
  /// Decoded pictures are kept in memory if all of them fit in so many bytes; else only the files'
  /// beginnings are looked at and every picture is decoded each time it is asked for.
  std::int64_t cache_bytes = std::int64_t{2} << 30;
  Log log = log_to_stderr;
};

/// Dead leaves (apps/builtin.h) of twice the crop in both directions, drawn when first asked for
/// and kept. Sets of different seeds have no picture in common.
class BuiltinDataset : public Dataset {
 public:
  explicit BuiltinDataset(std::uint64_t seed, std::int64_t crop = 64, std::int64_t count = 512);
  ~BuiltinDataset() override;

  std::int64_t size() const override;
  std::shared_ptr<const Image> picture(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  std::string description() const override;
  std::optional<ImageSize> common_size() const override { return ImageSize{side_, side_}; }

 private:
  struct Slot;
  std::uint64_t seed_;
  int side_;
  std::vector<Slot> slots_;
};

enum class Part { training, validation };

/// A part of the set that `data` names: "builtin", or a path after what it holds:
///   builtin         dead leaves; other ones for validation
///   stl10:PATH      STL-10's binary files: unlabeled_X.bin and train_X.bin; test_X.bin
///   cifar10:PATH    CIFAR-10's binary files: data_batch_*.bin; test_batch.bin
///   celeba:PATH     img_align_celeba/ with list_eval_partition.txt: pictures of 0; of 1
///   pairs:PATH      high and low resolution side by side (list_pairs), or high alone; also urban100:
///   folder:PATH     every PNG and JPEG file below
///   auto:PATH       whichever of these it is; also PATH alone
/// Null where validation is asked for of a set that has no such part of its own: all of it is for
/// training then. Error if it is not there, in no such layout, or nothing in it can be used.
std::shared_ptr<const Dataset> open_dataset(const std::string& data, Part part,
                                            const DatasetOptions& options);
/// What a set given for validation alone is: its validation part, all of it where it has no parts.
std::shared_ptr<const Dataset> open_validation(const std::string& data,
                                               const DatasetOptions& options);

/// The middles of the first `count` pictures (of all, if there are fewer): the same for every run.
Crops validation_set(const Dataset& dataset, std::int64_t count, std::int64_t crop);

}  // namespace telescope::app
