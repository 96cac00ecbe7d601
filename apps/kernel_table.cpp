// SPDX-License-Identifier: MIT
#include "apps/kernel_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/text.h"

namespace telescope::app {
namespace {

constexpr std::string_view kStep = "step";
constexpr double kSmall = 1e-3;  // of the step: kernels below stand in one line

bool is_mesh(std::string_view part) {
  return part.size() > 4 && part.starts_with("mesh") &&
         part.find_first_not_of("0123456789", 4) == std::string_view::npos;
}

// Where the innermost mesh of a path begins and ends; both 0 if it has none.
std::pair<std::size_t, std::size_t> mesh_range(std::string_view path) {
  std::pair<std::size_t, std::size_t> found{0, 0};
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (is_mesh(path.substr(begin, end - begin))) found = {begin, end};
    begin = end + 1;
  }
  return found;
}

// What is left of a path below its mesh, or below the step.
std::string below_mesh(const std::string& path) {
  const auto [begin, end] = mesh_range(path);
  const std::size_t from = end > begin ? end : kStep.size();
  return from < path.size() ? path.substr(from + 1) : "";
}

KernelRow& row_for(std::vector<KernelRow>& rows, const std::string& mesh,
                   const std::string& kernel) {
  for (KernelRow& row : rows) {
    if (row.mesh == mesh && row.kernel == kernel) return row;
  }
  rows.push_back({.mesh = mesh, .kernel = kernel, .calls = 0, .seconds = 0, .work = {}});
  return rows.back();
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// "mesh10" stands behind "mesh9", and what has no mesh behind all.
std::pair<std::size_t, std::string> mesh_order(const std::string& mesh) {
  return {mesh.empty() ? std::string::npos : mesh.size(), mesh};
}

std::vector<std::string> meshes_of(const std::vector<KernelRow>& rows) {
  std::vector<std::string> meshes;
  for (const KernelRow& row : rows) {
    if (meshes.empty() || meshes.back() != row.mesh) meshes.push_back(row.mesh);
  }
  return meshes;
}

// NaN where there is nothing to divide by.
double ratio(double a, double b) { return b > 0 ? a / b : std::nan(""); }
double ratio(std::int64_t a, double b) { return ratio(static_cast<double>(a), b); }

std::string number(double value) {
  if (!std::isfinite(value)) return "-";
  return value >= 99.95 ? format_count(std::round(value)) : fmt::format("{:.3g}", value);
}

class Table {
 public:
  Table(double step_seconds, std::int64_t steps, const std::optional<Roofline>& roofline)
      : step_seconds_(step_seconds), steps_(static_cast<double>(steps)), roofline_(roofline) {}

  void add(const std::string& name, double calls, const KernelSum& sum, const char* bound) {
    const bool works = sum.work.flop > 0 || sum.work.bytes > 0;
    const double roof = works ? 100 * ratio(sum.attainable, sum.seconds) : std::nan("");
    const bool above = std::isfinite(roof) && roof > 100;
    marked_ |= above;
    const double seconds = works ? sum.seconds : std::nan("");
    const auto flop = static_cast<double>(sum.work.flop);
    lines_.push_back(
        {name, calls > 0 ? format_count(calls / steps_) : "-",
         fmt::format("{:.3f}", 1e3 * sum.seconds / steps_),
         fmt::format("{:.1f}", step_seconds_ > 0 ? 100 * sum.seconds / step_seconds_ : 0),
         works ? number(1e-9 * flop / steps_) : "-",
         works ? number(1e-6 * static_cast<double>(sum.work.bytes) / steps_) : "-",
         number(ratio(sum.work.flop, static_cast<double>(sum.work.bytes))),
         number(1e-9 * ratio(sum.work.flop, seconds)),
         number(1e-9 * ratio(sum.work.bytes, seconds)),
         roofline_ && std::isfinite(roof) ? fmt::format("{:.0f}{}", roof, above ? "*" : "") : "-",
         roofline_ && works ? bound : "-"});
  }

  std::string str() const {
    std::string text = align_columns(lines_);
    if (marked_) {
      text +=
          "* above 100% of the roofline: its bytes came from a cache, or the kernel does with "
          "fewer "
          "FLOP\n  than the definition has (Winograd)\n";
    }
    return text;
  }

 private:
  double step_seconds_, steps_;
  const std::optional<Roofline>& roofline_;
  bool marked_ = false;
  std::vector<std::vector<std::string>> lines_ = {{"a step", "calls", "ms", "time %", "GFLOP", "MB",
                                                   "FLOP/B", "GFLOP/s", "GB/s", "roof %", "bound"}};
};

KernelSum sum_of_row(const KernelRow& row, const std::optional<Roofline>& roofline) {
  return {row.seconds, roofline ? roofline->seconds(row.work) : 0, row.work};
}

nlohmann::ordered_json known(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

nlohmann::ordered_json numbers(const KernelSum& sum, const std::optional<Roofline>& roofline) {
  nlohmann::ordered_json json;
  const bool works = sum.work.flop > 0 || sum.work.bytes > 0;
  json["seconds"] = sum.seconds;
  json["flop"] = sum.work.flop;
  json["bytes"] = sum.work.bytes;
  json["intensity"] = known(ratio(sum.work.flop, static_cast<double>(sum.work.bytes)));
  json["attainable_seconds"] = known(roofline && works ? sum.attainable : std::nan(""));
  json["roofline_share"] =
      known(roofline && works ? ratio(sum.attainable, sum.seconds) : std::nan(""));
  return json;
}

}  // namespace

std::string mesh_of_path(const std::string& path) {
  const auto [begin, end] = mesh_range(path);
  return path.substr(begin, end - begin);
}

std::vector<KernelRow> kernel_rows(const std::vector<ScopeTotal>& totals, bool asynchronous) {
  std::vector<KernelRow> rows;
  const auto counts = [](const ScopeTotal& t) { return t.own.flop > 0 || t.own.bytes > 0; };
  const auto is_kernel = [&](const std::string& path) {
    return std::any_of(totals.begin(), totals.end(),
                       [&](const ScopeTotal& t) { return t.path == path && counts(t); });
  };
  for (const ScopeTotal& total : totals) {
    if (total.path != kStep && !total.path.starts_with("step/")) continue;
    if (total.launch) continue;
    const bool kernel = counts(total);
    if (!kernel && asynchronous) continue;
    const std::string around = total.path.substr(0, total.path.rfind('/'));
    const bool variant = !kernel && is_kernel(around);
    const std::string name = kernel    ? below_mesh(total.path)
                             : variant ? below_mesh(around)
                                       : std::string();
    KernelRow& row = row_for(rows, mesh_of_path(total.path), name);
    if (variant) add_once(row.variants, total.path.substr(around.size() + 1));
    if (kernel) row.calls += static_cast<double>(total.calls);
    if (!asynchronous) row.seconds += total.self_seconds;
    row.work.flop += total.own.flop;
    row.work.bytes += total.own.bytes;
  }
  // A launch belongs to the operation around it.
  for (const ScopeTotal& launch : totals) {
    if (!launch.launch || !launch.path.starts_with("step/")) continue;
    const std::string around = launch.path.substr(0, launch.path.rfind('/'));
    const bool kernel = is_kernel(around);
    const std::string name = below_mesh(kernel ? around : launch.path);
    KernelRow& row = row_for(rows, mesh_of_path(launch.path), name);
    row.seconds += launch.seconds;
    if (!kernel) row.calls += static_cast<double>(launch.calls);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const KernelRow& a, const KernelRow& b) {
    if (a.mesh != b.mesh) return mesh_order(a.mesh) < mesh_order(b.mesh);
    if (a.kernel.empty() != b.kernel.empty()) return b.kernel.empty();
    return a.seconds > b.seconds;
  });
  return rows;
}

KernelSum sum_of(const std::vector<KernelRow>& rows, const std::string* mesh,
                 const std::optional<Roofline>& roofline) {
  KernelSum sum;
  for (const KernelRow& row : rows) {
    if (mesh && row.mesh != *mesh) continue;
    const KernelSum one = sum_of_row(row, roofline);
    sum.seconds += one.seconds;
    sum.attainable += one.attainable;
    sum.work.flop += one.work.flop;
    sum.work.bytes += one.work.bytes;
  }
  return sum;
}

std::string format_kernel_table(const std::vector<KernelRow>& rows, std::int64_t steps,
                                const std::optional<Roofline>& roofline) {
  const KernelSum all = sum_of(rows, nullptr, roofline);
  Table table(all.seconds, steps, roofline);
  for (const std::string& mesh : meshes_of(rows)) {
    table.add(mesh.empty() ? "no mesh" : mesh, 0, sum_of(rows, &mesh, roofline), "");
    std::vector<KernelRow> small;
    KernelRow outside;
    for (const KernelRow& row : rows) {
      if (row.mesh != mesh) continue;
      if (row.kernel.empty()) {
        outside = row;
      } else if (row.seconds < kSmall * all.seconds) {
        small.push_back(row);
      } else {
        const bool memory = roofline && roofline->bound_by_memory(row.work);
        const std::string variants = fmt::format(" {}", fmt::join(row.variants, ", "));
        table.add("  " + row.kernel + (row.variants.empty() ? "" : variants), row.calls,
                  sum_of_row(row, roofline), memory ? "memory" : "FLOP");
      }
    }
    double calls = 0;
    for (const KernelRow& row : small) calls += row.calls;
    if (!small.empty()) {
      table.add(fmt::format("  {} smaller kernels", small.size()), calls,
                sum_of(small, nullptr, roofline), "");
    }
    if (outside.seconds > 0) table.add("  outside kernels", 0, sum_of_row(outside, roofline), "-");
  }
  table.add("all", 0, all, "");
  return table.str();
}

nlohmann::ordered_json kernel_json(const std::vector<KernelRow>& rows,
                                   const std::optional<Roofline>& roofline) {
  nlohmann::ordered_json json{{"meshes", nlohmann::ordered_json::array()},
                              {"kernels", nlohmann::ordered_json::array()}};
  for (const std::string& mesh : meshes_of(rows)) {
    nlohmann::ordered_json entry{{"mesh", mesh}};
    entry.update(numbers(sum_of(rows, &mesh, roofline), roofline));
    json["meshes"].push_back(entry);
  }
  for (const KernelRow& row : rows) {
    nlohmann::ordered_json entry{{"mesh", row.mesh}, {"kernel", row.kernel}, {"calls", row.calls}};
    if (!row.variants.empty()) entry["variants"] = row.variants;
    entry.update(numbers(sum_of_row(row, roofline), roofline));
    json["kernels"].push_back(entry);
  }
  return json;
}

}  // namespace telescope::app
