// SPDX-License-Identifier: MIT
#include "core/tensor.h"

#include <algorithm>
#include <cstring>

#include "core/convert.h"
#include "core/device_runtime.h"
#include "core/element_operations.h"
#include "core/parallel.h"
#include "core/tensor_impl.h"

namespace telescope {

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  const auto bytes = static_cast<std::size_t>(shape.numel() * size_of(dtype));
  return view(Storage::allocate(bytes, device), 0, shape, dtype);
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  tensor.fill_zero();
  return tensor;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  if (!device.is_cpu()) {
    const ElementOperations* const operations = find_element_operations(device.type);
    if (!operations) return full(shape, value, dtype).to(device);
    Tensor tensor = empty(shape, dtype, device);
    operations->fill(tensor.stream(), tensor.raw(), dtype, shape.numel(), value);
    return tensor;
  }
  Tensor tensor = empty(shape, dtype);
  dispatch_any(dtype, [&]<class T>() {
    std::fill_n(tensor.data<T>(), tensor.numel(), convert_element<T>(value));
  });
  return tensor;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  TELESCOPE_CHECK(static_cast<std::int64_t>(values.size()) == shape.numel(), "tensor",
                  "shape {} needs {} values, got {}", shape, shape.numel(), values.size());
  Tensor tensor = empty(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), tensor.data<T>());
  return tensor;
}

Tensor Tensor::view(Storage storage, std::int64_t offset, const Shape& shape, DType dtype) {
  const std::int64_t held = static_cast<std::int64_t>(storage.bytes());
  TELESCOPE_CHECK(offset >= 0 && offset <= held && shape.numel() * size_of(dtype) <= held - offset,
                  "tensor", "{} {} from byte {} does not fit {} bytes of storage", name_of(dtype),
                  shape, offset, held);
  const auto address =
      reinterpret_cast<std::uintptr_t>(storage.data()) + static_cast<std::uintptr_t>(offset);
  TELESCOPE_CHECK(address % static_cast<std::uintptr_t>(size_of(dtype)) == 0, "tensor",
                  "{} {} from byte {} is not aligned to its elements", name_of(dtype), shape,
                  offset);
  auto impl = std::make_shared<detail::TensorImpl>();
  impl->storage = std::move(storage);
  impl->offset = offset;
  impl->shape = shape;
  impl->dtype = dtype;
  return Tensor(std::move(impl));
}

namespace {
detail::TensorImpl& defined_impl(const Tensor& tensor) {
  TELESCOPE_CHECK(tensor.defined(), "tensor", "expected a tensor, got an undefined one");
  return *tensor.impl();
}
}  // namespace

const Shape& Tensor::shape() const { return defined_impl(*this).shape; }
DType Tensor::dtype() const { return defined_impl(*this).dtype; }
Device Tensor::device() const { return defined_impl(*this).storage.device(); }
const Storage& Tensor::storage() const { return defined_impl(*this).storage; }
std::int64_t Tensor::storage_offset() const { return defined_impl(*this).offset; }
std::byte* Tensor::raw() const {
  const auto& impl = defined_impl(*this);
  return impl.storage.data() + impl.offset;
}

template <class T>
T* Tensor::data() const {
  TELESCOPE_CHECK(dtype() == dtype_of<T>, "tensor", "elements are {}, asked for {}",
                  name_of(dtype()), name_of(dtype_of<T>));
  return reinterpret_cast<T*>(raw());
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const T* values = data<T>();
  if (device().is_cpu()) return std::vector<T>(values, values + numel());
  std::vector<T> copy(static_cast<std::size_t>(numel()));
  runtime_of(device()).copy(copy.data(), values, static_cast<std::size_t>(bytes()),
                            CopyKind::to_host, stream());
  return copy;
}

double Tensor::item() const {
  TELESCOPE_CHECK(numel() == 1, "tensor", "item() needs one element, shape is {}", shape());
  double value = 0;
  const Tensor host = to(Device{});
  dispatch_any(dtype(), [&]<class T>() { value = convert_element<double>(*host.data<T>()); });
  return value;
}

Tensor Tensor::reshape(const Shape& new_shape) const {
  TELESCOPE_CHECK(new_shape.numel() == numel(), "reshape", "{} has {} elements, {} has {}", shape(),
                  numel(), new_shape, new_shape.numel());
  return record("reshape", view(storage(), storage_offset(), new_shape, dtype()), {*this},
                [old_shape = shape()](const Tensor& dy, Gradients& gradients) {
                  gradients.give(0, dy.reshape(old_shape));
                });
}

