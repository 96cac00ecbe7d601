// SPDX-License-Identifier: MIT
// Layouts of folders: CelebA, pairs of high and low resolution, and how `--data` names them.
#include "apps/dataset_files.h"

#include <fstream>

#include "apps/dataset_folder.h"
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
void draw(const fs::path& path, int height, int width, std::uint64_t index) {
  write(path, encode_png(some_picture(height, width, index)));
}
// Both of a pair, of one scale.
void draw_pair(const fs::path& high, const fs::path& low, int scale, std::uint64_t index) {
  draw(high, 12 * scale, 16 * scale, index);
  draw(low, 12, 16, index + 100);
}

struct Opened {
  std::shared_ptr<const Dataset> set;
  std::string log;
};
Opened open(const std::string& data, Part part = Part::training, bool strict = false,
            std::int64_t cache = 1 << 30) {
  Opened opened;
  const Log log = [&](std::string_view line) { opened.log += std::string(line) + "\n"; };
  opened.set =
      open_dataset(data, part, {.crop = 12, .strict = strict, .cache_bytes = cache, .log = log});
  return opened;
}
std::string refused(const std::string& data, bool strict = false) {
  return error_of([&] { open(data, Part::training, strict); });
}

void write_celeba(const fs::path& folder, const std::string& parts) {
  for (int i = 1; i <= 6; ++i) {
    draw(folder / "img_align_celeba" / fmt::format("00000{}.jpg", i), 20, 16, std::uint64_t(i));
  }
  write(folder / "list_eval_partition.txt", parts);
}

}  // namespace

TEST_CASE("CelebA: the partition file says what trains and what validates") {
  const TemporaryFolder folder;
  write_celeba(folder.path(),
               "000001.jpg 0\n000002.jpg 1\r\n000003.jpg 2\n\n000004.jpg  0 \n000006.jpg\t1");
  const std::string path = folder.path().string();
  const Opened training = open("celeba:" + path), validation = open(path, Part::validation);
  REQUIRE(training.set->size() == 2);
  CHECK(*training.set->picture(0) == some_picture(20, 16, 1));
  CHECK(*training.set->picture(1) == some_picture(20, 16, 4));
  REQUIRE(validation.set->size() == 2);
  CHECK(*validation.set->picture(0) == some_picture(20, 16, 2));
  CHECK(*validation.set->picture(1) == some_picture(20, 16, 6));
  CHECK(training.set->description() == "CelebA (training) in " + path + ": 2 pictures, in memory");
  CHECK(contains(validation.set->description(), "CelebA (validation) in " + path));
  CHECK(training.log + validation.log == "");
}

TEST_CASE("CelebA: broken lines and missing pictures are named and counted, or fatal") {
  const TemporaryFolder folder;
  write_celeba(folder.path(),
               "000001.jpg 0\n000002.jpg 3\n000003.jpg\n000099.jpg 0\n../000004.jpg 0\n"
               "000005.jpg 00\n.. 0\n 0\n" +
                   std::string(5000, 'x') + "\n" + std::string("\0\x1b[2J 1 7\n", 9));
  const std::string path = folder.path().string();
  const auto lines = (folder / "list_eval_partition.txt").string() + " line ";
  const Opened opened = open(path);
  CHECK(opened.set->size() == 1);
  for (const int line : {2, 3, 5, 6, 7, 8, 9, 10}) {
    CHECK(contains(opened.log, fmt::format("skipped {}{}: expected NAME 0, NAME 1 or NAME 2, got '",
                                           lines, line)));
  }
  CHECK(contains(opened.log, "000099.jpg: No such file"));
  CHECK(contains(opened.log, "skipped 9 of 10 pictures in CelebA (training) in " + path));
  CHECK(opened.log.size() < 4000);  // no line of 5000 letters
  CHECK(contains(refused(path, true), lines + "2: expected NAME 0"));

  CHECK(open(path, Part::validation).set == nullptr);  // no line gives it a picture
  write(folder / "list_eval_partition.txt", "000001.jpg 2\n");
  CHECK(refused(path) == "data: no picture in CelebA (training) in " + path);
  write(folder / "list_eval_partition.txt", "");
  CHECK(refused(path) == "data: no picture in CelebA (training) in " + path);
  fs::remove(folder / "list_eval_partition.txt");
  CHECK(contains(refused("celeba:" + path), "cannot open"));
  fs::create_directory(folder / "list_eval_partition.txt");
  CHECK(contains(refused("celeba:" + path), "is a folder, expected a file"));
  fs::remove_all(folder / "img_align_celeba");
  CHECK(refused("celeba:" + path) ==
        "data: there is no folder " + (folder / "img_align_celeba").string());
  write(folder / "img_align_celeba", "x");
  CHECK(contains(refused("celeba:" + path), "is a file, expected a folder"));
}

