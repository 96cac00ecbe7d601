// SPDX-License-Identifier: MIT
#include "core/device.h"

#include <charconv>

#include "core/device_runtime.h"
#include "core/error.h"

namespace telescope {

std::string Device::str() const {
  switch (type) {
    case DeviceType::cpu:
      return "cpu";
    case DeviceType::cuda:
      return "cuda:" + std::to_string(index);
    case DeviceType::cuda_sim:
      return "cuda-sim";
  }
  return "?";
}

namespace {

Device read_name(std::string_view text) {
  constexpr std::string_view prefix = "cuda:";
  if (text == "cpu") return {};
  if (text == "cuda-sim") return {DeviceType::cuda_sim, 0};
  if (text == "cuda") return {DeviceType::cuda, 0};
  if (text.starts_with(prefix)) {
    const std::string_view digits = text.substr(prefix.size());
    int index = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    const bool whole = end == digits.data() + digits.size() && !digits.starts_with('-');
    if (error == std::errc() && whole) {
      return {DeviceType::cuda, index};
    }
  }
  raise("device", "expected cpu, cuda, cuda:<number>, cuda-sim or auto, got '{}'", text);
}

}  // namespace

Device parse_device(std::string_view text) {
  if (text == "auto") {
    return detail::cuda_device_count() > 0 ? Device{DeviceType::cuda, 0} : Device{};
  }
  const Device device = read_name(text);
  runtime_of(device);  // Error if there is none
  return device;
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> all{runtime_of({}).info(), runtime_of({DeviceType::cuda_sim, 0}).info()};
  for (int i = 0; i < detail::cuda_device_count(); ++i) {
    all.push_back(runtime_of({DeviceType::cuda, i}).info());
  }
  return all;
}

Stream Stream::of_cuda(Device device) { return runtime_of(device).stream(); }

void Stream::synchronize() const {
  if (device_.type == DeviceType::cuda) runtime_of(device_).synchronize(*this);
}

}  // namespace telescope
