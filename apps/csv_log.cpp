// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <system_error>

#include "apps/run_folder.h"
#include "apps/text.h"
#include "core/error.h"
#include "core/file.h"

namespace telescope::app {
namespace {

std::string why() { return std::generic_category().message(errno); }

std::string text_of(const CsvCell& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return fmt::format("{}", *whole);
  if (const auto* number = std::get_if<double>(&cell)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&cell)) return csv_field(*text);
  return "";
}

std::string line_of(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) line += (line.empty() ? "" : ",") + csv_field(field);
  return line + '\n';
}

// Bytes of the front of `text` that hold its header and the rows up to `step`.
std::size_t length_up_to(std::string_view text, std::int64_t step) {
  std::size_t kept = text.find('\n') + 1;
  for (;;) {
    const std::size_t end = text.find('\n', kept);
    if (end == text.npos) return kept;  // a row that was cut, or the end
    std::int64_t row = 0;
    const auto parsed = std::from_chars(text.data() + kept, text.data() + end, row);
    if (parsed.ec != std::errc() || *parsed.ptr != ',' || row > step) return kept;
    kept = end + 1;
  }
}

// The fields of a line, without their quotes.
std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[i++];
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

double number_of(const std::string& field) {
  double value = 0;
  const char* end = field.data() + field.size();
  const auto parsed = std::from_chars(field.data(), end, value);
  const bool whole = !field.empty() && parsed.ec == std::errc() && parsed.ptr == end;
  return whole ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

CsvLog::CsvLog(std::filesystem::path path, const std::vector<std::string>& columns,
               std::optional<std::int64_t> resumed_step)
    : path_(std::move(path)), columns_(columns.size()) {
  const std::string header = line_of(columns);
  if (resumed_step) {
    const std::string text = read_text_file(path_, std::int64_t{1} << 30);
    TELESCOPE_CHECK(text.starts_with(header), "resume", "{} has the columns {}, this run {}",
                    path_.string(), text.substr(0, text.find('\n')),
                    header.substr(0, header.size() - 1));
    const std::size_t kept = length_up_to(text, *resumed_step);
    if (kept < text.size()) write_file_atomically(path_, text.substr(0, kept), "metrics");
  } else {
    write_file_atomically(path_, header, "metrics");
  }
  file_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) raise_failure("metrics", "cannot write {}: {}", path_.string(), why());
}

CsvLog::~CsvLog() { close(file_); }

void CsvLog::add(const std::vector<CsvCell>& row) {
  TELESCOPE_CHECK(row.size() == columns_, "metrics", "{} has {} columns, the row {}",
                  path_.string(), columns_, row.size());
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) line += (i > 0 ? "," : "") + text_of(row[i]);
  line += '\n';
  struct stat before = {};
  fstat(file_, &before);
  for (std::string_view left = line; !left.empty();) {
    const ssize_t written = write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const std::string reason = why();
      // Nothing half-written stays; if even that fails, reading drops the row that was cut.
      [[maybe_unused]] const int ignored = ftruncate(file_, before.st_size);
      raise_failure("metrics", "cannot write {}: {}", path_.string(), reason);
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

void CsvLog::sync() const {
  if (fdatasync(file_) != 0 && errno != EINVAL) {
    raise_failure("metrics", "cannot write {}: {}", path_.string(), why());
  }
}

const std::vector<double>& CsvColumns::at(std::string_view name) const {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return values[i];
  }
  raise("metrics", "no column '{}'", name);
}

CsvColumns read_csv(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, std::int64_t{1} << 30);
  CsvColumns columns;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('\n', begin);
    if (end == text.npos) break;
    std::vector<std::string> fields = split(std::string_view(text).substr(begin, end - begin));
    if (begin == 0) {
      columns.values.resize(fields.size());
      columns.names = std::move(fields);
    } else {
      fields.resize(columns.names.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        columns.values[i].push_back(number_of(fields[i]));
      }
    }
    begin = end + 1;
  }
  return columns;
}

}  // namespace telescope::app
