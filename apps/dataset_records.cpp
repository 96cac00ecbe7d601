// SPDX-License-Identifier: MIT
#include "apps/dataset_records.h"

#include <algorithm>
#include <limits>

namespace telescope::app {
namespace fs = std::filesystem;
namespace {

void check_labels(const RecordFormat& format, const fs::path& path, Bytes bytes) {
  const auto count = static_cast<std::int64_t>(bytes.size()) / format.bytes();
  for (std::int64_t i = 0; format.label_bytes > 0 && i < count; ++i) {
    const int label = static_cast<int>(bytes[static_cast<std::size_t>(i * format.bytes())]);
    TELESCOPE_CHECK(label < format.classes, "data",
                    "{} is damaged or no file of {}: record {} has label {}, expected 0 to {}",
                    path.string(), format.name, i, label, format.classes - 1);
  }
}

}  // namespace

RecordDataset::RecordDataset(const RecordFormat& format, std::string title,
                             const std::vector<fs::path>& files, const DatasetOptions& options)
    : format_(format),
      title_(std::move(title)),
      side_(options.resize ? static_cast<int>(options.crop) : format.side) {
  TELESCOPE_CHECK(options.crop >= 1, "data", "expected crops of at least 1, got {}", options.crop);
  TELESCOPE_CHECK(options.crop <= side_, "data",
                  "pictures of {0} have {1} x {1} pixels, less than {2} x {2}; choose a smaller "
                  "--size, or --resize",
                  format.name, format.side, options.crop);
  TELESCOPE_CHECK(!files.empty(), "data", "{} holds no file of {}", title_, format.name);
  for (const fs::path& path : files) add(path);
}

void RecordDataset::add(const fs::path& path) {
  auto mapped = MappedFile::open(path);
  const auto length = static_cast<std::int64_t>(mapped->size());
  TELESCOPE_CHECK(length > 0, "data", "{} is empty", path.string());
  TELESCOPE_CHECK(length % format_.bytes() == 0, "data",
                  "{} is cut or no file of {}: {} bytes are {} records of {} and {} bytes more",
                  path.string(), format_.name, length, length / format_.bytes(), format_.bytes(),
                  length % format_.bytes());
  const std::int64_t count = length / format_.bytes();
  TELESCOPE_CHECK(count <= std::numeric_limits<std::int32_t>::max() - size_, "data",
                  "{} has {} records, more than can be numbered", path.string(), count);
  check_labels(format_, path, mapped->bytes());
  files_.push_back({path, std::move(mapped), size_});
  size_ += count;
}

const RecordDataset::File& RecordDataset::file_of(std::int64_t index) const {
  TELESCOPE_CHECK(index >= 0 && index < size_, "data", "picture {} of {}", index, size_);
  const auto next =
      std::upper_bound(files_.begin(), files_.end(), index,
                       [](std::int64_t i, const File& file) { return i < file.first; });
  return *(next - 1);
}

std::shared_ptr<const Image> RecordDataset::picture(std::int64_t index) const {
  const File& file = file_of(index);
  const auto* planes = reinterpret_cast<const std::uint8_t*>(file.mapped->data()) +
                       (index - file.first) * format_.bytes() + format_.label_bytes;
  Image image(format_.side, format_.side);
  for (int y = 0; y < format_.side; ++y) {
    for (int x = 0; x < format_.side; ++x) {
      const std::int64_t at = format_.by_columns ? std::int64_t{x} * format_.side + y
                                                 : std::int64_t{y} * format_.side + x;
      for (int c = 0; c < 3; ++c) image.pixel(y, x)[c] = planes[c * format_.plane() + at];
    }
  }
  if (side_ != format_.side) image = resized(image, side_, side_);
  return std::make_shared<Image>(std::move(image));
}

std::string RecordDataset::name(std::int64_t index) const {
  const File& file = file_of(index);
  return fmt::format("{} record {}", file.path.string(), index - file.first);
}

std::string RecordDataset::description() const {
  std::string text = fmt::format("{}: {} pictures of {} x {}, mapped into memory", title_, size_,
                                 format_.side, format_.side);
  if (side_ != format_.side) text += fmt::format(", resized to {0} x {0}", side_);
  return text;
}

}  // namespace telescope::app
