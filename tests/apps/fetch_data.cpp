// SPDX-License-Identifier: MIT
// apps/fetch-data without a network: tiny archives laid out as the published ones, by file:// addresses.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "apps/dataset.h"
#include "support/compare.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
Outcome shell(const std::string& command) { return run_program({"/bin/sh", "-c", command}); }
Outcome fetch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/bin/sh", TELESCOPE_SOURCE_DIR "/apps/fetch-data"});
  return run_program(arguments);
}
// One line that says so, after whatever the downloader had to say.
void check_refused(const Outcome& outcome, int code, const std::string& part) {
  INFO(outcome.output);
  CHECK(outcome.code == code);
  CHECK(contains(outcome.output.substr(
                     std::min(outcome.output.rfind("apps/fetch-data: "), outcome.output.size())),
                 part));
}

// Whether there is what it needs; file:// is for curl alone.
bool can_fetch() {
  if (shell("command -v curl && command -v tar && command -v gzip").code == 0) return true;
  std::cout << "[skipped] no curl, tar or gzip\n";
  return false;
}

// An archive of CIFAR-10 with two records a file, of which the last has `last` bytes.
struct Archive {
  TemporaryFolder folder;
  fs::path file = folder / "tiny.tar.gz";
  std::string url = "file://" + file.string(), sum;

  explicit Archive(std::size_t last = 3073) {
    const fs::path inside = folder / "cifar-10-batches-bin";
    fs::create_directory(inside);
    for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                             "data_batch_5", "test_batch"}) {
      std::ofstream(inside / (std::string(name) + ".bin"), std::ios::binary)
          << std::string(3073, '\1') << std::string(last, '\2');
    }
    shell("cd '" + folder.path().string() + "' && tar -czf tiny.tar.gz cifar-10-batches-bin");
    sum = shell("(md5sum <'" + file.string() + "' || md5 -q '" + file.string() + "') 2>/dev/null")
              .output.substr(0, 32);
  }
};

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("wrong requests are one line") {
  for (const auto& [arguments, text] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "expected stl10 or cifar10"},
           {{"mnist"}, "expected stl10 or cifar10, got mnist"},
           {{"--form", "x", "stl10"}, "unknown option --form"},
           {{"stl10", "--from"}, "--from expects a value"},
           {{"stl10", "a", "b"}, "expected a set and a folder, got b as well"}}) {
    const Outcome outcome = fetch(arguments);
    check_refused(outcome, 2, text);
    CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
  }
  const Outcome help = fetch({"--help"});
  CHECK(help.code == 0);
  CHECK(contains(help.output, "Coates, Lee, Ng"));
}

TEST_CASE("a set is fetched, checked and unpacked, and then is there") {
  if (!can_fetch()) return;
  const Archive archive;
  const TemporaryFolder folder;
  const fs::path out = folder / "a folder of its own";
  const Outcome outcome =
      fetch({"cifar10", out.string(), "--from", archive.url, "--md5", archive.sum});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(entries(out) == 1);  // neither the archive nor anything half-unpacked
  const auto path = (out / "cifar-10-batches-bin").string();
  CHECK(app::open_dataset(path, app::Part::training, {})->size() == 10);
  CHECK(app::open_dataset(path, app::Part::validation, {})->size() == 2);
  fs::remove(archive.file);  // nothing more is fetched
  const Outcome again = fetch({"cifar10", out.string(), "--from", archive.url});
  CHECK(again.code == 0);
  CHECK(contains(again.output, "is there already"));
}

TEST_CASE("what was cut off goes on where it ended") {
  if (!can_fetch()) return;
  const Archive archive;
  const TemporaryFolder folder;
  const fs::path part = folder / (".cifar-10-batches-bin." + archive.sum + ".part");
  fs::copy_file(archive.file, part);
  fs::resize_file(part, fs::file_size(part) / 2);
  // Bytes before the cut are not asked for again: they may differ by now, and the sum is then wrong.
  std::fstream(archive.file, std::ios::in | std::ios::out | std::ios::binary) << "XXXX";
  const std::vector<std::string> request = {
      "cifar10", folder.path().string(), "--from", archive.url, "--md5", archive.sum};
  const Outcome outcome = fetch(request);
  INFO(outcome.output);
  CHECK(outcome.code == 0);
  CHECK(fs::exists(folder / "cifar-10-batches-bin" / "test_batch.bin"));
  CHECK(!fs::exists(part));
}

TEST_CASE("what is not the set leaves nothing in its place") {
  if (!can_fetch()) return;
  const Archive archive;
  const TemporaryFolder folder;
  const std::string out = folder.path().string();
  const auto there = folder / "cifar-10-batches-bin";

  check_refused(fetch({"cifar10", out, "--from", archive.url}), 1, "of 170052171 bytes");
  CHECK(!fs::exists(there));
  check_refused(fetch({"cifar10", out, "--from", archive.url, "--md5", std::string(32, '0')}), 1,
                "came with MD5 sum " + archive.sum);
  check_refused(fetch({"cifar10", out, "--from", archive.url + "x", "--md5", archive.sum}), 1,
                "cannot fetch " + archive.url + "x");
  CHECK(!fs::exists(there));

  const Archive cut(3000);
  check_refused(fetch({"cifar10", out, "--from", cut.url, "--md5", cut.sum}), 1,
                "has test_batch.bin of 6073 bytes, which is no whole number of records");
  CHECK(!fs::exists(there));
  check_refused(fetch({"stl10", out, "--from", archive.url, "--md5", archive.sum}), 1,
                "has no file unlabeled_X.bin");

  fs::create_directory(there);  // somebody's own
  check_refused(fetch({"cifar10", out, "--from", archive.url, "--md5", archive.sum}), 1,
                "has no file test_batch.bin; move it away to fetch it anew");
  CHECK(fs::is_empty(there));
}
