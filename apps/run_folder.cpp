// SPDX-License-Identifier: MIT
#include "apps/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/output.h"
#include "core/error.h"
#include "core/file.h"

namespace telescope::app {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMark = "telescope";

// Everything that a run or a comparison writes, but the folders of its parts.
constexpr const char* kFiles[] = {"config.json",       "metrics.csv",
                                  "report.html",       "checkpoint.safetensors",
                                  "model.safetensors", "samples/validation.png",
                                  "results.csv",       "results.json",
                                  "result.json"};

// What a killed process was writing (write_file_atomically). Only with the lock.
void remove_temporaries(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".telescope-") && name.ends_with(".tmp")) fs::remove(entry.path(), error);
  }
}

// Whether `file` is a configuration that write_config wrote.
bool is_config(const fs::path& file) {
  const auto json = nlohmann::json::parse(read_text_file(file), nullptr, false);
  return json.is_object() && json.contains(kMark);
}

void check_name(std::string_view what, std::string_view name) {
  const bool fine = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
  TELESCOPE_CHECK(fine, "run folder", "a {}'s name has letters, digits, '-' and '_', got '{}'",
                  what, name);
}

// Locks the folder for this process until the last copy is gone. The lock is the kernel's: it ends
// with the process, however that ends, and leaves no file.
std::shared_ptr<const int> lock(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    raise_failure("run folder", "cannot open {}: {}", folder.string(),
                  std::generic_category().message(errno));
  }
  std::shared_ptr<const int> held(new int(descriptor), [](const int* d) {
    close(*d);
    delete d;
  });
  // File systems without locks (EOPNOTSUPP, ENOLCK) go without.
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    raise("run folder", "{} is in use by another run", folder.string());
  }
  return held;
}

// Tells now, and not after an hour of training, that nothing can be written.
void probe(const fs::path& folder) {
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    raise_failure("run folder", "cannot write to {}: {}", folder.string(),
                  std::generic_category().message(errno));
  }
}

}  // namespace

bool RunFolder::holds_run(const fs::path& path) {
  std::error_code error;
  return std::any_of(std::begin(kFiles), std::end(kFiles),
                     [&](const char* name) { return fs::exists(path / name, error); });
}

RunFolder::RunFolder(fs::path path, Existing existing)
    : path_(std::move(path)), existing_(existing) {
  TELESCOPE_CHECK(!path_.empty(), "run folder", "expected a folder's name, got an empty one");
  const bool held = holds_run(path_);
  TELESCOPE_CHECK(held || existing != Existing::resume, "run folder", "{} holds no run to resume",
                  path_.string());
  TELESCOPE_CHECK(!held || existing != Existing::refuse, "run folder",
                  "{} holds a run; choose another folder, --resume or --overwrite", path_.string());
  const fs::path config = path_ / "config.json";
  std::error_code error;
  TELESCOPE_CHECK(!fs::exists(config, error) || is_config(config), "run folder",
                  "{} is not the configuration of a run; choose another folder", config.string());
  create_folder("run folder", path_);
  lock_ = lock(path_);
  probe(path_);
  remove_temporaries(path_);
  remove_temporaries(path_ / "samples");
  if (held && existing == Existing::overwrite) remove_run();
}

// The names that a run writes, and no others.
void RunFolder::remove_run() const {
  std::error_code error;
  for (const char* name : kFiles) {
    const fs::path file = path_ / name;
    error.clear();
    fs::remove(file, error);
    if (error) {
      raise_failure("run folder", "cannot remove {}: {}", file.string(), error.message());
    }
  }
  fs::remove(path_ / "samples", error);  // if nothing else is in it
}

RunFolder RunFolder::part(std::string_view name) const {
  check_name("part", name);
  const fs::path path = path_ / name;
  const bool begins = existing_ == Existing::resume && !holds_run(path);
  return {path, begins ? Existing::refuse : existing_};
}

void RunFolder::write_config(nlohmann::json config) const {
  config[kMark] = {{"format", 1}};
  write_file_atomically(path_ / "config.json",
                        config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n',
                        "configuration");
}

nlohmann::json RunFolder::read_config() const {
  const fs::path file = path_ / "config.json";
  TELESCOPE_CHECK(fs::exists(file), "run folder", "{} has no config.json", path_.string());
  TELESCOPE_CHECK(is_config(file), "run folder", "{} is not the configuration of a run",
                  file.string());
  auto config = nlohmann::json::parse(read_text_file(file));
  config.erase(kMark);
  return config;
}

std::unique_ptr<CsvLog> RunFolder::metrics(const std::vector<std::string>& columns,
                                           std::optional<std::int64_t> resumed_step) const {
  auto log = std::make_unique<CsvLog>(metrics_path(), columns, resumed_step);
  if (resumed_step) {
    const auto rows = static_cast<std::int64_t>(read_csv(metrics_path()).at("step").size());
    TELESCOPE_CHECK(rows == *resumed_step, "resume",
                    "{} is damaged: it has {} whole rows, the checkpoint is of step {}",
                    metrics_path().string(), rows, *resumed_step);
  }
  return log;
}

fs::path RunFolder::write_sample(std::string_view name, std::string_view png) const {
  check_name("sample", name);
  create_folder("run folder", path_ / "samples");
  fs::path file = path_ / "samples" / (std::string(name) + ".png");
  write_file_atomically(file, png, "picture");
  return file;
}

void RunFolder::write_report(std::string_view html) const {
  write_file_atomically(report_path(), html, "report");
}

}  // namespace telescope::app
