// SPDX-License-Identifier: MIT
#include "layers/crop.h"

#include "core/philox.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {
Tensor random_pictures(const Shape& shape) {
  RandomSequence random(RandomKey(1, "pictures"));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(shape.numel()));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  return Tensor::from(bytes, shape);
}
}  // namespace

TEST_CASE("crops of every place, mirrored or not, to the bit") {
  const std::int64_t count = 3, h = 19, w = 23;
  const Tensor pictures = random_pictures({count, h, w, 3}), there = on_device(pictures);
  for (const std::int64_t size : {1, 2, 4, 7, 16, 19}) {
    INFO(size);
    std::vector<std::int64_t> crops;
    RandomSequence random(RandomKey(2, "crops"));
    const auto below = [&](std::int64_t n) {
      return std::int64_t{random.below(static_cast<std::uint32_t>(n))};
    };
    for (int i = 0; i < 9; ++i) {
      crops.insert(crops.end(), {below(count), below(h - size + 1), below(w - size + 1), i % 2});
    }
    crops.insert(crops.end(), {count - 1, h - size, w - size, 1, 0, 0, 0, 0});
    const auto n = static_cast<std::int64_t>(crops.size() / 4);
    const Tensor y = crop_pictures(there, on_device(Tensor::from(crops, {n, 4})), size);
    const Tensor expected = Tensor::empty({n, size, size, 3});
    float* to = expected.data<float>();
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t r = 0; r < size; ++r)
        for (std::int64_t j = 0; j < size; ++j)
          for (std::int64_t c = 0; c < 3; ++c) {
            const std::int64_t* crop = &crops[static_cast<std::size_t>(4 * i)];
            const std::int64_t column = crop[2] + (crop[3] ? size - 1 - j : j);
            const auto byte =
                pictures.data<std::uint8_t>()[((crop[0] * h + crop[1] + r) * w + column) * 3 + c];
            *to++ = static_cast<float>(byte) / 127.5f - 1.f;
          }
    CHECK(y.device() == test_device());
    CHECK_SAME(y, expected);
  }
}

TEST_CASE("all bytes have their number, and no crops are nothing") {
  std::vector<std::uint8_t> bytes(256 * 3);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i / 3);
  const Tensor pictures = on_device(Tensor::from(bytes, {1, 16, 16, 3}));
  const Tensor all =
      crop_pictures(pictures, on_device(Tensor::from<std::int64_t>({0, 0, 0, 0}, {1, 4})), 16);
  const auto values = all.to_vector<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(values[i] == static_cast<float>(i / 3) / 127.5f - 1.f);
  }
  CHECK(crop_pictures(pictures, zeros_on_device({0, 4}, DType::i64), 4).shape() ==
        Shape{0, 4, 4, 3});
}

TEST_CASE("what crop_pictures refuses") {
  const Tensor pictures = random_pictures({2, 5, 6, 3});
  const auto crops = [](std::vector<std::int64_t> row) { return Tensor::from(row, {1, 4}); };
  CHECK(error_of([&] {
          crop_pictures(pictures, crops({0, 0, 0, 0}), 6);
        }) == "crop: expected a size that pictures [2,5,6,3] hold, got 6");
  CHECK(error_of([&] {
          crop_pictures(Tensor::zeros({2, 5, 6, 3}), crops({0, 0, 0, 0}), 2);
        }) == "crop: expected pictures u8 [N,H,W,3], got f32 [2,5,6,3]");
  CHECK(error_of([&] {
          crop_pictures(pictures, Tensor::zeros({1, 4}), 2);
        }) == "crop: expected crops i64 [N,4] on cpu, got f32 [1,4] on cpu");
  for (const auto& row : {std::vector<std::int64_t>{2, 0, 0, 0},
                          {0, 2, 0, 0},
                          {0, 0, 3, 0},
                          {-1, 0, 0, 0},
                          {0, -1, 0, 0},
                          {0, 0, -1, 0}}) {
    CHECK(error_of([&] { crop_pictures(pictures, crops(row), 4); }) ==
          fmt::format(
              "crop: a crop of 4 x 4 at row {}, column {} of picture {}; there are 2 of 5 x 6",
              row[1], row[2], row[0]));
  }
}
