// SPDX-License-Identifier: MIT
#include "core/host_copy.h"

#include "core/device_runtime.h"
#include "core/error.h"

namespace telescope {

HostCopy::HostCopy(const Tensor& source) : count_(source.numel()), dtype_(source.dtype()) {
  DeviceRuntime& runtime = runtime_of(source.device());
  const auto bytes = static_cast<std::size_t>(source.bytes());
  data_ = {runtime.allocate_host(bytes),
           [&runtime, bytes](std::byte* data) { runtime.free_host(data, bytes); }};
  const Stream stream = source.stream();
  runtime.copy(data_.get(), source.raw(), bytes, CopyKind::to_page_locked, stream);
  arrived_.record(stream);
}

template <class T>
std::vector<T> HostCopy::values() const {
  TELESCOPE_CHECK(!data_ || dtype_ == dtype_of<T>, "host copy", "elements are {}, asked for {}",
                  name_of(dtype_), name_of(dtype_of<T>));
  arrived_.synchronize();
  const T* values = reinterpret_cast<const T*>(data_.get());
  return std::vector<T>(values, values + count_);
}

template std::vector<float> HostCopy::values<float>() const;
template std::vector<double> HostCopy::values<double>() const;
template std::vector<std::int64_t> HostCopy::values<std::int64_t>() const;

}  // namespace telescope
