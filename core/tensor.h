// SPDX-License-Identifier: MIT
// Tensor: a cheap handle to contiguous shared storage, with the hooks of the autograd tape.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/dtype.h"
#include "core/memory.h"
#include "core/shape.h"

namespace telescope {

namespace detail {
struct TensorImpl;
struct Node;
}  // namespace detail

/// Copying a Tensor copies the handle: both see the same elements and the same gradient.
/// Elements are always contiguous, the last extent fastest; images are NHWC.
class Tensor {
 public:
  Tensor() = default;  ///< no tensor at all: defined() is false

  static Tensor empty(const Shape& shape, DType dtype = DType::f32, Device device = {});
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32, Device device = {});
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32,
                     Device device = {});
  /// Copies `values`; Error unless there are shape.numel() of them.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }
  /// `shape` elements of `storage` from byte `offset` on, which must fit and be aligned.
  static Tensor view(Storage storage, std::int64_t offset, const Shape& shape, DType dtype);

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const;
  std::int64_t extent(int i) const { return shape()[i]; }
  int rank() const { return shape().rank(); }
  std::int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  Device device() const;
  Stream stream() const { return Stream::current(device()); }  ///< where operations on it run
  std::int64_t bytes() const { return numel() * size_of(dtype()); }
  const Storage& storage() const;
  std::int64_t storage_offset() const;  ///< bytes

  /// The elements, by their address on the device; Error if they are not of type T. A const handle
  /// does not protect them.
  template <class T>
  T* data() const;
  std::byte* raw() const;
  /// The elements on the host, copied there once all work on them is done.
  template <class T>
  std::vector<T> to_vector() const;
  /// The value of a tensor with one element.
  double item() const;

  /// Same elements, another shape (same numel); differentiable.
  Tensor reshape(const Shape& shape) const;
  /// Rows [first, first + count) of the first extent, sharing memory; differentiable.
  Tensor rows(std::int64_t first, std::int64_t count) const;
  /// A copy with memory of its own; not recorded on the tape.
  Tensor clone() const;
  /// Converted or copied to another device (not recorded), or the same handle if nothing changes.
  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  /// Overwrites the elements with those of `source` (same shape and dtype, any device).
  void copy_from(const Tensor& source) const;
  void fill_zero() const;

  // --- autograd -------------------------------------------------------------------------------
  bool requires_grad() const;
  /// Makes this a leaf whose gradient backward() accumulates; Error on the result of an operation.
  const Tensor& set_requires_grad(bool on = true) const;
  /// The accumulated gradient of a leaf; undefined before the first backward().
  Tensor grad() const;
  /// Where gradients accumulate from now on (same shape and dtype), or undefined to drop it.
  void set_grad(Tensor grad) const;
  /// Walks the tape back from this tensor: adds d<this, seed>/d leaf to the gradient of every leaf.
  /// `seed` defaults to 1 for a tensor of one element, and may be the gradient of a leaf; it is not
  /// copied else, so that nothing may write to it meanwhile. What was saved for backward is freed on
  /// the way; a second backward over the same operations is an Error.
  void backward(const Tensor& seed = {}) const;
  /// The same elements without history.
  Tensor detach() const;
  /// Points this tensor, and every handle to it, at other memory of the same size: how parameters
  /// move into one flat buffer.
  void rebind(const Storage& storage, std::int64_t offset) const;
  /// Converts the elements of a leaf in place, for every handle to it, and drops its gradient;
  /// nothing if they are of that type. Error after rebind(), and for integers where a gradient is
  /// wanted.
  void convert(DType dtype) const;
  /// Moves the elements of a leaf to another device, as convert() does to another type.
  void move_to(Device device) const;

  /// For the tape (core/autograd.h).
  const std::shared_ptr<detail::TensorImpl>& impl() const { return impl_; }
  explicit Tensor(std::shared_ptr<detail::TensorImpl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<detail::TensorImpl> impl_;
};

/// Parameters, moments and the tensors of a file, with their names.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};
using NamedTensors = std::vector<NamedTensor>;

}  // namespace telescope
