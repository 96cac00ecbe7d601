// SPDX-License-Identifier: MIT
// Whether a PNG or JPEG file is whole: stb decodes what it finds and does not say what is missing.
#pragma once

#include <string>

#include "core/file.h"

namespace telescope::app {

enum class ImageFormat { png, jpeg, other };
ImageFormat image_format(Bytes file);

/// "" if all chunks up to IEND are there with their checksums, else what is wrong.
std::string png_damage(Bytes file);
/// "" if every segment and every scan is followed by another up to the end marker, and no Huffman
/// table is longer than stb can hold. `whole` false: only as far as the size stands, the frame header.
std::string jpeg_damage(Bytes file, bool whole = true);

}  // namespace telescope::app
