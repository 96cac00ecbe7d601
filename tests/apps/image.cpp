// SPDX-License-Identifier: MIT
#include "apps/image.h"

#include <cmath>
#include <cstring>

#include "apps/image_check.h"
#include "core/philox.h"
#include "support/compare.h"
#include "support/pictures.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

namespace {
const TemporaryFolder folder;

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
Image read_bytes(const std::string& bytes) {
  return decode_image(std::as_bytes(std::span(bytes.data(), bytes.size())), "picture");
}
std::string refusal(const std::string& bytes) {
  const std::string text = error_of([&] { read_bytes(bytes); });
  if (!text.empty()) CHECK(text.rfind("image: picture ", 0) == 0);
  return text;
}
// The chunk around its content, without a true checksum.
std::string chunk(const std::string& type, const std::string& content) {
  std::string text(4, '\0');
  text[3] = static_cast<char>(content.size());
  return text + type + content + std::string(4, '\0');
}
}  // namespace

TEST_CASE("a picture written as PNG comes back as it was") {
  for (const auto& [h, w] : {std::pair{1, 1}, {1, 7}, {5, 3}, {64, 48}}) {
    const Image image = some_picture(h, w);
    write_png(folder / "a.png", image);
    CHECK(read_image(folder / "a.png") == image);
    CHECK(read_image_size(folder / "a.png").height == h);
    CHECK(read_image_size(folder / "a.png").width == w);
  }
}

TEST_CASE("grey and transparent pictures become RGB") {
  CHECK(read_bytes(png_bytes(1, 2, 1, {10, 200})).rgb ==
        std::vector<std::uint8_t>{10, 10, 10, 200, 200, 200});
  CHECK(read_bytes(png_bytes(1, 2, 2, {10, 0, 200, 255})).rgb ==
        std::vector<std::uint8_t>{10, 10, 10, 200, 200, 200});
  CHECK(read_bytes(png_bytes(1, 2, 4, {1, 2, 3, 0, 4, 5, 6, 9})).rgb ==
        std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  const Image grey = read_bytes(jpeg_bytes(8, 8, 1, std::vector<std::uint8_t>(64, 128)));
  CHECK(grey.rgb == std::vector<std::uint8_t>(192, 128));
}

TEST_CASE("a photograph keeps its transparency, if it has any") {
  const auto photograph = [](const std::string& bytes) {
    return decode_photograph(std::as_bytes(std::span(bytes.data(), bytes.size())), "picture");
  };
  Image image = photograph(png_bytes(1, 2, 4, {1, 2, 3, 0, 4, 5, 6, 9}));
  CHECK(image.rgb == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  CHECK(image.alpha == std::vector<std::uint8_t>{0, 9});
  CHECK(photograph(encode_png(image)) == image);
  CHECK(contains(error_of([&] { encode_jpeg(image, 90); }), "cannot hold transparency"));

  CHECK(photograph(png_bytes(1, 2, 2, {10, 7, 200, 255})).alpha ==
        std::vector<std::uint8_t>{7, 255});
  CHECK(photograph(png_bytes(1, 2, 4, {1, 2, 3, 255, 4, 5, 6, 255})).alpha.empty());
  CHECK(photograph(png_bytes(1, 2, 1, {10, 200})) == read_bytes(png_bytes(1, 2, 1, {10, 200})));
}

TEST_CASE("JPEG is written in the quality asked for") {
  const Image image = some_picture(40, 56);
  const std::string poor = encode_jpeg(image, 20), good = encode_jpeg(image, 95);
  CHECK(poor.size() < good.size());
  CHECK(good == jpeg_bytes(40, 56, 3, image.rgb));
  CHECK(contains(error_of([] { encode_jpeg(Image(1, 65536), 90); }), "at most 65535 a side"));
  CHECK(contains(error_of([] { encode_jpeg(Image(), 90); }), "0 x 0 pixels"));
  CHECK(contains(error_of([&] { encode_jpeg(image, 0); }), "quality of 1 to 100, got 0"));
}

TEST_CASE("JPEG comes back nearly as it was") {
  const Image image = some_picture(40, 56);
  const Image read = read_bytes(jpeg_bytes(40, 56, 3, image.rgb));
  REQUIRE(read.height == 40);
  REQUIRE(read.width == 56);
  double error = 0;
  for (std::size_t i = 0; i < read.rgb.size(); ++i) error += std::abs(read.rgb[i] - image.rgb[i]);
  CHECK(error / static_cast<double>(read.rgb.size()) < 6);
}

TEST_CASE("what is no picture is refused by name") {
  CHECK(contains(refusal(""), "is empty"));
  CHECK(contains(refusal("GIF89a"), "neither a PNG nor a JPEG"));
  CHECK(contains(refusal("\xff\xd8\xff"), "is damaged"));
  CHECK(contains(refusal("\x89PNG\r\n\x1a\n"), "is damaged"));
  CHECK(contains(error_of([] { read_image(folder / "none.png"); }), "No such file"));
  CHECK(contains(error_of([] { read_image(folder.path()); }), "is a folder"));
  const std::string signature = "\x89PNG\r\n\x1a\n";
  const std::string sixteen_bits("\0\0\0\1\0\0\0\1\x10\2\0\0\0", 13);
  CHECK(contains(refusal(signature + chunk("IHDR", sixteen_bits) + chunk("IDAT", "x")),
                 "16 bits a channel"));
  const std::string huge("\0\1\0\0\0\1\0\0\x08\2\0\0\0", 13);
  CHECK(!refusal(signature + chunk("IHDR", huge) + chunk("IDAT", "x")).empty());
}

TEST_CASE("a cut file is refused wherever the cut is") {
  const Image image = some_picture(24, 31);
  for (const std::string& whole :
       {png_bytes(24, 31, 3, image.rgb), jpeg_bytes(24, 31, 3, image.rgb)}) {
    REQUIRE(refusal(whole).empty());
    for (std::size_t length = 0; length < whole.size(); ++length) {
      if (!refusal(whole.substr(0, length)).empty()) continue;
      FAIL_CHECK("read although cut after " << length << " of " << whole.size() << " bytes");
    }
    CHECK(refusal(whole + "more").empty());
  }
}

TEST_CASE("a changed byte in a PNG is found") {
  const std::string whole = png_bytes(9, 9, 3, some_picture(9, 9).rgb);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    if (refusal(bytes).empty()) FAIL_CHECK("byte " << i << " may be anything");
  }
}

TEST_CASE("a damaged JPEG is an error or a picture, nothing worse") {
  const std::string whole = jpeg_bytes(24, 31, 3, some_picture(24, 31).rgb);
  RandomSequence random(RandomKey(1, "jpeg"));
  const auto size = static_cast<std::uint32_t>(whole.size());
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k) bytes[random.below(size)] = static_cast<char>(random.word());
    refusal(bytes);
  }
}

