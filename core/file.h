// SPDX-License-Identifier: MIT
// Files: read whole or mapped, written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace telescope {

using Bytes = std::span<const std::byte>;

/// Writes `parts`, one behind the other, to `path` so that at every moment, and after a crash,
/// there is either what was there before or the whole new file: a temporary file in the same folder
/// is written, flushed to the disk and renamed. A link is followed; a device or pipe is written
/// directly. `what` names the content in messages ("checkpoint"). If it cannot be done the
/// temporary is removed and `path` is as before: Error if no such folder exists or `path` is a
/// folder, Failure for everything else (disk full, quota, no permission).
void write_file_atomically(const std::filesystem::path& path, std::span<const Bytes> parts,
                           std::string_view what = "file");
void write_file_atomically(const std::filesystem::path& path, std::initializer_list<Bytes> parts,
                           std::string_view what = "file");
void write_file_atomically(const std::filesystem::path& path, std::string_view text,
                           std::string_view what = "file");

/// The whole file. Error if it is missing, a folder, unreadable or longer than `most` bytes.
std::string read_text_file(const std::filesystem::path& path, std::int64_t most = 64 << 20);

/// A file's bytes as memory, private to this process: writing to them is allowed and never
/// reaches the file. The pages come from the disk when they are first touched, so the file may be
/// replaced (as write_file_atomically does) but must not be cut while it is mapped.
class MappedFile {
 public:
  /// Error if the file is missing, not a regular file, or unreadable.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  Bytes bytes() const { return {data_, size_}; }

 private:
  MappedFile() = default;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace telescope
