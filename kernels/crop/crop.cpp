// SPDX-License-Identifier: MIT
#include "kernels/crop/crop.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void crop_pictures(const Stream&,
                                                                const CropShape& shape,
                                                                const std::uint8_t* pictures,
                                                                const std::int64_t* crops, T* y);)

namespace {
template <class T>
void dispatch(const Stream& stream, const CropShape& shape, const std::uint8_t* pictures,
              const std::int64_t* crops, T* y) {
  TELESCOPE_DISPATCH(stream, crop_pictures, shape, pictures, crops, y);
}
}  // namespace

void crop_pictures(const Stream& stream, const CropShape& shape, const std::uint8_t* pictures,
                   const std::int64_t* crops, float* y) {
  const std::int64_t elements = 3 * shape.n * shape.size * shape.size;
  const Scope scope("crop", 2 * elements, elements * 5);
  dispatch(stream, shape, pictures, crops, y);
}

}  // namespace telescope::kernels
