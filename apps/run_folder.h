// SPDX-License-Identifier: MIT
// The folder of a run: its configuration, figures, checkpoint, pictures and report.
//   config.json  metrics.csv  checkpoint.safetensors  samples/*.png  report.html
// A comparison has one such folder for each strategy inside its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace telescope::app {

/// What to do if a folder holds a run already.
enum class Existing { refuse, resume, overwrite };

/// A cell of a CSV file: nothing, a number with all its digits, or text.
using CsvCell = std::variant<std::monostate, std::int64_t, double, std::string>;

/// A CSV file that grows by rows, each written whole when it comes, so that a killed run keeps
/// what it had. The first column is the step.
class CsvLog {
 public:
  /// A new file with the header, or with `resumed_step` the one that is there without the rows
  /// after that step and without a row that was cut. Error if its header is another or it is not
  /// there; Failure if it cannot be written.
  CsvLog(std::filesystem::path path, const std::vector<std::string>& columns,
         std::optional<std::int64_t> resumed_step = {});
  ~CsvLog();
  CsvLog(const CsvLog&) = delete;
  CsvLog& operator=(const CsvLog&) = delete;

  /// One cell a column. Failure if the disk is full; the file then ends with the row before.
  void add(const std::vector<CsvCell>& row);
  /// Returns when the rows so far would survive a power cut.
  void sync() const;

 private:
  std::filesystem::path path_;
  std::size_t columns_;
  int file_ = -1;
};

/// A CSV file's columns of numbers, by its header; what is empty or no number is NaN. Only what
/// CsvLog wrote is promised to be read right.
struct CsvColumns {
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;  ///< values[column][row]
  /// Error if there is no such column.
  const std::vector<double>& at(std::string_view name) const;
};
CsvColumns read_csv(const std::filesystem::path& path);

/// Creates, guards and fills the folder. While one lives, no other process can have it open.
class RunFolder {
 public:
  /// Opens `path`, creating it and what is above it. Call it when the request is known to be right:
  /// `overwrite` removes what an earlier run left there under the names of a run, and nothing else.
  /// Error: the folder holds a run (`refuse`), holds none (`resume`), holds a config.json that is
  /// not a run's, is no folder, or is used by another process. Failure: it cannot be written.
  RunFolder(std::filesystem::path path, Existing existing);

  /// Whether the folder has a file of a run.
  static bool holds_run(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return path_; }

  /// The folder of one strategy of a comparison, opened in the same way; on `resume` a new one is
  /// made where the earlier run had not come to it yet. The name may hold letters, digits, '-',
  /// '_'.
  RunFolder part(std::string_view name) const;

  /// Writes config.json, with the key "telescope" that tells it from another program's.
  void write_config(nlohmann::json config) const;
  /// Reads it, for a run to be resumed. Error if it is missing or not a run's.
  nlohmann::json read_config() const;
  /// metrics.csv, see CsvLog. Error if it has not all the rows up to `resumed_step`.
  std::unique_ptr<CsvLog> metrics(const std::vector<std::string>& columns,
                                  std::optional<std::int64_t> resumed_step = {}) const;
  std::filesystem::path metrics_path() const { return path_ / "metrics.csv"; }
  std::filesystem::path checkpoint_path() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path report_path() const { return path_ / "report.html"; }
  /// Writes samples/<name>.png and returns its path.
  std::filesystem::path write_sample(std::string_view name, std::string_view png) const;
  void write_report(std::string_view html) const;

 private:
  void remove_run() const;

  std::filesystem::path path_;
  Existing existing_;
  std::shared_ptr<const int> lock_;  ///< a descriptor of the folder, locked
};

}  // namespace telescope::app
