// SPDX-License-Identifier: MIT
// Masks of random boxes: what is missing of the pictures that the task "inpaint" fills in.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/philox.h"

namespace telescope::kernels {

/// Masks [n, h, w, c], every channel alike. Boxes have sides of h/8 to h/2 and w/8 to w/2 pixels.
struct BoxesShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  std::int64_t boxes = 3;  ///< a picture; they may overlap
};

/// mask[i,r,j,:] = 0 in each of the boxes of picture i, 1 elsewhere. Box b of picture i comes from
/// key.words(i boxes + b): height, width, then top and left among those that hold it, each uniform
/// (to 2^-32). Whole numbers: the same bits on every device. A picture's boxes do not depend on n.
template <class T>
void random_boxes(const Stream& stream, const RandomKey& key, const BoxesShape& shape, T* mask);

}  // namespace telescope::kernels
