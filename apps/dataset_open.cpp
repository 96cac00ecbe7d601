// SPDX-License-Identifier: MIT
// What the user's words for a set of pictures mean.
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/dataset_folder.h"
#include "apps/dataset_records.h"

namespace telescope::app {
namespace fs = std::filesystem;
namespace {

// Builtin pictures are the same for every run, so that runs with different seeds can be compared.
constexpr std::uint64_t builtin_training = 1, builtin_validation = 2;

using Set = std::shared_ptr<const Dataset>;

/// A set in binary files: what it is called and which files hold which part.
struct Records {
  RecordFormat format;
  std::vector<std::string> training, validation;
};
const Records cifar10{cifar10_format,
                      {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                       "data_batch_4.bin", "data_batch_5.bin"},
                      {"test_batch.bin"}};
const Records stl10{stl10_format, {"unlabeled_X.bin", "train_X.bin"}, {"test_X.bin"}};

// Whatever has such a name, be it a folder or a broken link: reading it says what is wrong with it.
std::vector<fs::path> existing(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(folder / name, ignored))) files.push_back(folder / name);
  }
  return files;
}

bool holds(const Records& set, const fs::path& folder) {
  return !existing(folder, set.training).empty() || !existing(folder, set.validation).empty();
}

Set open_records(const Records& set, const fs::path& folder, Part part,
                 const DatasetOptions& options) {
  check_folder(folder);
  const bool training = part == Part::training;
  const auto files = existing(folder, training ? set.training : set.validation);
  if (files.empty() && !training) return nullptr;
  TELESCOPE_CHECK(!files.empty(), "data", "{} holds nothing to train on: no {}", folder.string(),
                  fmt::join(set.training, ", no "));
  return std::make_shared<RecordDataset>(
      set.format,
      fmt::format("{} ({}) in {}", set.format.name, training ? "training" : "validation",
                  folder.string()),
      files, options);
}

Set open_files(PictureList list, const DatasetOptions& options) {
  return std::make_shared<FolderDataset>(std::move(list), options);
}

Set open_celeba(const fs::path& folder, Part part, const DatasetOptions& options) {
  PictureList list = list_celeba(folder, part);
  const bool none = std::none_of(list.files.begin(), list.files.end(),
                                 [](const PictureFile& file) { return file.problem.empty(); });
  if (none && part == Part::validation) return nullptr;
  return open_files(std::move(list), options);
}

Set open_pairs(const fs::path& folder, Part part, const DatasetOptions& options) {
  return part == Part::training ? open_files(list_pairs(folder), options) : nullptr;
}

struct Kind {
  const char* name;
  bool (*holds)(const fs::path&);  // whether a folder looks like this; null: not asked
  Set (*open)(const fs::path&, Part, const DatasetOptions&);
};

const Kind kinds[] = {
    {"stl10", [](const fs::path& folder) { return holds(stl10, folder); },
     [](const fs::path& folder, Part part, const DatasetOptions& options) {
       return open_records(stl10, folder, part, options);
     }},
    {"cifar10", [](const fs::path& folder) { return holds(cifar10, folder); },
     [](const fs::path& folder, Part part, const DatasetOptions& options) {
       return open_records(cifar10, folder, part, options);
     }},
    {"celeba", holds_celeba, open_celeba},
    {"pairs", holds_pairs, open_pairs},
    {"urban100", nullptr, open_pairs},
    {"folder", nullptr,
     [](const fs::path& folder, Part part, const DatasetOptions& options) {
       return part == Part::training ? open_files(list_folder(folder), options) : nullptr;
     }},
};

// Null if there is none of that name.
const Kind* kind_of_name(std::string_view name) {
  const auto* found = std::find_if(std::begin(kinds), std::end(kinds),
                                   [&](const Kind& kind) { return kind.name == name; });
  return found == std::end(kinds) ? nullptr : found;
}

const Kind& recognise(const fs::path& folder) {
  check_folder(folder);
  const Kind* found = nullptr;
  for (const Kind& kind : kinds) {
    if (!kind.holds || !kind.holds(folder)) continue;
    TELESCOPE_CHECK(!found, "data", "{} could be {} or {}: say which, as in {}:{}", folder.string(),
                    found->name, kind.name, kind.name, folder.string());
    found = &kind;
  }
  return found ? *found : *kind_of_name("folder");
}

}  // namespace

std::shared_ptr<const Dataset> open_dataset(const std::string& data, Part part,
                                            const DatasetOptions& options) {
  if (data == "builtin") {
    TELESCOPE_CHECK(!options.resize, "--resize", "builtin pictures are drawn to be cropped");
    return std::make_shared<BuiltinDataset>(
        part == Part::training ? builtin_training : builtin_validation, options.crop);
  }
  const std::size_t colon = std::min(data.find(':'), data.size());
  const Kind* kind = colon < data.size() ? kind_of_name(data.substr(0, colon)) : nullptr;
  const bool named = kind || data.starts_with("auto:");
  const fs::path path = named ? data.substr(colon + 1) : data;
  return (kind ? *kind : recognise(path)).open(path, part, options);
}

std::shared_ptr<const Dataset> open_validation(const std::string& data,
                                               const DatasetOptions& options) {
  const auto own = open_dataset(data, Part::validation, options);
  return own ? own : open_dataset(data, Part::training, options);
}

}  // namespace telescope::app
