// SPDX-License-Identifier: MIT
// How a camera was held: Exif's orientation of a JPEG file.
#pragma once

#include "apps/image.h"

namespace telescope::app {

/// 1 to 8 as Exif 2.3 numbers them; 1, upright, if the file says nothing or nothing that makes sense.
int exif_orientation(Bytes jpeg);

/// The picture as it was seen: mirrored and turned by quarters, transparency too.
Image upright(const Image& image, int orientation);

}  // namespace telescope::app
