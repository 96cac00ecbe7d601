// SPDX-License-Identifier: MIT
#include "apps/dataset_folder.h"

#include <fstream>

#include "support/compare.h"
#include "support/pictures.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
void write(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}
// Four pictures that can be used for crops of 16 and four files that cannot.
void fill(const TemporaryFolder& folder) {
  write_png(folder / "b.png", some_picture(20, 30, 1));
  write_png(folder / "a.PNG", some_picture(16, 16, 2));
  fs::create_directories(folder / "sub" / "deep");
  write_png(folder / "sub" / "deep" / "c.png", some_picture(40, 17, 3));
  const std::string jpeg = jpeg_bytes(32, 32, 3, some_picture(32, 32, 4).rgb);
  write(folder / "sub" / "d.jpeg", jpeg);
  write(folder / "cut.jpg", jpeg.substr(0, jpeg.size() / 2));
  write(folder / "empty.png", "");
  write(folder / "text.jpg", "not a picture");
  write_png(folder / "small.png", some_picture(15, 60));
  write(folder / "notes.txt", "ignored");
  write(folder / ".hidden.png", "ignored");
}
struct Lines {
  std::vector<std::string> lines;
  Log log() {
    return [this](std::string_view line) { lines.emplace_back(line); };
  }
  bool mention(std::string_view part) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return contains(line, part); });
  }
};
}  // namespace

TEST_CASE("pictures of one size are known to be") {
  const TemporaryFolder folder;
  write_png(folder / "a.png", some_picture(16, 20, 1));
  write_png(folder / "b.png", some_picture(16, 20, 2));
  const auto size = FolderDataset(folder.path(), {.crop = 16}).common_size();
  REQUIRE(size);
  CHECK(size->height == 16);
  CHECK(size->width == 20);
  // Not where they are read anew each time, and not with one more of another size.
  CHECK(!FolderDataset(folder.path(), {.crop = 16, .cache_bytes = 0}).common_size());
  write_png(folder / "c.png", some_picture(16, 21, 3));
  CHECK(!FolderDataset(folder.path(), {.crop = 16}).common_size());
  const auto builtin = BuiltinDataset(1, 8, 3).common_size();
  REQUIRE(builtin);
  CHECK(builtin->height == 16);
}

TEST_CASE("usable pictures come in the order of their names, the others are named and counted") {
  const TemporaryFolder folder;
  fill(folder);
  Lines lines;
  const FolderDataset set(folder.path(), {.crop = 16, .log = lines.log()});
  REQUIRE(set.size() == 4);
  CHECK(set.in_memory());
  CHECK(set.skipped() == 4);
  CHECK(set.name(0) == (folder / "a.PNG").string());
  CHECK(set.name(1) == (folder / "b.png").string());
  CHECK(set.name(2) == (folder / "sub" / "d.jpeg").string());
  CHECK(set.name(3) == (folder / "sub" / "deep" / "c.png").string());
  CHECK(*set.picture(1) == some_picture(20, 30, 1));
  CHECK(lines.lines.size() == 5);
  CHECK(lines.mention("cut.jpg: is damaged: it is cut"));
  CHECK(lines.mention("empty.png: is empty"));
  CHECK(lines.mention("text.jpg: is neither a PNG nor a JPEG file"));
  CHECK(lines.mention("small.png: 60 x 15 pixels are less than 16 x 16"));
  CHECK(lines.mention("skipped 4 of 8 pictures in " + folder.path().string()));
  CHECK(contains(set.description(), "4 pictures, in memory, 4 skipped"));
}

TEST_CASE("strict sets refuse the first picture that cannot be used") {
  const TemporaryFolder folder;
  fill(folder);
  const std::string text =
      error_of([&] { FolderDataset(folder.path(), {.crop = 16, .strict = true}); });
  CHECK(contains(text, (folder / "cut.jpg").string() + ": is damaged"));
  CHECK(contains(text, "strict"));
  fs::remove(folder / "cut.jpg");
  fs::remove(folder / "empty.png");
  fs::remove(folder / "text.jpg");
  CHECK(FolderDataset(folder.path(), {.crop = 15, .strict = true}).size() == 5);
}

TEST_CASE("folders that cannot be used are one clear error") {
  const TemporaryFolder folder;
  Lines lines;
  const auto open = [&](const fs::path& path) {
    return error_of([&] { FolderDataset(path, {.crop = 16, .log = lines.log()}); });
  };
  CHECK(open(folder / "none") == "data: there is no folder " + (folder / "none").string());
  CHECK(open(folder.path()) == "data: " + folder.path().string() + " holds no PNG or JPEG file");
  write(folder / "x.png", "x");
  CHECK(contains(open(folder / "x.png"), "is a file, expected a folder"));
  const std::string text = open(folder.path());
  CHECK(contains(text,
                 "no picture in " + folder.path().string() + " can be used: 1 found, 1 skipped"));
  CHECK(contains(text, "x.png: is neither"));
}

TEST_CASE("a set too large for memory is decoded as needed, with the same pictures") {
  const TemporaryFolder folder;
  fill(folder);
  Lines lines;
  const FolderDataset cached(folder.path(), {.crop = 16, .log = lines.log()});
  Lines late;
  const FolderDataset lazy(folder.path(), {.crop = 16, .cache_bytes = 1000, .log = late.log()});
  CHECK(!lazy.in_memory());
  CHECK(contains(lazy.description(), "read from disk"));
  REQUIRE(lazy.size() == 5);  // cut.jpg begins well
  CHECK(*lazy.picture(0) == *cached.picture(0));
  CHECK(*lazy.picture(4) == *cached.picture(3));
  const auto lines_before = late.lines.size();
  CHECK(lazy.name(2) == (folder / "cut.jpg").string());
  CHECK(*lazy.picture(2) == *cached.picture(2));  // the next one stands in
  CHECK(*lazy.picture(2) == *cached.picture(2));
  CHECK(late.lines.size() == lines_before + 1);
  CHECK(late.mention("cut.jpg: is damaged"));
}