TEST_CASE("a Huffman table that is too long is refused before stb sees it") {
  std::string table = "\xff\xd8\xff\xc4" + std::string("\x02\x13\x10", 3);
  for (int i = 0; i < 16; ++i) table += static_cast<char>(i < 2 ? 255 : 0);
  CHECK(contains(refusal(table + std::string(512, '\1') + "\xff\xd9"), "a bad Huffman table at"));
}

TEST_CASE("tensors and back") {
  const Image a = some_picture(6, 5, 1), b = some_picture(6, 5, 2);
  const Tensor x = to_tensor(std::vector<Image>{a, b});
  CHECK(x.shape() == Shape{2, 6, 5, 3});
  CHECK(x.data<float>()[0] == static_cast<float>(a.rgb[0]) / 127.5f - 1.f);
  CHECK(to_images(x) == std::vector<Image>{a, b});
  CHECK(to_image(to_tensor(b)) == b);
  CHECK(to_image(to_tensor(a).reshape({6, 5, 3})) == a);
  CHECK(contains(error_of([&] { to_image(x); }), "got [2,6,5,3]"));
  CHECK(contains(error_of([] { to_images(Tensor::zeros({4, 4})); }), "got [4,4]"));
  CHECK(contains(error_of([&] { to_tensor({a, some_picture(5, 6)}); }), "one size"));

  const Tensor wild =
      Tensor::from<float>({-1, 1, 0, -7, 7, NAN, INFINITY, -INFINITY, 0.001f}, {1, 3, 3});
  CHECK(to_image(wild).rgb == std::vector<std::uint8_t>{0, 255, 128, 0, 255, 0, 255, 0, 128});
}

TEST_CASE("every value of a byte survives the way through floats") {
  Image image(1, 256);
  for (int x = 0; x < 256; ++x) std::fill_n(image.pixel(0, x), 3, static_cast<std::uint8_t>(x));
  const Tensor x = to_tensor(image);
  CHECK(x.data<float>()[0] == -1.f);
  CHECK(x.data<float>()[767] == 1.f);
  CHECK(to_image(x) == image);
}

