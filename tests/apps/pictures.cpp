// SPDX-License-Identifier: MIT
// What a run trains on and what it is validated on.
#include "apps/pictures.h"

#include <fstream>

#include "support/compare.h"
#include "support/pictures.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

RunOptions options_for(const std::string& data) {
  RunOptions options;
  options.data = data;
  options.size = 16;
  options.task = "super-resolve";  // nothing random: targets are the pictures' middles
  return options;
}
std::string refused(const RunOptions& options) {
  return error_of([&] { Pictures{options}; });
}
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
Image middle(const Tensor& images, std::int64_t i) { return to_image(images.rows(i, 1)); }

}  // namespace

TEST_CASE("every tenth picture of a set without parts is held out") {
  const TemporaryFolder folder;
  for (int i = 0; i < 21; ++i) {
    write_png(folder / fmt::format("{:02}.png", i), some_picture(16, 16, std::uint64_t(i)));
  }
  RunOptions options = options_for(folder.path().string());
  const Pictures pictures(options);
  REQUIRE(pictures.validation().size() == 2);
  CHECK(middle(pictures.validation().target, 0) == some_picture(16, 16, 9));
  CHECK(middle(pictures.validation().target, 1) == some_picture(16, 16, 19));
  const Dataset& training = pictures.training().dataset();
  REQUIRE(training.size() == 19);
  CHECK(*training.picture(8) == some_picture(16, 16, 8));
  CHECK(*training.picture(9) == some_picture(16, 16, 10));
  CHECK(contains(pictures.description(), "training: 19 of " + folder.path().string() + ": 21 "));

  for (int i = 9; i < 21; ++i) fs::remove(folder / fmt::format("{:02}.png", i));
  CHECK(contains(refused(options), "expected at least 10 pictures, of which every tenth is for"));
  options.validation = "builtin";
  CHECK(Pictures(options).training().dataset().size() == 9);
  CHECK(Pictures(options).validation().size() == 100);
}

TEST_CASE("a set with parts is trained and validated on as its authors meant") {
  const TemporaryFolder folder;
  const auto write = [&](const char* name, char grey, int count) {
    std::ofstream file(folder / name, std::ios::binary);
    while (count-- > 0) file << '\1' << std::string(3072, grey);
  };
  write("data_batch_1.bin", 10, 3);
  write("test_batch.bin", 20, 2);
  RunOptions options = options_for(folder.path().string());
  const Pictures pictures(options);
  CHECK(*pictures.training().dataset().picture(2) == Image(32, 32, 10));
  REQUIRE(pictures.validation().size() == 2);
  CHECK(middle(pictures.validation().target, 1) == Image(16, 16, 20));
  // To validate on alone: its part for it, though the other set has one as well.
  options.data = "builtin";
  options.validation = folder.path().string();
  CHECK(middle(Pictures(options).validation().target, 1) == Image(16, 16, 20));
  fs::remove(folder / "test_batch.bin");
  CHECK(Pictures(options).validation().size() == 3);  // all of it
}

TEST_CASE("super-resolution of pairs sees their low halves, in training and validation") {
  const TemporaryFolder folder;
  for (int i = 0; i < 10; ++i) {
    write_png(folder / fmt::format("{}_HR.png", i), some_picture(16, 16, std::uint64_t(i)));
    write_png(folder / fmt::format("{}_LR.png", i), some_picture(8, 8, std::uint64_t(i + 50)));
  }
  RunOptions options = options_for(folder.path().string());
  const Pictures pictures(options);
  CHECK(middle(pictures.validation().target, 0) == some_picture(16, 16, 9));
  CHECK(middle(pictures.validation().input, 0) == some_picture(8, 8, 59));
  const Crops batch = pictures.training().batch(1, RandomKey(1, "x"));
  CHECK(batch.low.shape() == Shape{1, 8, 8, 3});
  CHECK(*pictures.training().dataset().pair(3).low == some_picture(8, 8, 53));

  options.scale = 4;
  CHECK(contains(refused(options), "--scale: expected 2, as pairs have it, got 4: 9 of pairs in "));
  options.validation = "builtin";
  CHECK(contains(refused(options), "--scale: expected 2, as pairs have it, got 4: pairs in "));
  std::swap(options.data, options.validation);
  CHECK(contains(refused(options), "--scale: expected 2, as pairs have it, got 4: pairs in "));
  std::swap(options.data, options.validation);
  options.validation.clear();
  options.task = "denoise", options.scale = 2;  // has no use for them
  CHECK(Pictures(options).validation().input.shape() == Shape{4, 16, 16, 3});
}
