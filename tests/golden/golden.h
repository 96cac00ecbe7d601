// SPDX-License-Identifier: MIT
// Cases with expected results from the reference implementation (tests/data/golden/README.md). An
// operation registers how it computes a case; the runner finds the cases and counts what passed,
// failed and was skipped:
//
//   GOLDEN_OP("silu") {
//     const Tensor x = c.input("x").set_requires_grad();
//     const Tensor y = silu(x);
//     c.check("out.y", y);
//     y.backward(c.seed("out.y"));
//     c.check_gradient("in.x", x.grad());
//   }
//
// Every case runs in f32, on the CPU again in f64, and networks and some operations on devices again in
// bf16: then the images among an operation's inputs are bf16, those of a network f32 under
// Precision::bf16, and errors are relative to the norm. A case passes if every expected output and
// gradient was compared (or left out by name) and all were close.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/safetensors.h"
#include "support/compare.h"
#include "support/device.h"

namespace telescope::test {

/// Which stored extent comes first, second, ... in memory; empty: as stored.
using Order = std::vector<int>;
/// `x` with its extents in that order, copied.
Tensor permuted(const Tensor& x, const Order& order);

/// One case in one dtype. Tensors of rank 4 go from NCHW to NHWC and from OIHW to OHWI on their
/// way in, all others stay as stored, unless an order is given; expected results alike.
class Case {
 public:
  Case(const nlohmann::json& entry, const std::filesystem::path& folder, DType dtype);

  const std::string id, kind, op;  ///< kind: op, model, mge or trajectory; op: or the model's name
  const nlohmann::json& attrs() const { return entry_["attrs"]; }
  DType dtype() const { return dtype_; }

  bool has_input(std::string_view argument) const;
  bool has_level_gradients() const { return entry_.contains("level_grads"); }
  /// The argument's tensor, in dtype() (parameters beside bf16: f32), on the test's device and with
  /// memory of its own.
  Tensor input(std::string_view argument) const;
  Tensor input(std::string_view argument, const Order& order) const;
  /// All parameters in the order of the state dict, named as in it.
  NamedTensors parameters() const;
  /// What is fed back into an output: seed("out.y").
  Tensor seed(std::string_view output) const;
  Tensor seed(std::string_view output, const Order& order) const;
  /// Any tensor of the file, as stored but in dtype(), on the host: raw("in.x").
  Tensor raw(std::string_view tensor) const;

  /// Holds `got` against an expected output ("out.y") with the manifest's tolerances.
  void check(std::string_view output, const Tensor& got);
  void check(std::string_view output, const Tensor& got, const Order& order);
  void check_raw(std::string_view output, const Tensor& got) { check(output, got, Order{}); }
  /// Holds `got` against the gradient of "in.x" or "param.Open.weight".
  void check_gradient(std::string_view name, const Tensor& got);
  void check_gradient(std::string_view name, const Tensor& got, const Order& order);
  /// Holds `got` against the gradient of a single term of the multiscale loss:
  /// check_level_gradient("0.param.Open.weight", ...).
  void check_level_gradient(std::string_view name, const Tensor& got);
  /// An expected output or gradient that is not compared on purpose.
  void leave_out(std::string_view name) { expected_.erase(std::string(name)); }

  /// What was wrong so far, including expected results that nothing was compared with.
  std::vector<std::string> failures() const;

 private:
  Tensor tensor(const std::string& name, const Order* order) const;
  DType stored_type(const std::string& name) const;
  Tolerance tolerance_of(const nlohmann::json& expected) const;
  void compare(const char* section, std::string_view name, const Tensor& got, const Order* order);

  nlohmann::json entry_;
  SafetensorsFile file_, parameters_;
  DType dtype_;
  std::set<std::string> expected_;
  std::vector<std::string> failures_;
};

using CaseFunction = void (*)(Case& c);
struct Registered {
  CaseFunction function = nullptr;
  bool also_f64 = true;
};
/// `key` is "op/conv2d", "model/resnet", "mge/resnet" or "trajectory/resnet".
bool register_case(std::string_view key, CaseFunction function, bool also_f64);
/// What is registered under `key`; function is null if nothing is.
Registered find_case(std::string_view key);

#define TELESCOPE_GOLDEN(line, key, also_f64)                              \
  static void golden_case_##line(::telescope::test::Case& c);              \
  [[maybe_unused]] static const bool golden_registered_##line =            \
      ::telescope::test::register_case(key, golden_case_##line, also_f64); \
  static void golden_case_##line([[maybe_unused]] ::telescope::test::Case& c)
#define TELESCOPE_GOLDEN_AT(line, key, also_f64) TELESCOPE_GOLDEN(line, key, also_f64)

#define GOLDEN_OP(op) TELESCOPE_GOLDEN_AT(__LINE__, "op/" op, true)
/// For what does not compute in f64.
#define GOLDEN_OP_F32(op) TELESCOPE_GOLDEN_AT(__LINE__, "op/" op, false)
#define GOLDEN_MODEL(model) TELESCOPE_GOLDEN_AT(__LINE__, "model/" model, true)
#define GOLDEN_MGE(model) TELESCOPE_GOLDEN_AT(__LINE__, "mge/" model, true)
#define GOLDEN_TRAJECTORY(model) TELESCOPE_GOLDEN_AT(__LINE__, "trajectory/" model, true)

}  // namespace telescope::test
