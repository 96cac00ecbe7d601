// SPDX-License-Identifier: MIT
#include "apps/dataset_folder.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "core/parallel.h"

namespace telescope::app {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_lines = 20;  // of skipped pictures

// The reason in an Error about a file, without operation and name of the file.
std::string reason_in(const Error& error, const fs::path& file) {
  std::string text = error.what();
  const std::string name = file.string();
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return text;
  text.erase(0, at + name.size());
  return text.erase(0, std::min(text.find_first_not_of(": "), text.size()));
}

std::int64_t bytes_of(ImageSize size) { return std::int64_t{3} * size.height * size.width; }

// How many times as large a picture is as its partner; 0 if not a whole number of times, or once.
std::int64_t times(ImageSize clean, ImageSize low) {
  const std::int64_t r = low.height > 0 ? clean.height / low.height : 0;
  const bool whole = r > 1 && clean.height == r * low.height && clean.width == r * low.width;
  return whole ? r : 0;
}

}  // namespace

struct FolderDataset::Found {
  PictureFile names;
  ImageSize size, low;
  PicturePair images;
};

// Pictures of a set on disk that turned out damaged after the set was opened.
struct FolderDataset::Late {
  std::mutex mutex;
  std::set<std::int64_t> damaged;
};

FolderDataset::FolderDataset(PictureList list, const DatasetOptions& options)
    : title_(std::move(list.title)), options_(options), late_(std::make_shared<Late>()) {
  TELESCOPE_CHECK(options.crop >= 1, "data", "expected crops of at least 1, got {}", options.crop);
  std::vector<Found> found;
  for (PictureFile& file : list.files) found.push_back({std::move(file), {}, {}, {}});
  load(found);
  report(found);
  for (Found& picture : found) {
    if (!picture.names.problem.empty()) continue;
    files_.push_back(std::move(picture.names));
    if (in_memory_) pictures_.push_back(std::move(picture.images));
  }
}

void FolderDataset::look_at(Found& picture) const {
  PictureFile& names = picture.names;
  const ImageSize size = picture.size = read_image_size(names.file);
  if (!options_.resize && std::min(size.height, size.width) < options_.crop) {
    names.problem = fmt::format("{} x {} pixels are less than {} x {}", size.width, size.height,
                                options_.crop, options_.crop);
  }
  if (names.low.empty()) return;
  const ImageSize low = picture.low = read_image_size(names.low);
  if (times(size, low)) return;
  names.problem = fmt::format(
      "{} x {} pixels are not a whole number of times, twice or more, the {} x {} of {}",
      size.width, size.height, low.width, low.height, names.low.string());
}

void FolderDataset::load(std::vector<Found>& found) {
  const auto each = [&](auto&& f) {
    std::atomic<std::size_t> next{0};  // pictures differ in size: threads take what is next
    parallel_for(thread_count(), 1, [&](std::int64_t, std::int64_t) {
      for (std::size_t i; (i = next++) < found.size();) {
        if (!found[i].names.problem.empty()) continue;
        try {
          f(found[i]);
        } catch (const Error& error) {
          found[i].names.problem = reason_in(error, found[i].names.file);
        }
      }
    });
  };
  each([&](Found& picture) { look_at(picture); });
  find_scale(found);
  const int side = static_cast<int>(options_.crop);
  std::int64_t bytes = 0;
  for (const Found& picture : found) {
    if (!picture.names.problem.empty()) continue;
    bytes += bytes_of(options_.resize ? ImageSize{side, side} : picture.size);
    bytes += bytes_of(picture.low);
  }
  in_memory_ = bytes <= options_.cache_bytes;
  if (!in_memory_) return;
  each([&](Found& picture) { picture.images = read(picture.names); });
}

