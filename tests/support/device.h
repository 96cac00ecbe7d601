// SPDX-License-Identifier: MIT
// The device that a test runs on: TELESCOPE_DEVICE, the CPU without it. A test program that includes
// this file is run once for every device there is; reference values are worked out on the CPU.
#pragma once

#include <type_traits>

#include "core/device.h"
#include "core/tensor.h"
#include "support/compare.h"

namespace telescope::test {

Device test_device();
inline Stream test_stream() { return Stream::current(test_device()); }

/// Whether kernels for elements of that type run there: f64 is the CPU's alone, bf16 the devices'.
inline bool runs_here(DType dtype) {
  return dtype != (test_device().is_cpu() ? DType::bf16 : DType::f64);
}
template <class T>
bool runs_here() {
  return runs_here(dtype_of<T>);
}

/// The tensor itself on the CPU, else a copy on the test's device.
inline Tensor on_device(const Tensor& x) { return x.to(test_device()); }
inline Tensor on_host(const Tensor& x) { return x.to(Device{}); }
/// Uninitialised, and zeros, on the test's device.
inline Tensor empty_on_device(const Shape& shape, DType dtype = DType::f32) {
  return Tensor::empty(shape, dtype, test_device());
}
inline Tensor zeros_on_device(const Shape& shape, DType dtype = DType::f32) {
  return Tensor::zeros(shape, dtype, test_device());
}

/// Holds f and its gradients by all inputs, worked out in f32 on the test's device, against those in
/// f64 on the CPU, where check_gradients() holds them against finite differences: errors relative to
/// the norm, of at most `tolerance`. Then again with one array at a time, of the inputs and the
/// gradient that comes to f, one element beyond a multiple of 16 bytes.
void check_on_device(const Function& f, const std::vector<Tensor>& inputs, double tolerance = 1e-5);

/// The same with activations stored as bf16: the first `activations` of the inputs are, the others
/// stay f32, and so must every gradient have the type of its input. Errors relative to the norm, of
/// at most 2^-8 for each of `roundings` arrays stored on the way to a result. Nothing on the CPU.
void check_in_bf16(const Function& f, const std::vector<Tensor>& inputs,
                   std::size_t activations = 1, int roundings = 1);

}  // namespace telescope::test
