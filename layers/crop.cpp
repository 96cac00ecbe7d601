// SPDX-License-Identifier: MIT
#include "layers/crop.h"

#include "kernels/crop/crop.h"

namespace telescope {

Tensor crop_pictures(const Tensor& pictures, const Tensor& crops, std::int64_t size) {
  TELESCOPE_CHECK(pictures.defined() && pictures.dtype() == DType::u8 && pictures.rank() == 4 &&
                      pictures.extent(3) == 3,
                  "crop", "expected pictures u8 [N,H,W,3], got {}",
                  pictures.defined()
                      ? fmt::format("{} {}", name_of(pictures.dtype()), pictures.shape().str())
                      : "none");
  TELESCOPE_CHECK(crops.defined() && crops.dtype() == DType::i64 && crops.rank() == 2 &&
                      crops.extent(1) == 4 && crops.device() == pictures.device(),
                  "crop", "expected crops i64 [N,4] on {}, got {}", pictures.device().str(),
                  crops.defined() ? fmt::format("{} {} on {}", name_of(crops.dtype()),
                                                crops.shape().str(), crops.device().str())
                                  : "none");
  TELESCOPE_CHECK(size >= 1 && size <= pictures.extent(1) && size <= pictures.extent(2), "crop",
                  "expected a size that pictures {} hold, got {}", pictures.shape(), size);
  const Tensor y = Tensor::empty({crops.extent(0), size, size, 3}, DType::f32, pictures.device());
  kernels::crop_pictures(
      y.stream(),
      {pictures.extent(0), pictures.extent(1), pictures.extent(2), crops.extent(0), size},
      pictures.data<std::uint8_t>(), crops.data<std::int64_t>(), y.data<float>());
  return y;
}

}  // namespace telescope
