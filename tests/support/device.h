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

/// Whether kernels for elements of type T run there: double is the CPU's alone.
template <class T>
bool runs_here() {
  return test_device().is_cpu() || !std::is_same_v<T, double>;
}
inline bool runs_here(DType dtype) { return test_device().is_cpu() || dtype != DType::f64; }

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
/// the norm, of at most `tolerance`.
void check_on_device(const Function& f, const std::vector<Tensor>& inputs, double tolerance = 1e-5);

}  // namespace telescope::test
