// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdio>
#include <mutex>
#include <set>

#include "apps/dataset.h"
#include "apps/text.h"
#include "core/parallel.h"
#include "core/profile.h"

namespace telescope::app {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_lines = 20;  // of skipped pictures

bool is_picture_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool hidden = path.filename().string().starts_with('.');
  return !hidden && (extension == ".png" || extension == ".jpg" || extension == ".jpeg");
}

std::vector<fs::path> list_pictures(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  TELESCOPE_CHECK(fs::exists(status), "data", "there is no folder {}", folder.string());
  TELESCOPE_CHECK(fs::is_directory(status), "data",
                  "{} is a file, expected a folder of PNG and JPEG pictures", folder.string());
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (is_picture_name(entry->path()) && !entry->is_directory(ignored)) {
      files.push_back(entry->path());
    }
  }
  if (error) raise("data", "cannot list {}: {}", folder.string(), error.message());
  std::sort(files.begin(), files.end());
  return files;
}

// The reason in an Error about a file, without operation and name of the file.
std::string reason_in(const Error& error, const fs::path& file) {
  std::string text = error.what();
  const std::string name = file.string();
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return text;
  text.erase(0, at + name.size());
  return text.erase(0, std::min(text.find_first_not_of(": "), text.size()));
}

}  // namespace

void log_to_stderr(std::string_view line) { std::fprintf(stderr, "%s\n", one_line(line).c_str()); }

struct FolderDataset::Found {
  fs::path file;
  ImageSize size;
  std::shared_ptr<const Image> image;
  std::string problem;  // why it cannot be used
};

// Pictures of a set on disk that turned out damaged after the set was opened.
struct FolderDataset::Late {
  std::mutex mutex;
  std::set<std::int64_t> damaged;
};

FolderDataset::FolderDataset(const fs::path& folder, const FolderOptions& options)
    : folder_(folder), options_(options), late_(std::make_shared<Late>()) {
  TELESCOPE_CHECK(options.crop >= 1, "data", "expected crops of at least 1, got {}", options.crop);
  std::vector<Found> found;
  for (fs::path& file : list_pictures(folder)) found.push_back({std::move(file), {}, {}, {}});
  TELESCOPE_CHECK(!found.empty(), "data", "{} holds no PNG or JPEG file", folder.string());
  load(found);
  report(found);
  for (Found& picture : found) {
    if (!picture.problem.empty()) continue;
    files_.push_back(std::move(picture.file));
    if (in_memory_) pictures_.push_back(std::move(picture.image));
  }
}

void FolderDataset::load(std::vector<Found>& found) {
  const auto each = [&](auto&& look_at) {
    std::atomic<std::size_t> next{0};  // pictures differ in size: threads take what is next
    parallel_for(thread_count(), 1, [&](std::int64_t, std::int64_t) {
      for (std::size_t i; (i = next++) < found.size();) {
        if (!found[i].problem.empty()) continue;
        try {
          look_at(found[i]);
        } catch (const Error& error) {
          found[i].problem = reason_in(error, found[i].file);
        }
      }
    });
  };
  each([&](Found& picture) {
    picture.size = read_image_size(picture.file);
    if (std::min(picture.size.height, picture.size.width) < options_.crop) {
      picture.problem = fmt::format("{} x {} pixels are less than {} x {}", picture.size.width,
                                    picture.size.height, options_.crop, options_.crop);
    }
  });
  std::int64_t bytes = 0;
  for (const Found& picture : found) {
    if (picture.problem.empty())
      bytes += std::int64_t{3} * picture.size.height * picture.size.width;
  }
  in_memory_ = bytes <= options_.cache_bytes;
  if (!in_memory_) return;
  each([](Found& picture) { picture.image = std::make_shared<Image>(read_image(picture.file)); });
}

void FolderDataset::report(const std::vector<Found>& found) {
  std::string first;
  for (const Found& picture : found) {
    if (picture.problem.empty()) continue;
    const std::string line = picture.file.string() + ": " + picture.problem;
    if (options_.strict) raise("data", "{} (strict: nothing is skipped)", line);
    if (first.empty()) first = line;
    if (static_cast<std::size_t>(skipped_++) < most_lines) options_.log("skipped " + line);
  }
  if (skipped_ == 0) return;
  TELESCOPE_CHECK(static_cast<std::size_t>(skipped_) < found.size(), "data",
                  "no picture in {} can be used: {} found, {} skipped, the first is {}",
                  folder_.string(), found.size(), skipped_, first);
  options_.log(
      fmt::format("skipped {} of {} pictures in {}", skipped_, found.size(), folder_.string()));
}

std::optional<ImageSize> FolderDataset::common_size() const {
  if (!in_memory_) return std::nullopt;
  const ImageSize first{pictures_[0]->height, pictures_[0]->width};
  const bool all = std::all_of(pictures_.begin(), pictures_.end(), [&](const auto& picture) {
    return picture->height == first.height && picture->width == first.width;
  });
  return all ? std::optional(first) : std::nullopt;
}

std::shared_ptr<const Image> FolderDataset::picture(std::int64_t index) const {
  TELESCOPE_CHECK(index >= 0 && index < size(), "data", "picture {} of {}", index, size());
  if (in_memory_) return pictures_[static_cast<std::size_t>(index)];
  for (std::int64_t tries = 0; tries < size(); ++tries) {
    const std::int64_t i = (index + tries) % size();
    const fs::path& file = files_[static_cast<std::size_t>(i)];
    try {
      auto image = std::make_shared<Image>(read_image(file));
      if (std::min(image->height, image->width) >= options_.crop) return image;
      raise("data", "{} has {} x {} pixels now", file.string(), image->width, image->height);
    } catch (const Failure&) {
      throw;
    } catch (const Error& error) {
      if (options_.strict) throw;
      const std::lock_guard lock(late_->mutex);
      if (late_->damaged.insert(i).second) {
        options_.log("skipped " + file.string() + ": " + reason_in(error, file));
      }
    }
  }
  raise("data", "no picture in {} can be read any more", folder_.string());
}

std::string FolderDataset::name(std::int64_t index) const {
  return files_.at(static_cast<std::size_t>(index)).string();
}

std::string FolderDataset::description() const {
  std::string text = fmt::format("{}: {} pictures, {}", folder_.string(), size(),
                                 in_memory_ ? "in memory" : "read from disk as needed");
  if (skipped_) text += fmt::format(", {} skipped", skipped_);
  return text;
}

}  // namespace telescope::app
