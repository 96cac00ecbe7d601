// SPDX-License-Identifier: MIT
// How parameters start.
#pragma once

#include "core/philox.h"
#include "core/tensor.h"

namespace telescope {

/// A distribution that the elements of a parameter are drawn from.
struct Initializer {
  enum class Kind { constant, uniform, normal, orthogonal } kind = Kind::constant;
  double value = 0;

  static Initializer constant(double value) { return {Kind::constant, value}; }
  /// In [-bound, bound].
  static Initializer uniform(double bound) { return {Kind::uniform, bound}; }
  /// With mean 0.
  static Initializer normal(double deviation) { return {Kind::normal, deviation}; }
  /// `gain` times a random matrix [first extent, all others] with orthonormal rows, or columns
  /// where it has more rows than columns. Saxe, McClelland, Ganguli 2014.
  static Initializer orthogonal(double gain) { return {Kind::orthogonal, gain}; }

  /// A parameter's values, f32 on the host. They depend on the key and the shape alone.
  Tensor draw(const Shape& shape, const RandomKey& key) const;
};

}  // namespace telescope
