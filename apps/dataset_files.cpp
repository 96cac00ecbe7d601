// SPDX-License-Identifier: MIT
#include "apps/dataset_files.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>

#include "core/file.h"

namespace telescope::app {
namespace fs = std::filesystem;
namespace {

constexpr const char* celeba_pictures = "img_align_celeba";
constexpr const char* celeba_parts = "list_eval_partition.txt";

bool is_picture_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool hidden = path.filename().string().starts_with('.');
  return !hidden && (extension == ".png" || extension == ".jpg" || extension == ".jpeg");
}

// Links to folders are not followed, so that none leads in a circle.
std::vector<fs::path> pictures_below(const fs::path& folder) {
  check_folder(folder);
  std::error_code error;
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

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

enum class Resolution { high, low, unknown };

// By the end of the name: img_001_SRF_4_HR.png, img_001_SRF_4_LR.png.
Resolution resolution_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  if (stem.ends_with("_HR")) return Resolution::high;
  return stem.ends_with("_LR") ? Resolution::low : Resolution::unknown;
}

// What both of a pair are called: their path without _HR, _LR or x4 at the end of the name.
std::string name_of_pair(const fs::path& file, const fs::path& folder) {
  std::string stem = file.stem().string();
  if (resolution_of(file) != Resolution::unknown) stem.resize(stem.size() - 3);
  const std::size_t n = stem.size();
  if (n > 2 && stem[n - 2] == 'x' && std::isdigit(static_cast<unsigned char>(stem[n - 1]))) {
    stem.resize(n - 2);
  }
  return (file.lexically_relative(folder).parent_path() / stem).string();
}

// Both halves of a set of pairs, by the names of the pairs.
struct Halves {
  std::map<std::string, fs::path> high, low;
  std::vector<PictureFile> problems;

  void add(std::map<std::string, fs::path>& half, const fs::path& file, const fs::path& folder) {
    const auto [first, is_new] = half.emplace(name_of_pair(file, folder), file);
    if (is_new) return;
    problems.push_back({file, {}, "makes the same pair as " + first->second.string()});
  }
};

constexpr const char* low_names[] = {"LR", "LR_bicubic"};
constexpr const char* scale_names[] = {"X2", "X3", "X4", "X8"};

// The folders of low-resolution pictures beside HR/.
std::vector<fs::path> low_folders(const fs::path& folder) {
  const auto scales_in = [](const fs::path& parent) {
    std::vector<fs::path> found;
    for (const char* name : scale_names) {
      if (is_folder(parent / name)) found.push_back(parent / name);
    }
    return found;
  };
  std::vector<fs::path> all = scales_in(folder);
  for (const char* name : low_names) {
    if (!is_folder(folder / name)) continue;
    std::vector<fs::path> inside = scales_in(folder / name);
    if (inside.empty()) inside.push_back(folder / name);
    all.insert(all.end(), inside.begin(), inside.end());
  }
  return all;
}

struct HalfFolders {
  fs::path high, low;  // empty where there is none
};

HalfFolders half_folders(const fs::path& folder) {
  if (is_folder(folder / "HR")) {
    const std::vector<fs::path> low = low_folders(folder);
    if (low.size() > 1) {
      std::string names;
      for (const fs::path& path : low) names += (names.empty() ? "" : ", ") + path.string();
      raise("data", "{} holds several low resolutions; name one of them: pairs:{}", folder.string(),
            names);
    }
    return {folder / "HR", low.empty() ? fs::path() : low[0]};
  }
  // One of several low resolutions was named: HR/ lies beside it, or beside the folder it is in.
  const fs::path low = (folder / "").lexically_normal().parent_path();
  const auto is_one_of = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), low.filename()) != std::end(names);
  };
  if (!is_one_of(low_names) && !is_one_of(scale_names)) return {};
  for (const fs::path& parent : {low.parent_path(), low.parent_path().parent_path()}) {
    if (is_folder(parent / "HR")) return {parent / "HR", low};
  }
  return {};
}

