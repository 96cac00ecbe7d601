// SPDX-License-Identifier: MIT
#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace telescope {
namespace {

namespace fs = std::filesystem;

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// Some file systems report what went wrong only here.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Removes the temporary file unless it has been renamed.
struct Temporary {
  fs::path path;
  bool renamed = false;
  ~Temporary() {
    if (!renamed) ::unlink(path.c_str());
  }
};

[[noreturn]] void cannot_write(const fs::path& path, std::string_view what, int error) {
  const std::string reason = std::strerror(error);
  const bool request = error == ENOENT || error == ENOTDIR || error == EISDIR ||
                       error == ENAMETOOLONG || error == ELOOP;
  if (request) raise("write", "cannot write the {} {}: {}", what, path.string(), reason);
  raise_failure("write", "cannot write the {} {}: {}", what, path.string(), reason);
}

// 0, or the error number.
int write_all(int fd, std::span<const Bytes> parts) {
  for (Bytes part : parts) {
    while (!part.empty()) {
      const auto written = ::write(fd, part.data(), std::min<std::size_t>(part.size(), 1 << 30));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      if (written == 0) return ENOSPC;
      part = part.subspan(static_cast<std::size_t>(written));
    }
  }
  return 0;
}

void write_directly(const fs::path& path, std::span<const Bytes> parts, std::string_view what) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) cannot_write(path, what, errno);
  if (const int error = write_all(file.get(), parts)) cannot_write(path, what, error);
  if (!file.close()) cannot_write(path, what, errno);
}

fs::path temporary_name(const fs::path& target) {
  static std::atomic<unsigned> counter{0};
  // Short, whatever the length of the name: a name may have at most 255 bytes.
  return target.parent_path() / fmt::format(".telescope-{}-{}.tmp", ::getpid(), counter++);
}

void flush_folder(const fs::path& folder) {
  const Descriptor directory(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory)
    ::fsync(directory.get());  // the file is in place: not every file system can do this
}

Descriptor open_to_read(const fs::path& path, struct stat& status) {
  // O_NONBLOCK: opening a pipe nobody writes to must not hang.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file || ::fstat(file.get(), &status) != 0) {
    const std::string reason = std::strerror(errno);
    raise("read", "cannot open {}: {}", path.string(), reason);
  }
  if (S_ISDIR(status.st_mode)) raise("read", "{} is a folder, expected a file", path.string());
  return file;
}

}  // namespace

void write_file_atomically(const fs::path& path, std::span<const Bytes> parts,
                           std::string_view what) {
  std::error_code ignored;
  const fs::path target =
      fs::is_symlink(path, ignored) ? fs::weakly_canonical(path, ignored) : path;
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) cannot_write(path, what, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) return write_directly(target, parts, what);

  Temporary temporary{temporary_name(target)};
  Descriptor file(::open(temporary.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) cannot_write(path, what, errno);
  if (const int error = write_all(file.get(), parts)) cannot_write(path, what, error);
  if (exists) ::fchmod(file.get(), status.st_mode & 07777);  // as far as allowed, as it was
  if (::fsync(file.get()) != 0 && errno != EINVAL) cannot_write(path, what, errno);
  if (!file.close()) cannot_write(path, what, errno);
  if (::rename(temporary.path.c_str(), target.c_str()) != 0) cannot_write(path, what, errno);
  temporary.renamed = true;
  flush_folder(target.parent_path());
}

void write_file_atomically(const fs::path& path, std::initializer_list<Bytes> parts,
                           std::string_view what) {
  write_file_atomically(path, std::span(parts.begin(), parts.size()), what);
}

void write_file_atomically(const fs::path& path, std::string_view text, std::string_view what) {
  write_file_atomically(path, {std::as_bytes(std::span(text.data(), text.size()))}, what);
}

std::string read_text_file(const fs::path& path, std::int64_t most) {
  struct stat status {};
  const Descriptor file = open_to_read(path, status);
  std::string text;
  char piece[1 << 16];
  for (;;) {
    const auto count = ::read(file.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const std::string reason = std::strerror(errno);
      raise_failure("read", "cannot read {}: {}", path.string(), reason);
    }
    if (count == 0) return text;
    text.append(piece, static_cast<std::size_t>(count));
    TELESCOPE_CHECK(static_cast<std::int64_t>(text.size()) <= most, "read",
                    "{} is longer than {} bytes", path.string(), most);
  }
}

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& path) {
  struct stat status {};
  const Descriptor file = open_to_read(path, status);
  TELESCOPE_CHECK(S_ISREG(status.st_mode), "read", "{} is not a regular file", path.string());
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  if (status.st_size == 0) return mapped;  // there is no mapping of no bytes
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) {
    const std::string reason = std::strerror(errno);
    raise_failure("read", "cannot map {} ({} bytes): {}", path.string(), size, reason);
  }
  mapped->data_ = static_cast<std::byte*>(data);
  mapped->size_ = size;
  return mapped;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(data_, size_);
}

}  // namespace telescope
