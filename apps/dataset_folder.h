// SPDX-License-Identifier: MIT
// Pictures in files of their own, alone or in pairs of high and low resolution.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/dataset.h"
#include "apps/dataset_files.h"

namespace telescope::app {

class FolderDataset : public Dataset {
 public:
  /// Names, skips and counts in `log` what cannot be used: a picture that read_image() refuses,
  /// smaller than the crops, or not a whole number of times as large as its partner. Error if
  /// nothing can be used, or if pairs are of different scales.
  explicit FolderDataset(PictureList list, const DatasetOptions& options = {});
  /// Of list_folder().
  explicit FolderDataset(const std::filesystem::path& folder, const DatasetOptions& options = {})
      : FolderDataset(list_folder(folder), options) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::shared_ptr<const Image> picture(std::int64_t index) const override {
    return pair(index).clean;
  }
  /// Of a set that is not in memory, a picture found damaged only now is named once and the next
  /// one stands in for it, with its partner (with `strict`: Error).
  PicturePair pair(std::int64_t index) const override;
  std::int64_t scale() const override { return scale_; }
  std::string name(std::int64_t index) const override;
  std::string description() const override;
  std::optional<ImageSize> common_size() const override;
  bool in_memory() const { return in_memory_; }
  std::int64_t skipped() const { return skipped_; }

 private:
  struct Found;
  void load(std::vector<Found>& found);
  void look_at(Found& picture) const;
  void find_scale(const std::vector<Found>& found);
  PicturePair read(const PictureFile& picture) const;
  void report(const std::vector<Found>& found);

  std::string title_;
  DatasetOptions options_;
  std::vector<PictureFile> files_;
  std::vector<PicturePair> pictures_;
  std::int64_t scale_ = 1;
  bool in_memory_ = false;
  std::int64_t skipped_ = 0;
  struct Late;
  std::shared_ptr<Late> late_;
};

}  // namespace telescope::app