Halves halves_of(const fs::path& folder) {
  Halves halves;
  const HalfFolders folders = half_folders(folder);
  if (!folders.high.empty()) {
    for (const fs::path& f : pictures_below(folders.high)) halves.add(halves.high, f, folders.high);
    if (folders.low.empty()) return halves;
    for (const fs::path& f : pictures_below(folders.low)) halves.add(halves.low, f, folders.low);
    return halves;
  }
  for (const fs::path& file : pictures_below(folder)) {
    const Resolution resolution = resolution_of(file);
    if (resolution == Resolution::unknown) continue;
    halves.add(resolution == Resolution::high ? halves.high : halves.low, file, folder);
  }
  return halves;
}

// "000001.jpg 0": what stands before the last blank, and the number after it. No part: -1.
struct PartLine {
  std::string name;
  int part = -1;
};

PartLine parse_part_line(std::string line) {
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
  const std::size_t blank = line.find_last_of(" \t");
  if (blank == std::string::npos || blank + 2 != line.size()) return {};
  const char part = line.back();
  line.resize(line.find_last_not_of(" \t", blank) + 1);
  // A name alone: pictures lie in their folder, not elsewhere.
  const bool good = !line.empty() && line != ".." && line.find('/') == std::string::npos;
  return good && part >= '0' && part <= '2' ? PartLine{line, part - '0'} : PartLine{};
}

}  // namespace

void check_folder(const fs::path& folder) {
  std::error_code ignored;
  const fs::file_status status = fs::status(folder, ignored);
  TELESCOPE_CHECK(fs::exists(status), "data", "there is no folder {}", folder.string());
  TELESCOPE_CHECK(fs::is_directory(status), "data", "{} is a file, expected a folder of pictures",
                  folder.string());
}

PictureList list_folder(const fs::path& folder) {
  PictureList list{folder.string(), {}};
  for (fs::path& file : pictures_below(folder)) list.files.push_back({std::move(file), {}, {}});
  TELESCOPE_CHECK(!list.files.empty(), "data", "{} holds no PNG or JPEG file", folder.string());
  return list;
}

bool holds_celeba(const fs::path& folder) {
  std::error_code ignored;
  return is_folder(folder / celeba_pictures) && fs::exists(folder / celeba_parts, ignored);
}

PictureList list_celeba(const fs::path& folder, Part part) {
  check_folder(folder / celeba_pictures);
  const fs::path parts = folder / celeba_parts;
  const int wanted = part == Part::training ? 0 : 1;
  PictureList list{
      fmt::format("CelebA ({}) in {}", wanted == 0 ? "training" : "validation", folder.string()),
      {}};
  std::istringstream text(read_text_file(parts));
  std::string line;
  for (std::int64_t number = 1; std::getline(text, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const PartLine read = parse_part_line(line);
    if (read.part < 0) {
      list.files.push_back(
          {fmt::format("{} line {}", parts.string(), number),
           {},
           fmt::format("expected NAME 0, NAME 1 or NAME 2, got '{}'", line.substr(0, 100))});
    } else if (read.part == wanted) {
      list.files.push_back({folder / celeba_pictures / read.name, {}, {}});
    }
  }
  return list;
}

bool holds_pairs(const fs::path& folder) {
  if (is_folder(folder / "HR")) return !low_folders(folder).empty();
  // By the names of most pictures: one photograph that happens to end in _HR makes no pairs.
  std::size_t high = 0, low = 0;
  const std::vector<fs::path> files = pictures_below(folder);
  for (const fs::path& file : files) {
    high += resolution_of(file) == Resolution::high;
    low += resolution_of(file) == Resolution::low;
  }
  return high > 0 && low > 0 && 2 * (high + low) > files.size();
}

PictureList list_pairs(const fs::path& folder) {
  Halves halves = halves_of(folder);
  if (halves.high.empty() && halves.low.empty()) return list_folder(folder);
  const bool alone = halves.low.empty();
  PictureList list{
      fmt::format("{} in {}", alone ? "high resolution alone" : "pairs", folder.string()),
      std::move(halves.problems)};
  for (const auto& [name, file] : halves.high) {
    const auto low = halves.low.find(name);
    if (low != halves.low.end()) {
      list.files.push_back({file, low->second, {}});
      halves.low.erase(low);
    } else {
      list.files.push_back({file, {}, alone ? "" : "has no partner of low resolution"});
    }
  }
  for (const auto& [name, file] : halves.low) {
    list.files.push_back({file, {}, "has no partner of high resolution"});
  }
  return list;
}

}  // namespace telescope::app
