// SPDX-License-Identifier: MIT
#include "core/file.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "support/compare.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {
std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
bool is_failure(const std::function<void()>& f) {
  try {
    f();
  } catch (const Failure&) {
    return true;
  } catch (const Error&) {
  }
  return false;
}
}  // namespace

TEST_CASE("a file is written whole, read back and replaced") {
  const TemporaryFolder folder;
  const auto path = folder / "note.txt";
  write_file_atomically(path, "one");
  CHECK(read_text_file(path) == "one");
  write_file_atomically(path, std::string(3 << 20, 'x'));
  CHECK(read_text_file(path) == std::string(3 << 20, 'x'));
  write_file_atomically(path, "");
  CHECK(read_text_file(path).empty());
  CHECK(MappedFile::open(path)->size() == 0);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a mapping survives the replacement of its file and never changes it") {
  const TemporaryFolder folder;
  const auto path = folder / "data";
  write_file_atomically(path, "before");
  const auto mapped = MappedFile::open(path);
  write_file_atomically(path, "after!");
  CHECK(std::memcmp(mapped->data(), "before", 6) == 0);
  mapped->data()[0] = std::byte{'B'};
  CHECK(read_text_file(path) == "after!");
}

TEST_CASE("a link is followed, permissions are kept") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "target", "1");
  fs::permissions(folder / "target", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("target", folder / "link");
  write_file_atomically(folder / "link", "2");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_text_file(folder / "target") == "2");
  CHECK(fs::status(folder / "target").permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("a wrong path is an error that names it") {
  const TemporaryFolder folder;
  const auto missing = folder / "missing" / "note.txt";
  const std::string text = error_of([&] { write_file_atomically(missing, "x", "report"); });
  CHECK(text ==
        "write: cannot write the report " + missing.string() + ": No such file or directory");
  CHECK(!is_failure([&] { write_file_atomically(missing, "x"); }));
  CHECK(contains(error_of([&] { write_file_atomically(folder.path(), "x"); }), "Is a directory"));
  write_file_atomically(folder / "plain", "x");
  CHECK(contains(error_of([&] { write_file_atomically(folder / "plain" / "y", "x"); }),
                 "Not a directory"));
  CHECK(contains(error_of([&] { read_text_file(missing); }), "cannot open " + missing.string()));
  CHECK(contains(error_of([&] { read_text_file(folder.path()); }), "is a folder"));
  CHECK(contains(error_of([&] { MappedFile::open(folder.path()); }), "is a folder"));
  CHECK(contains(error_of([&] { MappedFile::open("/dev/null"); }), "not a regular file"));
  CHECK(contains(error_of([&] { read_text_file("/dev/zero", 1000); }), "longer than 1000 bytes"));
}

TEST_CASE("a disk that fills up leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const auto path = folder / "note.txt";
  write_file_atomically(path, "the old one");

  // A limit on the size of files stands in for a full disk: the third write fails half-way.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 100'000;
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string much(300'000, 'x');
  const std::string text = error_of([&] { write_file_atomically(path, much, "checkpoint"); });
  const bool failure = is_failure([&] { write_file_atomically(path, much); });
  setrlimit(RLIMIT_FSIZE, &before);

  CHECK(text == "write: cannot write the checkpoint " + path.string() + ": File too large");
  CHECK(failure);
  CHECK(read_text_file(path) == "the old one");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a full device is a failure") {
  if (!fs::exists("/dev/full")) return;
  CHECK(contains(error_of([] { write_file_atomically("/dev/full", "x"); }), "No space left"));
  CHECK(is_failure([] { write_file_atomically("/dev/full", "x"); }));
}

TEST_CASE("a folder without permission is a failure") {
  if (geteuid() == 0) {
    MESSAGE("not tested: the superuser may write everywhere");
    return;
  }
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(is_failure([&] { write_file_atomically(folder / "x", "x"); }));
  fs::permissions(folder.path(), fs::perms::owner_all);
}
