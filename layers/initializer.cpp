// SPDX-License-Identifier: MIT
#include "layers/initializer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace telescope {
namespace {

using Vector = std::vector<double>;

// `count` orthonormal vectors in as uniform a direction as normal deviates have: Gram-Schmidt, twice
// because once leaves what the first pass rounded off.
std::vector<Vector> orthonormal(std::size_t count, std::size_t size, RandomSequence& random) {
  std::vector<Vector> all;
  const auto dot = [](const Vector& a, const Vector& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  while (all.size() < count) {
    Vector v(size);
    std::generate(v.begin(), v.end(), [&] { return random.normal(); });
    for (int pass = 0; pass < 2; ++pass) {
      for (const Vector& u : all) {
        const double along = dot(u, v);
        for (std::size_t i = 0; i < size; ++i) v[i] -= along * u[i];
      }
    }
    const double norm = std::sqrt(dot(v, v));
    for (double& x : v) x /= norm;
    all.push_back(std::move(v));
  }
  return all;
}

void draw_orthogonal(const Shape& shape, double gain, RandomSequence& random, float* out) {
  const auto rows = static_cast<std::size_t>(shape[0]);
  const auto columns = static_cast<std::size_t>(shape.numel()) / rows;
  const bool tall = rows > columns;
  const auto q = orthonormal(std::min(rows, columns), std::max(rows, columns), random);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      *out++ = static_cast<float>(gain * (tall ? q[j][i] : q[i][j]));
    }
  }
}

}  // namespace

Tensor Initializer::draw(const Shape& shape, const RandomKey& key) const {
  const Tensor values = Tensor::full(shape, value);
  float* out = values.data<float>();
  RandomSequence random(key);
  switch (kind) {
    case Kind::constant:
      break;
    case Kind::uniform:
      std::generate_n(out, values.numel(), [&, bound = static_cast<float>(value)] {
        return bound * (2 * random.uniform() - 1);
      });
      break;
    case Kind::normal:
      std::generate_n(out, values.numel(),
                      [&] { return static_cast<float>(value * random.normal()); });
      break;
    case Kind::orthogonal:
      if (values.numel() > 0) draw_orthogonal(shape, value, random, out);
      break;
  }
  return values;
}

}  // namespace telescope
