// SPDX-License-Identifier: MIT
// Pictures of one size, record by record in binary files: CIFAR-10 and STL-10 as they are published.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/dataset.h"
#include "core/file.h"

namespace telescope::app {

/// A record is `label_bytes` and then side x side bytes of red, of green and of blue. A file is
/// records and nothing else: it has no header, and may hold fewer than the original.
struct RecordFormat {
  const char* name;
  int side;
  int label_bytes;  ///< the first is the class
  int classes;      ///< labels are less than this
  bool by_columns;  ///< planes column by column, else row by row

  std::int64_t plane() const { return std::int64_t{side} * side; }
  std::int64_t bytes() const { return label_bytes + 3 * plane(); }
};

/// https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky 2009): 1 + 3 * 32 * 32 bytes.
inline constexpr RecordFormat cifar10_format{"CIFAR-10", 32, 1, 10, false};
/// https://cs.stanford.edu/~acoates/stl10 (Coates, Lee, Ng 2011): 3 * 96 * 96 bytes, labels elsewhere.
inline constexpr RecordFormat stl10_format{"STL-10", 96, 0, 0, true};

class RecordDataset : public Dataset {
 public:
  /// Maps the files into memory, so that they must not be cut meanwhile (replacing them is fine);
  /// `title` names them in texts. Error that names the file if one is
  /// missing or empty, is not a whole number of records or has a label that does not exist: such a
  /// file was cut or is another kind, so none of it is used, with `strict` or without. Error if
  /// pictures are smaller than the crops.
  RecordDataset(const RecordFormat& format, std::string title,
                const std::vector<std::filesystem::path>& files,
                const DatasetOptions& options = {});

  std::int64_t size() const override { return size_; }
  std::shared_ptr<const Image> picture(std::int64_t index) const override;
  /// The file and the number of the record in it, from 0.
  std::string name(std::int64_t index) const override;
  std::string description() const override;
  std::optional<ImageSize> common_size() const override { return ImageSize{side_, side_}; }

 private:
  struct File {
    std::filesystem::path path;
    std::shared_ptr<const MappedFile> mapped;
    std::int64_t first;  // number of its first record in the set
  };
  void add(const std::filesystem::path& path);
  const File& file_of(std::int64_t index) const;

  RecordFormat format_;
  std::string title_;
  int side_;  // of the pictures handed out
  std::vector<File> files_;
  std::int64_t size_ = 0;
};

}  // namespace telescope::app