TEST_CASE("the first rows and columns, transparency too") {
  Image image(2, 3);
  for (int i = 0; i < 6; ++i) {
    std::fill_n(image.pixel(i / 3, i % 3), 3, static_cast<std::uint8_t>(i));
  }
  image.alpha = {0, 1, 2, 3, 4, 5};
  const Image part = top_left(image, 2, 2);
  CHECK(part.alpha == std::vector<std::uint8_t>{0, 1, 3, 4});
  CHECK(part.rgb == std::vector<std::uint8_t>{0, 0, 0, 1, 1, 1, 3, 3, 3, 4, 4, 4});
  CHECK(top_left(image, 9, 9) == image);
}

TEST_CASE("a contact sheet holds every picture in its cell") {
  const Image a = some_picture(2, 3, 1), b = some_picture(4, 2, 2), c = some_picture(1, 5, 3);
  const Image sheet = contact_sheet({{a, b}, {c}}, 1);
  CHECK(sheet.height == 1 + 4 + 1 + 1 + 1);
  CHECK(sheet.width == 1 + 5 + 1 + 2 + 1);
  const auto holds = [&](const Image& part, int top, int left) {
    for (int y = 0; y < part.height; ++y) {
      if (std::memcmp(part.pixel(y, 0), sheet.pixel(top + y, left),
                      static_cast<std::size_t>(part.width) * 3) != 0) {
        return false;
      }
    }
    return true;
  };
  CHECK(holds(a, 1, 1));
  CHECK(holds(b, 1, 7));
  CHECK(holds(c, 6, 1));
  CHECK(sheet.pixel(0, 0)[0] == 255);
  CHECK(contact_sheet({}, 2).height == 2);
  CHECK(contains(error_of([] { write_png(folder / "x.png", Image()); }), "0 x 0 pixels"));
}

TEST_CASE("a picture in another size") {
  const Image image = draw_dead_leaves(1, 1, 12, 20);
  CHECK(resized(image, 12, 20) == image);
  CHECK(resized(Image(7, 9, 200), 5, 31) == Image(5, 31, 200));

  // One row, by hand. Halving: a triangle over four pixels, 1 3 3 1, and 3 3 1 at the border.
  Image row(1, 6);
  const int grey[] = {0, 70, 140, 7, 49, 252};
  for (int x = 0; x < 6; ++x) {
    for (int c = 0; c < 3; ++c)
      row.pixel(0, x)[c] = static_cast<std::uint8_t>(c == 1 ? 9 : grey[x]);
  }
  const Image half = resized(row, 1, 3);
  CHECK(half.pixel(0, 0)[0] == std::lrint((3 * 0 + 3 * 70 + 140) / 7.));
  CHECK(half.pixel(0, 1)[0] == std::lrint((70 + 3 * 140 + 3 * 7 + 49) / 8.));
  CHECK(half.pixel(0, 2)[2] == std::lrint((7 + 3 * 49 + 3 * 252) / 7.));
  CHECK(half.pixel(0, 1)[1] == 9);
  // Doubling: a quarter and three quarters; at the border the pixel itself.
  const Image twice = resized(row, 2, 12);
  CHECK(twice.pixel(1, 0)[0] == 0);
  CHECK(twice.pixel(0, 1)[0] == std::lrint(0.75 * 0 + 0.25 * 70));
  CHECK(twice.pixel(1, 2)[0] == std::lrint(0.25 * 0 + 0.75 * 70));
  CHECK(twice.pixel(0, 11)[0] == 252);

  // Rows as columns: the picture turned over, resized and turned back.
  const auto turned = [](const Image& x) {
    Image y(x.width, x.height);
    for (int i = 0; i < x.height; ++i)
      for (int j = 0; j < x.width; ++j) std::copy_n(x.pixel(i, j), 3, y.pixel(j, i));
    return y;
  };
  const Image one = resized(image, 5, 33), other = turned(resized(turned(image), 33, 5));
  int most = 0;  // rounding alone
  for (std::size_t i = 0; i < one.rgb.size(); ++i) {
    most = std::max(most, std::abs(one.rgb[i] - other.rgb[i]));
  }
  CHECK(most <= 1);
  CHECK(error_of([&] { resized(image, 0, 4); }) ==
        "resize: expected at least one pixel, got 4 x 0 for 20 x 12");
}
