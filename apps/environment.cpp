// SPDX-License-Identifier: MIT
// What a report says about the machine and the configuration.
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/version.h"
#include "core/parallel.h"
#include "kernels/backend.h"
#include "kernels/conv2d/conv2d_variant.h"
#include "kernels/instruction_set.h"
#include "kernels/precision.h"

namespace telescope::app {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string now(const char* format) {
  const std::time_t time = std::time(nullptr);
  std::tm local{};
  localtime_r(&time, &local);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, format, &local);
  return {text, length};
}

std::string device_name(const Device& device) {
  for (const DeviceInfo& info : devices()) {
    if (info.device == device) return device.str() + " (" + info.name + ")";
  }
  return device.str();
}

}  // namespace

NamedValues environment(const Device& device) {
  return {{"telescope", version()},
          {"build", build_description()},
          {"processor", processor()},
          {"instructions", std::string(kernels::instruction_set())},
          {"device", device_name(device)},
          {"threads", std::to_string(thread_count())},
          {"precision", std::string(name_of(kernels::precision()))},
          {"backend", std::string(name_of(kernels::backend()))},
          {"convolutions", std::string(name_of(kernels::conv2d_variant()))},
          {"date", now("%Y-%m-%d %H:%M")}};
}

NamedValues configuration(const RunOptions& options) {
  NamedValues values;
  const nlohmann::json json = to_json(options);
  for (const auto& [name, value] : json.items()) {
    values.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return values;
}

std::string default_folder(std::string_view subcommand) {
  return "runs/" + std::string(subcommand) + "-" + now("%Y%m%d-%H%M%S");
}

}  // namespace telescope::app
