// SPDX-License-Identifier: MIT
// Sets of pictures to train on: a folder, or pictures drawn by the program itself.
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

/// Numbered pictures. All functions may be called from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  /// At least 1.
  virtual std::int64_t size() const = 0;
  /// Picture `index` in [0, size()), at least as large as the crops the set was opened for.
  virtual std::shared_ptr<const Image> picture(std::int64_t index) const = 0;
  /// A name for messages and reports.
  virtual std::string name(std::int64_t index) const = 0;
  /// One line: what this is and how much of it.
  virtual std::string description() const = 0;
  /// The size of all pictures, where they have one and all are in memory; else nothing.
  virtual std::optional<ImageSize> common_size() const { return std::nullopt; }

  /// Writes a crop of `crop` x `crop` pixels at a random place, mirrored left to right half of the
  /// time, as [crop,crop,3] in [-1, 1]. Draws from `random`: row, column, mirror.
  void fill_crop(std::int64_t index, RandomSequence& random, std::int64_t crop, float* out) const;
  /// What fill_crop() draws, for a picture of that size.
  static CropPlace draw_crop(ImageSize size, RandomSequence& random, std::int64_t crop);
  /// The same from the middle, nothing drawn.
  void fill_centre_crop(std::int64_t index, std::int64_t crop, float* out) const;
};

/// Takes a line for the user; by default it goes to stderr.
using Log = std::function<void(std::string_view line)>;
void log_to_stderr(std::string_view line);

struct FolderOptions {
  std::int64_t crop = 1;  ///< pictures smaller than this in either direction are left out
  bool strict = false;    ///< a picture that cannot be used is an Error
  /// Decoded pictures are kept in memory if all of them fit in so many bytes; else only the files'
  /// beginnings are looked at and every picture is decoded each time it is asked for.
  std::int64_t cache_bytes = std::int64_t{2} << 30;
  Log log = log_to_stderr;
};

/// Every PNG and JPEG file below a folder, by name; hidden files are not looked at.
class FolderDataset : public Dataset {
 public:
  /// Names, skips and counts in `log` what cannot be used (read_image). Error if there is no such
  /// folder, nothing in it, or nothing that can be used.
  explicit FolderDataset(const std::filesystem::path& folder, const FolderOptions& options = {});

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  /// Of a set that is not in memory, a picture found damaged only now is named once and the next
  /// one stands in for it (with `strict`: Error).
  std::shared_ptr<const Image> picture(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  std::string description() const override;
  std::optional<ImageSize> common_size() const override;
  bool in_memory() const { return in_memory_; }
  std::int64_t skipped() const { return skipped_; }

 private:
  struct Found;
  void load(std::vector<Found>& found);
  void report(const std::vector<Found>& found);

  std::filesystem::path folder_;
  FolderOptions options_;
  std::vector<std::filesystem::path> files_;
  std::vector<std::shared_ptr<const Image>> pictures_;
  bool in_memory_ = false;
  std::int64_t skipped_ = 0;
  struct Late;
  std::shared_ptr<Late> late_;
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

/// "builtin", or the path of a folder. `seed` is that of the builtin pictures.
std::shared_ptr<const Dataset> open_dataset(const std::string& data, std::uint64_t seed,
                                            const FolderOptions& options);

/// The middles of the first `count` pictures (of all, if there are fewer), [n,crop,crop,3] in
/// [-1, 1]: the same for every run.
Tensor validation_set(const Dataset& dataset, std::int64_t count, std::int64_t crop);

}  // namespace telescope::app
