// SPDX-License-Identifier: MIT
#include "core/shape.h"

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("extents, elements and text") {
  const Shape shape{8, 32, 16, 3};
  CHECK(shape.rank() == 4);
  CHECK(shape.numel() == 8 * 32 * 16 * 3);
  CHECK(shape[0] == 8);
  CHECK(shape[3] == 3);
  CHECK(shape[-1] == 3);
  CHECK(shape[-4] == 8);
  CHECK(shape.str() == "[8,32,16,3]");
  CHECK(fmt::format("{}", shape) == "[8,32,16,3]");
  CHECK(std::vector<std::int64_t>(shape.begin(), shape.end()) ==
        std::vector<std::int64_t>{8, 32, 16, 3});
}

TEST_CASE("scalars and empty shapes") {
  CHECK(Shape().rank() == 0);
  CHECK(Shape().numel() == 1);
  CHECK(Shape().str() == "[]");
  CHECK(Shape{0, 5}.numel() == 0);
  CHECK(Shape{std::int64_t{1} << 62, std::int64_t{1} << 62, 0}.numel() == 0);
}

TEST_CASE("equality is of rank and extents") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(!(Shape{2, 3} == Shape{3, 2}));
  CHECK(!(Shape{2, 3} == Shape{2, 3, 1}));
  CHECK(!(Shape{} == Shape{1}));
  CHECK(!(Shape{2} == Shape{2, 0}));
}

TEST_CASE("one extent replaced") {
  CHECK(Shape{2, 3, 4}.with(1, 7) == Shape{2, 7, 4});
  CHECK(Shape{2, 3, 4}.with(-1, 1).numel() == 6);
  CHECK(Shape{0, 3}.with(0, 2).numel() == 6);
}

TEST_CASE("what is no shape is an error") {
  CHECK(error_of([] { Shape({1, 2, 3, 4, 5, 6}); }) == "shape: expected at most 5 extents, got 6");
  CHECK(error_of([] { Shape({3, -1}); }) == "shape: expected extents of at least 0, got [3,-1]");
  CHECK(error_of([] {
          Shape({1LL << 32, 1LL << 31});
        }) ==
        "shape: [4294967296,2147483648] has more elements than 64 bits can count the bytes of");
  CHECK(!error_of([] { Shape({1LL << 31, 1LL << 31}); }).empty());
  CHECK(Shape{1LL << 29, 1LL << 30}.numel() == 1LL << 59);
  CHECK(error_of([] { Shape({2, 3})[2]; }) == "shape: [2,3] has no extent 2");
  CHECK(error_of([] { Shape({2, 3})[-3]; }) == "shape: [2,3] has no extent -3");
  CHECK(error_of([] { Shape({2}).with(1, 1); }) == "shape: [2] has no extent 1");
}
