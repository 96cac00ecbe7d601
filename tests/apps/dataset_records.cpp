// SPDX-License-Identifier: MIT
#include "apps/dataset_records.h"

#include <sys/stat.h>

#include <fstream>

#include "support/compare.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// No two neighbours alike, in no direction and no channel: a wrong order shows.
std::uint8_t value(std::int64_t picture, int y, int x, int c) {
  return static_cast<std::uint8_t>(7 * picture + 3 * y + 5 * x + 101 * c + y * x % 11);
}

// Byte by byte as the two sets are published, written out: not the reader's arithmetic.
std::string cifar10_record(std::int64_t picture, char label) {
  std::string bytes(1, label);
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 32; ++y)
      for (int x = 0; x < 32; ++x) bytes += static_cast<char>(value(picture, y, x, c));
  return bytes;
}
std::string stl10_record(std::int64_t picture) {
  std::string bytes;
  for (int c = 0; c < 3; ++c)
    for (int x = 0; x < 96; ++x)
      for (int y = 0; y < 96; ++y) bytes += static_cast<char>(value(picture, y, x, c));
  return bytes;
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
void write_cifar10(const fs::path& path, std::int64_t first, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += cifar10_record(first + i, static_cast<char>(i % 10));
  write(path, bytes);
}

// Every pixel of every picture.
void check_pictures(const Dataset& set, int side, const std::vector<std::int64_t>& pictures) {
  REQUIRE(set.size() == static_cast<std::int64_t>(pictures.size()));
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto image = set.picture(static_cast<std::int64_t>(i));
    REQUIRE(image->height == side);
    REQUIRE(image->width == side);
    int wrong = 0;
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        for (int c = 0; c < 3; ++c) wrong += image->pixel(y, x)[c] != value(pictures[i], y, x, c);
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("records of CIFAR-10: a label, then planes row by row") {
  const TemporaryFolder folder;
  write_cifar10(folder / "data_batch_1.bin", 0, 3);
  write_cifar10(folder / "data_batch_2.bin", 20, 1);
  write_cifar10(folder / "data_batch_5.bin", 30, 2);
  write_cifar10(folder / "test_batch.bin", 40, 2);
  const auto path = folder.path().string();
  const auto training = open_dataset("cifar10:" + path, Part::training, {.crop = 32});
  check_pictures(*training, 32, {0, 1, 2, 20, 30, 31});
  check_pictures(*open_dataset("cifar10:" + path, Part::validation, {.crop = 32}), 32, {40, 41});
  CHECK(training->name(3) == (folder / "data_batch_2.bin").string() + " record 0");
  CHECK(training->description() ==
        "CIFAR-10 (training) in " + path + ": 6 pictures of 32 x 32, mapped into memory");
  REQUIRE(training->common_size());
  CHECK(training->common_size()->height == 32);
  CHECK(error_of([&] { training->picture(6); }) == "data: picture 6 of 6");
  CHECK(error_of([&] { training->picture(-1); }) == "data: picture -1 of 6");
}

TEST_CASE("records of STL-10: no label, planes column by column") {
  const TemporaryFolder folder;
  write(folder / "unlabeled_X.bin", stl10_record(1) + stl10_record(2));
  write(folder / "train_X.bin", stl10_record(3));
  const auto path = folder.path().string();
  check_pictures(*open_dataset("stl10:" + path, Part::training, {.crop = 96}), 96, {1, 2, 3});
  CHECK(open_dataset("stl10:" + path, Part::validation, {}) == nullptr);
  write(folder / "test_X.bin", stl10_record(4));
  check_pictures(*open_dataset("stl10:" + path, Part::validation, {}), 96, {4});
  fs::remove(folder / "unlabeled_X.bin");
  check_pictures(*open_dataset("stl10:" + path, Part::training, {}), 96, {3});
  fs::remove(folder / "train_X.bin");
  CHECK(error_of([&] { open_dataset("stl10:" + path, Part::training, {}); }) ==
        "data: " + path + " holds nothing to train on: no unlabeled_X.bin, no train_X.bin");
  check_pictures(*open_validation("stl10:" + path, {}), 96, {4});
}

TEST_CASE("records resized") {
  const TemporaryFolder folder;
  write_cifar10(folder / "data_batch_1.bin", 0, 2);
  const auto path = folder.path().string();
  const auto whole = open_dataset(path, Part::training, {.crop = 32});
  const auto small = open_dataset(path, Part::training, {.crop = 16, .resize = true});
  const auto large = open_dataset(path, Part::training, {.crop = 48, .resize = true});
  CHECK(*small->picture(1) == resized(*whole->picture(1), 16, 16));
  CHECK(*large->picture(0) == resized(*whole->picture(0), 48, 48));
  CHECK(large->common_size()->width == 48);
  CHECK(contains(small->description(), "2 pictures of 32 x 32, mapped into memory, resized to 16"));
}

TEST_CASE("files that are no records of their set are refused by name, strict or not") {
  const TemporaryFolder folder;
  const auto file = folder / "data_batch_1.bin";
  const auto refused = [&] {
    return error_of([&] { open_dataset("cifar10:" + folder.path().string(), Part::training, {}); });
  };
  write_cifar10(folder / "data_batch_2.bin", 0, 2);
  write(file, "");
  CHECK(refused() == "data: " + file.string() + " is empty");
  write(file, cifar10_record(1, 1) + cifar10_record(2, 2).substr(0, 3072));
  CHECK(refused() == "data: " + file.string() +
                         " is cut or no file of CIFAR-10: 6145 bytes are 1 records of 3073 and "
                         "3072 bytes more");
  write(file, cifar10_record(1, 9) + cifar10_record(2, 10));
  CHECK(refused() ==
        "data: " + file.string() +
            " is damaged or no file of CIFAR-10: record 1 has label 10, expected 0 to 9");
  write(file, cifar10_record(1, static_cast<char>(255)));
  CHECK(contains(refused(), "record 0 has label 255"));
  fs::remove(file);
  fs::create_directory(file);
  CHECK(contains(refused(), file.string() + " is a folder"));
  fs::remove(file);
  fs::create_symlink("data_batch_1.bin", file);  // to itself
  CHECK(contains(refused(), "cannot open " + file.string()));
  fs::remove(file);
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  CHECK(contains(refused(), file.string() + " is not a regular file"));
  fs::remove(file);
  CHECK(refused().empty());
}

TEST_CASE("crops larger than the pictures are refused, with what would help") {
  const TemporaryFolder folder;
  write_cifar10(folder / "data_batch_1.bin", 0, 1);
  CHECK(error_of([&] { open_dataset(folder.path(), Part::training, {.crop = 33}); }) ==
        "data: pictures of CIFAR-10 have 32 x 32 pixels, less than 33 x 33; choose a smaller "
        "--size, or --resize");
}
