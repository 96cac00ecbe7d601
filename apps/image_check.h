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
/// "" if every segment and every scan is followed by another up to the end marker.
std::string jpeg_damage(Bytes file);

}  // namespace telescope::app
