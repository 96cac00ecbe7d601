// SPDX-License-Identifier: MIT
// telescope info: what this build and this machine have.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/subcommands.h"
#include "apps/version.h"
#include "core/device.h"
#include "core/parallel.h"
#include "kernels/backend.h"
#include "kernels/instruction_set.h"

namespace telescope::app {
namespace {

std::string joined(std::initializer_list<int> numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ".") + std::to_string(number);
  return text;
}

std::string device_list() {
  std::string text;
  for (const DeviceInfo& info : devices()) {
    text += fmt::format("{}{} ({}, {:.0f} GiB)", text.empty() ? "" : ", ", info.device.str(),
                        info.name, static_cast<double>(info.memory) / (1 << 30));
  }
  return text;
}

int info(bool json) {
  std::vector<std::vector<std::string>> rows = {
      {"version", version()},
      {"build", build_description()},
      {"devices", device_list()},
      {"cpu threads", std::to_string(thread_count())},
      {"cpu instructions", std::string(kernels::instruction_set())},
      {"fmt", joined({FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100})},
      {"nlohmann-json", joined({NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                NLOHMANN_JSON_VERSION_PATCH})},
      {"CLI11", CLI11_VERSION}};
  for (const kernels::VendorLibrary& library : kernels::vendor_libraries()) {
    rows.push_back({library.name, library.trouble.empty()
                                      ? library.version + " (" + library.operations + ")"
                                      : library.trouble});
  }
  if (!json) {
    for (const auto& row : rows) std::printf("%-18s %s\n", row[0].c_str(), row[1].c_str());
    return 0;
  }
  nlohmann::ordered_json object;
  for (const auto& row : rows) object[row[0]] = row[1];
  std::printf("%s\n", object.dump(2).c_str());
  return 0;
}

}  // namespace

Subcommand add_info(CLI::App& program) {
  CLI::App* command = program.add_subcommand("info", "Devices, libraries and versions");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  return [json](const std::string&) { return info(*json); };
}

}  // namespace telescope::app