TEST_CASE("a crop is part of its picture, mirrored half of the time") {
  const BuiltinDataset set(3, 8);
  const auto picture = set.picture(5);
  REQUIRE(picture->height == 16);
  RandomSequence random(RandomKey(1, "crops"));
  std::vector<float> crop(8 * 8 * 3);
  int mirrored = 0;
  std::vector<int> tops(9), lefts(9);
  for (int round = 0; round < 400; ++round) {
    RandomSequence expected = random;
    set.fill_crop(5, random, 8, crop.data());
    const int top = static_cast<int>(expected.below(9)), left = static_cast<int>(expected.below(9));
    const bool mirror = expected.below(2) == 1;
    ++tops[static_cast<std::size_t>(top)], ++lefts[static_cast<std::size_t>(left)];
    mirrored += mirror;
    bool same = true;
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) {
        const auto* pixel = picture->pixel(top + y, left + (mirror ? 7 - x : x));
        for (int c = 0; c < 3; ++c) {
          same = same && crop[static_cast<std::size_t>((y * 8 + x) * 3 + c)] ==
                             static_cast<float>(pixel[c]) / 127.5f - 1.f;
        }
      }
    }
    REQUIRE(same);
  }
  CHECK(std::abs(mirrored - 200) < 50);
  for (int i = 0; i < 9; ++i) {
    CHECK(tops[static_cast<std::size_t>(i)] > 15);
    CHECK(lefts[static_cast<std::size_t>(i)] > 15);
  }
  CHECK(contains(error_of([&] { set.fill_crop(5, random, 17, crop.data()); }),
                 "builtin picture 5 has 16 x 16 pixels, a crop of 17 x 17"));
}

TEST_CASE("builtin pictures depend on seed and number alone") {
  const BuiltinDataset a(7, 16), b(7, 16), other(8, 16);
  CHECK(*a.picture(3) == *b.picture(3));
  CHECK(!(*a.picture(3) == *a.picture(4)));
  CHECK(!(*a.picture(3) == *other.picture(3)));
  CHECK(a.picture(3) == a.picture(3));
  CHECK(contains(a.description(), "512 pictures of 32 x 32, seed 7"));
}

TEST_CASE("builtin pictures are as natural pictures are: full range, flat parts, edges") {
  double mean = 0, steps = 0, large = 0, count = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Image image = draw_dead_leaves(1, i, 48, 48);
    for (int y = 0; y < 48; ++y) {
      for (int x = 1; x < 48; ++x) {
        const double step = std::abs(image.pixel(y, x)[1] - image.pixel(y, x - 1)[1]);
        mean += image.pixel(y, x)[1], steps += step, large += step > 40, ++count;
      }
    }
  }
  CHECK(mean / count > 80);
  CHECK(mean / count < 170);
  CHECK(steps / count > 3);
  CHECK(steps / count < 30);
  CHECK(large / count > 0.01);
  CHECK(large / count < 0.25);
}

TEST_CASE("the validation set is the middles of the first pictures") {
  const TemporaryFolder folder;
  Image image(5, 4);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i);
  write_png(folder / "0.png", image);
  write_png(folder / "1.png", some_picture(3, 3));
  const FolderDataset set(folder.path(), {.crop = 2});
  const Tensor x = validation_set(set, 10, 2).clean;
  CHECK(x.shape() == Shape{2, 2, 2, 3});
  CHECK(to_images(x)[0].pixel(0, 0)[0] == image.pixel(1, 1)[0]);
  CHECK(to_images(x)[0].pixel(1, 1)[2] == image.pixel(2, 2)[2]);
  CHECK_SAME(validation_set(set, 1, 2).clean, x.rows(0, 1));
  CHECK(!validation_set(set, 1, 2).low.defined());
  CHECK(contains(error_of([&] { validation_set(set, 0, 2); }), "at least one"));
}

TEST_CASE("pictures are resized whole where that is asked for") {
  const TemporaryFolder folder;
  write_png(folder / "a.png", some_picture(20, 30, 1));
  write_png(folder / "b.png", some_picture(5, 7, 2));
  for (const std::int64_t cache : {1 << 20, 0}) {
    const FolderDataset set(folder.path(), {.crop = 8, .resize = true, .cache_bytes = cache});
    REQUIRE(set.size() == 2);  // none is too small
    CHECK(*set.picture(0) == resized(some_picture(20, 30, 1), 8, 8));
    CHECK(*set.picture(1) == resized(some_picture(5, 7, 2), 8, 8));
    CHECK(contains(set.description(), "resized to 8 x 8"));
    CHECK(set.common_size().has_value() == (cache > 0));
  }
  // What counts against the memory is what is kept: 2 * 8 * 8 * 3 bytes.
  CHECK(FolderDataset(folder.path(), {.crop = 8, .resize = true, .cache_bytes = 384}).in_memory());
  CHECK(!FolderDataset(folder.path(), {.crop = 8, .resize = true, .cache_bytes = 383}).in_memory());
}
