// SPDX-License-Identifier: MIT
// What the profiler counted, as a table by mesh and kernel. Plain values in, text out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/roofline.h"

namespace telescope::app {

/// One operation on one mesh, over all steps.
struct KernelRow {
  std::string mesh;    ///< "mesh0", or "" outside all meshes
  std::string kernel;  ///< "forward/conv2d"; "" for the time of the host outside all kernels
  double calls = 0, seconds = 0;
  Work work;
  std::vector<std::string> variants = {};  ///< those that ran, of a kernel that has several
};
/// All of a profile that lies inside the scope "step", mesh by mesh from the finest, the slowest
/// kernel first. A kernel is a scope that counted work; its time is that of the launches in it, and
/// where the device does its work before it returns (not `asynchronous`) that of the scope itself
/// as well. A scope without work in a kernel is a variant of it. The host's time outside kernels is
/// told only there: elsewhere both go on at once.
std::vector<KernelRow> kernel_rows(const std::vector<ScopeTotal>& totals, bool asynchronous);

/// Sum of the rows of one mesh, or of all of them (null). `attainable` is the time that the roofline
/// allows for the work, 0 without one.
struct KernelSum {
  double seconds = 0, attainable = 0;
  Work work;
};
KernelSum sum_of(const std::vector<KernelRow>& rows, const std::string* mesh,
                 const std::optional<Roofline>& roofline);

/// The table for a terminal, a step at a time; kernels below a thousandth of it stand in one line.
/// A share of the roofline above 100% is marked, and a
/// line says why that can be; what cannot be told is a dash.
std::string format_kernel_table(const std::vector<KernelRow>& rows, std::int64_t steps,
                                const std::optional<Roofline>& roofline);
/// The same numbers, over all steps: {"meshes": [...], "kernels": [...]}. Unknown: null.
nlohmann::ordered_json kernel_json(const std::vector<KernelRow>& rows,
                                   const std::optional<Roofline>& roofline);

/// "mesh2" of "step/mesh2/forward/conv2d", "" if there is none: the innermost.
std::string mesh_of_path(const std::string& path);

}  // namespace telescope::app