TEST_CASE("pairs by the ends of their names") {
  const TemporaryFolder folder;
  for (const std::uint64_t i : {1, 2, 3}) {
    const std::string name = (folder / fmt::format("img_00{}_SRF_4_", i)).string();
    draw_pair(name + "HR.png", name + "LR.png", 4, i);
  }
  const std::string path = folder.path().string();
  for (const char* prefix : {"", "auto:", "pairs:", "urban100:"}) {
    for (const std::int64_t cache : {1 << 30, 0}) {
      const Opened opened = open(prefix + path, Part::training, true, cache);
      REQUIRE(opened.set->size() == 3);
      CHECK(opened.set->scale() == 4);
      for (std::int64_t i = 0; i < 3; ++i) {
        const PicturePair pair = opened.set->pair(i);
        CHECK(*pair.clean == some_picture(48, 64, std::uint64_t(i + 1)));
        CHECK(*pair.low == some_picture(12, 16, std::uint64_t(i + 101)));
      }
      CHECK(opened.set->common_size().has_value() == (cache > 0));
      CHECK(opened.set->description() == "pairs in " + path + ": 3 pairs, " +
                                             (cache ? "in memory" : "read from disk as needed") +
                                             ", 4 times as large as their partners");
    }
  }
  // Both halves count against the memory: three times 48 x 64 and 12 x 16 pixels of 3 bytes.
  for (const std::int64_t less : {0, 1}) {
    const auto set = open(path, Part::training, true, 29376 - less).set;
    CHECK(contains(set->description(), less ? "from disk" : "in memory"));
  }
  CHECK(open(path, Part::validation).set == nullptr);
  CHECK(open("folder:" + path).set->size() == 6);
  CHECK(error_of([&] { open_dataset(path, Part::training, {.crop = 12, .resize = true}); }) ==
        "--resize: expected pictures without partners, got pairs in " + path);
}

TEST_CASE("pairs in two folders") {
  for (const std::string low : {"LR/a.png", "LR/ax2.png", "X2/a.png", "LR_bicubic/X2/ax2.png",
                                "LR/X2/a_LR.png", "LR_bicubic/a.jpg"}) {
    const TemporaryFolder folder;
    draw_pair(folder / "HR/a.png", folder / low, 2, 1);
    INFO(low);
    const Opened opened = open(folder.path().string(), Part::training, true);
    REQUIRE(opened.set->size() == 1);
    CHECK(opened.set->scale() == 2);
    CHECK(*opened.set->pair(0).low == some_picture(12, 16, 101));
  }
  const TemporaryFolder folder;
  draw_pair(folder / "HR/sub/a.png", folder / "LR_bicubic/X2/sub/ax2.png", 2, 1);
  draw(folder / "LR_bicubic/X4/sub/ax4.png", 6, 8, 7);
  CHECK(contains(refused(folder.path().string()),
                 "holds several low resolutions; name one of "
                 "them: pairs:"));
  for (const char* end : {"", "/"}) {
    const auto low = "pairs:" + (folder / "LR_bicubic/X4").string() + end;
    CHECK(open(low).set->scale() == 4);
    CHECK(*open(low).set->pair(0).low == some_picture(6, 8, 7));
  }
}

TEST_CASE("high resolution alone is pictures") {
  const TemporaryFolder folder;
  draw(folder / "a_HR.png", 24, 24, 1);
  draw(folder / "b_HR.png", 24, 24, 2);
  const std::string path = folder.path().string();
  for (const char* prefix : {"", "pairs:", "urban100:"}) {
    const Opened opened = open(prefix + path, Part::training, true);
    CHECK(opened.set->size() == 2);
    CHECK(opened.set->scale() == 1);
    CHECK(opened.set->pair(0).low == nullptr);
    CHECK(opened.log == "");
  }
  const TemporaryFolder plain;
  draw(plain / "HR/img_001.png", 24, 24, 1);
  CHECK(open("urban100:" + plain.path().string()).set->size() == 1);
  CHECK(open("urban100:" + (plain / "HR").string(), Part::training, true).set->scale() == 1);
  draw(plain / "other/a.png", 24, 24, 1);  // beside HR/, and not its partner
  CHECK(open("urban100:" + (plain / "other").string(), Part::training, true).set->scale() == 1);
}