void FolderDataset::find_scale(const std::vector<Found>& found) {
  const Found* first = nullptr;
  for (const Found& picture : found) {
    if (!picture.names.problem.empty() || picture.names.low.empty()) continue;
    const std::int64_t r = times(picture.size, picture.low);
    if (!first) first = &picture, scale_ = r;
    TELESCOPE_CHECK(r == scale_, "data",
                    "expected pairs of one scale, got {} times in {} and {} times in {}; name a "
                    "folder that holds one",
                    scale_, first->names.file.string(), r, picture.names.file.string());
  }
  TELESCOPE_CHECK(scale_ == 1 || !options_.resize, "--resize",
                  "expected pictures without partners, got {}", title_);
}

PicturePair FolderDataset::read(const PictureFile& names) const {
  Image image = read_image(names.file);
  const int side = static_cast<int>(options_.crop);
  if (options_.resize) image = resized(image, side, side);
  const auto clean = std::make_shared<Image>(std::move(image));
  if (names.low.empty()) return {clean, nullptr};
  return {clean, std::make_shared<Image>(read_image(names.low))};
}

void FolderDataset::report(const std::vector<Found>& found) {
  std::string first;
  for (const Found& picture : found) {
    if (picture.names.problem.empty()) continue;
    const std::string line = picture.names.file.string() + ": " + picture.names.problem;
    if (options_.strict) raise("data", "{} (strict: nothing is skipped)", line);
    if (first.empty()) first = line;
    if (static_cast<std::size_t>(skipped_++) < most_lines) options_.log("skipped " + line);
  }
  TELESCOPE_CHECK(!found.empty(), "data", "no picture in {}", title_);
  if (skipped_ == 0) return;
  TELESCOPE_CHECK(static_cast<std::size_t>(skipped_) < found.size(), "data",
                  "no picture in {} can be used: {} found, {} skipped, the first is {}", title_,
                  found.size(), skipped_, first);
  options_.log(fmt::format("skipped {} of {} pictures in {}", skipped_, found.size(), title_));
}

std::optional<ImageSize> FolderDataset::common_size() const {
  if (!in_memory_) return std::nullopt;
  const ImageSize first{pictures_[0].clean->height, pictures_[0].clean->width};
  const bool all = std::all_of(pictures_.begin(), pictures_.end(), [&](const PicturePair& p) {
    return p.clean->height == first.height && p.clean->width == first.width;
  });
  return all ? std::optional(first) : std::nullopt;
}

PicturePair FolderDataset::pair(std::int64_t index) const {
  TELESCOPE_CHECK(index >= 0 && index < size(), "data", "picture {} of {}", index, size());
  if (in_memory_) return pictures_[static_cast<std::size_t>(index)];
  for (std::int64_t tries = 0; tries < size(); ++tries) {
    const std::int64_t i = (index + tries) % size();
    const PictureFile& names = files_[static_cast<std::size_t>(i)];
    try {
      PicturePair pair = read(names);
      const ImageSize now{pair.clean->height, pair.clean->width};
      const bool large = std::min(now.height, now.width) >= options_.crop;
      if (large && (!pair.low || times(now, {pair.low->height, pair.low->width}) == scale_)) {
        return pair;
      }
      raise("data", "{} has {} x {} pixels now", names.file.string(), now.width, now.height);
    } catch (const Failure&) {
      throw;
    } catch (const Error& error) {
      if (options_.strict) throw;
      const std::lock_guard lock(late_->mutex);
      if (late_->damaged.insert(i).second) {
        options_.log("skipped " + names.file.string() + ": " + reason_in(error, names.file));
      }
    }
  }
  raise("data", "no picture in {} can be read any more", title_);
}

std::string FolderDataset::name(std::int64_t index) const {
  return files_.at(static_cast<std::size_t>(index)).file.string();
}

std::string FolderDataset::description() const {
  std::string text = fmt::format("{}: {} {}, {}", title_, size(), scale_ > 1 ? "pairs" : "pictures",
                                 in_memory_ ? "in memory" : "read from disk as needed");
  if (scale_ > 1) text += fmt::format(", {} times as large as their partners", scale_);
  if (options_.resize) text += fmt::format(", resized to {0} x {0}", options_.crop);
  if (skipped_) text += fmt::format(", {} skipped", skipped_);
  return text;
}

}  // namespace telescope::app
