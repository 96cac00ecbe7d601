// SPDX-License-Identifier: MIT
// Real pictures in their published formats, where there are some: $TELESCOPE_DATA, or shared/data
// beside the sources.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "apps/dataset_folder.h"
#include "support/compare.h"
#include "support/data_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

// Whether a set is there. Without any of them the whole test counts as skipped.
bool is_there(const char* name) {
  const fs::path path = data_folder() / name;
  if (fs::exists(path)) return true;
  std::cout << (fs::exists(data_folder()) ? "not tested" : "[skipped]") << ": there is no "
            << path.string() << " (TELESCOPE_DATA names its folder)\n";
  return false;
}
std::string path_of(const char* name) { return (data_folder() / name).string(); }

// Photographs show when bytes are read in a wrong order: neighbours are alike, and light comes from
// above, so that upper and lower half differ by more than left and right.
void check_photographs(const Dataset& set) {
  double steps = 0, pixels = 0, down = 0, across = 0;
  const std::int64_t count = std::min<std::int64_t>(set.size(), 500);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto image = set.picture(i);
    double lower = 0, right = 0;
    for (int y = 1; y < image->height; ++y) {
      for (int x = 1; x < image->width; ++x, ++pixels) {
        const int green = image->pixel(y, x)[1];
        steps += std::abs(green - image->pixel(y - 1, x)[1]);
        steps += std::abs(green - image->pixel(y, x - 1)[1]);
        lower += 2 * y < image->height ? -green : green;
        right += 2 * x < image->width ? -green : green;
      }
    }
    down += std::abs(lower), across += std::abs(right);
  }
  CHECK(steps / pixels < 40);
  CHECK(down > 1.4 * across);
}

}  // namespace

TEST_CASE("STL-10") {
  if (!is_there("stl10_binary")) return;
  const auto set = open_dataset(path_of("stl10_binary"), Part::training, {.crop = 96});
  const auto bytes =
      static_cast<std::int64_t>(fs::file_size(data_folder() / "stl10_binary" / "unlabeled_X.bin"));
  CHECK(set->size() >= bytes / 27648);
  check_photographs(*set);
  CHECK(set->description().starts_with("STL-10 (training) in "));
}

TEST_CASE("CIFAR-10") {
  if (!is_there("cifar-10-batches-bin")) return;
  const auto set = open_dataset(path_of("cifar-10-batches-bin"), Part::training, {.crop = 32});
  CHECK(set->size() >= 5 * 170);
  check_photographs(*set);
  CHECK(set->description().starts_with("CIFAR-10 (training) in "));
}

TEST_CASE("photographs") {
  if (is_there("set14")) {
    const auto set = open_dataset(path_of("set14"), Part::training, {.crop = 96, .strict = true});
    CHECK(set->size() == 11);
    CHECK(set->picture(0)->height >= 248);
    const auto grey = set->picture(2);  // bridge.png
    CHECK(grey->pixel(100, 100)[0] == grey->pixel(100, 100)[2]);
  }
  if (is_there("urban100")) {
    const auto set = open_dataset("urban100:" + path_of("urban100"), Part::training,
                                  {.crop = 512, .strict = true, .cache_bytes = 0});
    CHECK(set->size() == 20);
    CHECK(set->scale() == 1);
  }
}