Tensor Tensor::rows(std::int64_t first, std::int64_t count) const {
  TELESCOPE_CHECK(
      rank() >= 1 && first >= 0 && count >= 0 && first <= extent(0) && count <= extent(0) - first,
      "rows", "[{}, {}) is not inside the first extent of {}", first,
      static_cast<std::uint64_t>(first) + static_cast<std::uint64_t>(count), shape());
  const std::int64_t row_bytes = extent(0) ? bytes() / extent(0) : 0;
  return record(
      "rows",
      view(storage(), storage_offset() + first * row_bytes, shape().with(0, count), dtype()),
      {*this}, [first, count, whole = shape()](const Tensor& dy, Gradients& gradients) {
        Tensor dx = zeros(whole, dy.dtype(), dy.device());
        dx.rows(first, count).copy_from(dy);
        gradients.give(0, std::move(dx));
      });
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape(), dtype(), device());
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(DType new_dtype) const {
  if (new_dtype == dtype()) return *this;
  Tensor result = empty(shape(), new_dtype, device());
  if (!device().is_cpu()) {
    element_operations(device(), "convert")
        .convert(stream(), raw(), dtype(), result.raw(), new_dtype, numel());
    return result;
  }
  dispatch_any(dtype(), [&]<class From>() {
    dispatch_any(new_dtype, [&]<class To>() {
      const From* in = data<From>();
      To* out = result.data<To>();
      parallel_for(numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = convert_element<To>(in[i]);
      });
    });
  });
  return result;
}

Tensor Tensor::to(Device new_device) const {
  if (new_device == device()) return *this;
  Tensor result = empty(shape(), dtype(), new_device);
  result.copy_from(*this);
  return result;
}

void Tensor::copy_from(const Tensor& source) const {
  TELESCOPE_CHECK(shape() == source.shape() && dtype() == source.dtype(), "copy",
                  "expected {} {}, got {} {}", name_of(dtype()), shape(), name_of(source.dtype()),
                  source.shape());
  const auto size = static_cast<std::size_t>(bytes());
  const Device to = device(), from = source.device();
  if (to.is_cpu() && from.is_cpu()) {
    std::memmove(raw(), source.raw(), size);
  } else if (to == from) {
    runtime_of(to).copy(raw(), source.raw(), size, CopyKind::within, stream());
  } else if (from.is_cpu()) {
    runtime_of(to).copy(raw(), source.raw(), size, CopyKind::from_host, stream());
  } else if (to.is_cpu()) {
    runtime_of(from).copy(raw(), source.raw(), size, CopyKind::to_host, source.stream());
  } else {
    copy_from(source.to(Device{}));
  }
}

void Tensor::fill_zero() const {
  const auto size = static_cast<std::size_t>(bytes());
  if (device().is_cpu()) {
    std::memset(raw(), 0, size);
  } else {
    runtime_of(device()).fill(raw(), 0, size, stream());
  }
}

void Tensor::rebind(const Storage& storage, std::int64_t offset) const {
  auto& impl = defined_impl(*this);
  const Tensor target = view(storage, offset, impl.shape, impl.dtype);
  impl.storage = target.storage();
  impl.offset = offset;
  impl.rebound = true;
}

namespace {
// Puts other elements of the same shape in place of a leaf's, for every handle to it.
void replace_elements(const Tensor& leaf, const Tensor& elements) {
  auto& impl = *leaf.impl();
  impl.storage = elements.storage();
  impl.offset = elements.storage_offset();
  impl.dtype = elements.dtype();
  impl.grad = {};
}

void check_own_elements(const Tensor& leaf, std::string_view operation, std::string_view verb) {
  TELESCOPE_CHECK(!leaf.impl()->rebound, operation,
                  "the elements live in a buffer with others (ParameterBuffer); {} before that",
                  verb);
}
}  // namespace

void Tensor::convert(DType new_dtype) const {
  const auto& impl = defined_impl(*this);
  TELESCOPE_CHECK(!impl.node, "convert", "only leaves can be converted in place");
  if (new_dtype == impl.dtype) return;
  check_own_elements(*this, "convert", "convert");
  TELESCOPE_CHECK(!impl.requires_grad || (new_dtype != DType::u8 && new_dtype != DType::i64),
                  "convert", "only floating-point tensors have gradients, asked for {}",
                  name_of(new_dtype));
  replace_elements(*this, detach().to(new_dtype));
}

void Tensor::move_to(Device new_device) const {
  const auto& impl = defined_impl(*this);
  TELESCOPE_CHECK(!impl.node, "move_to", "only leaves can be moved in place");
  if (new_device == device()) return;
  check_own_elements(*this, "move_to", "move");
  replace_elements(*this, detach().to(new_device));
}

template Tensor Tensor::from(std::span<const float>, const Shape&);
template Tensor Tensor::from(std::span<const double>, const Shape&);
template Tensor Tensor::from(std::span<const bfloat16>, const Shape&);
template Tensor Tensor::from(std::span<const std::uint8_t>, const Shape&);
template Tensor Tensor::from(std::span<const std::int64_t>, const Shape&);
template float* Tensor::data<float>() const;
template double* Tensor::data<double>() const;
template bfloat16* Tensor::data<bfloat16>() const;
template std::uint8_t* Tensor::data<std::uint8_t>() const;
template std::int64_t* Tensor::data<std::int64_t>() const;
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;
template std::vector<bfloat16> Tensor::to_vector<bfloat16>() const;
template std::vector<std::uint8_t> Tensor::to_vector<std::uint8_t>() const;
template std::vector<std::int64_t> Tensor::to_vector<std::int64_t>() const;

}  // namespace telescope