TEST_CASE("pairs that do not match are named and skipped, and scales do not mix") {
  const TemporaryFolder folder;
  const auto at = [&](const char* name) { return folder / name; };
  draw_pair(at("a_HR.png"), at("a_LR.png"), 2, 1);
  draw_pair(at("b_HR.png"), at("b_LR.png"), 2, 2);
  draw(at("alone_HR.png"), 24, 24, 3);
  draw(at("lost_LR.png"), 24, 24, 3);
  draw(at("odd_HR.png"), 24, 33, 4), draw(at("odd_LR.png"), 12, 16, 4);
  draw(at("same_HR.png"), 24, 24, 4), draw(at("same_LR.png"), 24, 24, 4);
  draw(at("broken_HR.png"), 24, 32, 4), write(at("broken_LR.png"), "x");
  draw_pair(at("b_HR.jpg"), at("unused.png"), 2, 2);  // a second high half of b
  const Opened opened = open(folder.path().string());
  CHECK(opened.set->size() == 2);
  for (const char* text :
       {"alone_HR.png: has no partner of low resolution", "lost_LR.png: has no partner of high",
        "odd_HR.png: 33 x 24 pixels are not a whole number of times, twice or more, the 16 x 12 "
        "of ",
        "same_HR.png: 24 x 24 pixels are not", "broken_LR.png is neither a PNG nor a JPEG file",
        "b_HR.png: makes the same pair as ", "skipped 6 of 8 pictures in pairs in "}) {
    CHECK_MESSAGE(contains(opened.log, text), text << " in\n" << opened.log);
  }
  draw_pair(at("c_HR.png"), at("c_LR.png"), 3, 2);
  CHECK(refused(folder.path().string()) ==
        "data: expected pairs of one scale, got 2 times in " + at("a_HR.png").string() +
            " and 3 times in " + at("c_HR.png").string() + "; name a folder that holds one");
}

TEST_CASE("of a pair read from disk the stand-in brings its own partner") {
  const TemporaryFolder folder;
  draw_pair(folder / "a_HR.png", folder / "a_LR.png", 2, 1);
  draw_pair(folder / "b_HR.png", folder / "b_LR.png", 2, 2);
  const Opened opened = open(folder.path().string(), Part::training, false, 0);
  REQUIRE(opened.set->size() == 2);
  draw(folder / "a_LR.png", 12, 17, 101);  // no longer its partner
  const PicturePair pair = opened.set->pair(0);
  CHECK(*pair.clean == some_picture(24, 32, 2));
  CHECK(*pair.low == some_picture(12, 16, 102));
}

TEST_CASE("--data: words and layouts") {
  CHECK(open("builtin").set->picture(0)->height == 24);
  CHECK(!(*open("builtin").set->picture(0) == *open("builtin", Part::validation).set->picture(0)));
  CHECK(contains(error_of([] { open_dataset("builtin", Part::training, {.resize = true}); }),
                 "--resize: builtin"));
  for (const char* prefix : {"", "auto:", "folder:", "stl10:", "cifar10:", "pairs:"}) {
    CHECK(refused(std::string(prefix) + "/nowhere") == "data: there is no folder /nowhere");
  }
  CHECK(refused("unknown:/nowhere") == "data: there is no folder unknown:/nowhere");
  CHECK(refused("folder:") == "data: there is no folder ");

  const TemporaryFolder folder;  // a blank and letters beyond ASCII, and a colon
  const fs::path odd = folder / "stl10: ein schönes Bild";
  draw(odd / "ü b.png", 20, 20, 1);
  CHECK(*open(odd.string()).set->picture(0) == some_picture(20, 20, 1));
  CHECK(open(odd.string()).set->description() == odd.string() + ": 1 pictures, in memory");
  CHECK(contains(refused("cifar10:" + odd.string()), "holds nothing to train on: no data_batch_1"));
  CHECK(contains(refused((odd / "ü b.png").string()), "is a file, expected a folder"));

  // One photograph with such a name makes no pairs of the others.
  for (const char* name : {"1.png", "2.png", "3.png", "4.png", "x_HR.png", "x_LR.png"}) {
    draw(folder / "photos" / name, 20, 20, 1);
  }
  CHECK(open((folder / "photos").string()).set->size() == 6);

  write(folder / "both/train_X.bin", std::string(27648, 'x'));
  CHECK(open((folder / "both").string()).set->common_size()->width == 96);
  write(folder / "both/test_batch.bin", std::string(3073, '\1'));
  CHECK(refused((folder / "both").string()) ==
        fmt::format("data: {0} could be stl10 or cifar10: say which, as in cifar10:{0}",
                    (folder / "both").string()));
  CHECK(open("stl10:" + (folder / "both").string()).set->size() == 1);
}

TEST_CASE("links that lead in a circle, to nowhere and to pictures") {
  const TemporaryFolder folder;
  draw(folder / "elsewhere/a.png", 20, 20, 1);
  fs::create_directory(folder / "set");
  fs::create_directory_symlink("..", folder / "set/circle");
  fs::create_symlink("b.png", folder / "set/b.png");
  fs::create_symlink("gone.png", folder / "set/c.png");
  fs::create_symlink("../elsewhere/a.png", folder / "set/d.png");
  fs::create_directory(folder / "set/folder.png");
  const Opened opened = open((folder / "set").string());
  CHECK(opened.set->size() == 1);
  CHECK(*opened.set->picture(0) == some_picture(20, 20, 1));
  CHECK(contains(opened.log, "skipped 2 of 3 pictures"));
  fs::create_directory_symlink("loop", folder / "loop");
  CHECK(contains(refused((folder / "loop").string()), "there is no folder"));
}
