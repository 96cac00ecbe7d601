// SPDX-License-Identifier: MIT
// How tests hold numbers against each other. Everything here reports through doctest.
#pragma once

#include <doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/autograd.h"
#include "core/philox.h"
#include "core/tensor.h"

namespace telescope::test {

/// Accepts |got - expected| <= atol + rtol |expected|, element by element.
struct Tolerance {
  double rtol = 0, atol = 0;
};

/// What rounding may do to a sum of `terms` products of size about 1: k eps sqrt(terms). bf16 is a way
/// to store what f32 has summed: to the bound of f32 comes half a unit of bf16, 2^-8 of the result.
Tolerance rounding(DType dtype, double terms, double k = 8);
/// The same for the norm of a result, where `roundings` arrays on the way to it were stored (for bf16;
/// errors in f32 and f64 are those of the sum).
double norm_rounding(DType dtype, double terms, int roundings = 1);

/// Outcome of a comparison: "" if close, else shape, worst index, both values and the number of
/// elements that are off. NaN, infinity, an empty comparison and unequal shapes are never close.
/// Tensors of any device: they are compared on the host.
std::string difference(const Tensor& got, const Tensor& expected, Tolerance tolerance);
/// The same relative to the norm of `expected`: ||got - expected|| <= tolerance ||expected||.
std::string norm_difference(const Tensor& got, const Tensor& expected, double tolerance);

#define CHECK_CLOSE(got, expected, tolerance)                          \
  do {                                                                 \
    const std::string telescope_difference =                           \
        ::telescope::test::difference(got, expected, tolerance);       \
    CHECK_MESSAGE(telescope_difference.empty(), telescope_difference); \
  } while (false)
#define CHECK_NORM_CLOSE(got, expected, tolerance)                     \
  do {                                                                 \
    const std::string telescope_difference =                           \
        ::telescope::test::norm_difference(got, expected, tolerance);  \
    CHECK_MESSAGE(telescope_difference.empty(), telescope_difference); \
  } while (false)
/// Bit for bit, NaN excluded.
#define CHECK_SAME(got, expected) CHECK_CLOSE(got, expected, (::telescope::test::Tolerance{0, 0}))

/// Normal deviates, never constant, never symmetric; the same for the same seed.
Tensor random_tensor(const Shape& shape, DType dtype = DType::f32, std::uint64_t seed = 1);
/// Whole numbers from -`most` to `most`: sums and products of them are exact.
Tensor random_integers(const Shape& shape, int most = 4, DType dtype = DType::f32,
                       std::uint64_t seed = 1);

using Function = std::function<Tensor(const std::vector<Tensor>& inputs)>;

/// Holds the gradients of f with respect to each of `inputs` (f64, moved off the tape here) against
/// central differences of <f, cotangent> with a random cotangent. Tests a sample of the elements of
/// large inputs. Reports through CHECK; also checks that the numeric gradient is not tiny.
void check_gradients(const Function& f, std::vector<Tensor> inputs, double tolerance = 1e-6);

/// Message of the telescope::Error that f throws, "" if it throws none.
std::string error_of(const std::function<void()>& f);

}  // namespace telescope::test
