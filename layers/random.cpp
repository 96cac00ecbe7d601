// SPDX-License-Identifier: MIT
#include "layers/random.h"

#include <cmath>

#include "kernels/boxes/boxes.h"
#include "kernels/random/random.h"

namespace telescope {

Tensor random_uniform(const Shape& shape, const RandomKey& key, double low, double high,
                      DType dtype, Device device) {
  TELESCOPE_CHECK(std::isfinite(low) && std::isfinite(high) && low <= high, "random_uniform",
                  "expected low <= high, got {} and {}", low, high);
  const Tensor x = Tensor::empty(shape, dtype, device);
  dispatch_float(dtype, "random_uniform", [&]<class T>() {
    kernels::fill_uniform(x.stream(), key, x.numel(), static_cast<float>(low),
                          static_cast<float>(high), x.data<T>());
  });
  return x;
}

Tensor random_normal(const Shape& shape, const RandomKey& key, DType dtype, Device device) {
  const Tensor x = Tensor::empty(shape, dtype, device);
  dispatch_float(dtype, "random_normal",
                 [&]<class T>() { kernels::fill_normal(x.stream(), key, x.numel(), x.data<T>()); });
  return x;
}

Tensor random_boxes(const Shape& images, const RandomKey& key, std::int64_t boxes, DType dtype,
                    Device device) {
  TELESCOPE_CHECK(images.rank() == 4 && images[1] >= 1 && images[2] >= 1 && boxes >= 0,
                  "random_boxes", "expected images [N,H,W,C] and a number of boxes, got {} and {}",
                  images, boxes);
  const Tensor mask = Tensor::empty(images, dtype, device);
  dispatch_float(dtype, "random_boxes", [&]<class T>() {
    kernels::random_boxes(mask.stream(), key, {images[0], images[1], images[2], images[3], boxes},
                          mask.data<T>());
  });
  return mask;
}

}  // namespace telescope
