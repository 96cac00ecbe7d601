// SPDX-License-Identifier: MIT
#include "apps/exif.h"

#include <array>

#include "core/philox.h"
#include "support/compare.h"
#include "support/pictures.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

namespace {

Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Numbers as TIFF has them, in either order of bytes.
std::string number(std::uint32_t value, int size, bool little) {
  std::string text;
  for (int i = 0; i < size; ++i) {
    const int shift = 8 * (little ? i : size - 1 - i);
    text += static_cast<char>(value >> shift & 255);
  }
  return text;
}

// A segment with two entries, the second of them the orientation.
std::string exif_segment(std::uint32_t orientation, bool little) {
  const auto entry = [&](std::uint32_t tag, std::uint32_t value) {
    return number(tag, 2, little) + number(3, 2, little) + number(1, 4, little) +
           number(value, 2, little) + std::string(2, '\0');
  };
  const std::string tiff = std::string(little ? "II" : "MM") + number(42, 2, little) +
                           number(8, 4, little) + number(2, 2, little) + entry(0x0103, 6) +
                           entry(0x0112, orientation) + number(0, 4, little);
  const std::string content = std::string("Exif\0\0", 6) + tiff;
  return "\xff\xe1" + number(static_cast<std::uint32_t>(content.size()) + 2, 2, false) + content;
}

std::string with_segment(const std::string& jpeg, const std::string& segment) {
  return jpeg.substr(0, 2) + segment + jpeg.substr(2);
}

}  // namespace

TEST_CASE("the orientation is found in either order of bytes, behind other segments") {
  const std::string jpeg = jpeg_bytes(8, 16, 3, some_picture(8, 16).rgb);
  CHECK(exif_orientation(bytes_of(jpeg)) == 1);
  const std::string comment = std::string("\xff\xfe\0\x05", 4) + "abc";
  for (const bool little : {true, false}) {
    for (std::uint32_t o = 1; o <= 8; ++o) {
      const std::string segment = exif_segment(o, little);
      CHECK(exif_orientation(bytes_of(with_segment(jpeg, segment))) == static_cast<int>(o));
      CHECK(exif_orientation(bytes_of(with_segment(jpeg, comment + segment))) ==
            static_cast<int>(o));
    }
    CHECK(exif_orientation(bytes_of(with_segment(jpeg, exif_segment(0, little)))) == 1);
    CHECK(exif_orientation(bytes_of(with_segment(jpeg, exif_segment(9, little)))) == 1);
  }
}

TEST_CASE("a damaged segment says some orientation and reads nothing beyond the file") {
  const std::string whole =
      with_segment(jpeg_bytes(8, 8, 3, some_picture(8, 8).rgb), exif_segment(6, true));
  for (std::size_t length = 0; length < 80; ++length) {
    const std::string cut = whole.substr(0, length);  // of its own size, for the sanitizer
    const int o = exif_orientation(bytes_of(cut));
    CHECK((o == 1 || o == 6));
  }
  RandomSequence random(RandomKey(1, "exif"));
  for (int round = 0; round < 500; ++round) {
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k) bytes[random.below(60)] = static_cast<char>(random.word());
    const int o = exif_orientation(bytes_of(bytes));
    CHECK((o >= 1 && o <= 8));
  }
}

TEST_CASE("pictures are turned as Exif means it") {
  // Exif 2.3 says where the first row and the first column of the file belong. Of the file
  //   1 2 3
  //   4 5 6
  const std::array<std::vector<std::uint8_t>, 8> seen = {{{1, 2, 3, 4, 5, 6},
                                                          {3, 2, 1, 6, 5, 4},
                                                          {6, 5, 4, 3, 2, 1},
                                                          {4, 5, 6, 1, 2, 3},
                                                          {1, 4, 2, 5, 3, 6},
                                                          {4, 1, 5, 2, 6, 3},
                                                          {6, 3, 5, 2, 4, 1},
                                                          {3, 6, 2, 5, 1, 4}}};
  Image file(2, 3);
  for (int i = 0; i < 6; ++i)
    std::fill_n(file.pixel(i / 3, i % 3), 3, static_cast<std::uint8_t>(i + 1));
  file.alpha = {1, 2, 3, 4, 5, 6};
  for (int o = 1; o <= 8; ++o) {
    const Image image = upright(file, o);
    CHECK(image.height == (o < 5 ? 2 : 3));
    CHECK(image.width == (o < 5 ? 3 : 2));
    CHECK_MESSAGE(image.alpha == seen[static_cast<std::size_t>(o - 1)], o);
    for (std::size_t i = 0; i < 6; ++i) CHECK(image.rgb[3 * i + 1] == image.alpha[i]);
  }
  file.alpha = {};
  CHECK(upright(file, 6).alpha.empty());
}

TEST_CASE("a photograph is read upright, a picture to train on as it lies in the file") {
  const std::string jpeg =
      with_segment(jpeg_bytes(8, 16, 3, some_picture(8, 16).rgb), exif_segment(6, false));
  const Image photograph = decode_photograph(bytes_of(jpeg), "picture");
  const Image lying = decode_image(bytes_of(jpeg), "picture");
  CHECK(lying.height == 8);
  CHECK(photograph == upright(lying, 6));
}
