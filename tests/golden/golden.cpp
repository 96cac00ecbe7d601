// SPDX-License-Identifier: MIT
#include "golden/golden.h"

#include <cstring>
#include <map>
#include <numeric>

namespace telescope::test {

Tensor permuted(const Tensor& x, const Order& order) {
  TELESCOPE_CHECK(order.empty() || static_cast<int>(order.size()) == x.rank(), "permuted",
                  "{} extents do not fit an order of {}", x.shape(), order.size());
  if (order.empty()) return x.clone();
  std::vector<std::int64_t> extents, strides;
  for (const int i : order) {
    std::int64_t stride = 1;
    for (int j = i + 1; j < x.rank(); ++j) stride *= x.extent(j);
    extents.push_back(x.extent(i));
    strides.push_back(stride);
  }
  const Tensor y = Tensor::empty(Shape(std::span<const std::int64_t>(extents)), x.dtype());
  const auto size = static_cast<std::size_t>(size_of(x.dtype()));
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    std::int64_t rest = i, from = 0;
    for (std::size_t k = extents.size(); k-- > 0;) {
      from += rest % extents[k] * strides[k];
      rest /= extents[k];
    }
    std::memcpy(y.raw() + static_cast<std::size_t>(i) * size,
                x.raw() + static_cast<std::size_t>(from) * size, size);
  }
  return y;
}

Case::Case(const nlohmann::json& entry, const std::filesystem::path& folder, DType dtype)
    : id(entry.at("id")),
      kind(entry.at("kind")),
      op(entry.at(entry.contains("op") ? "op" : "model")),
      entry_(entry),
      file_(read_safetensors(folder / entry.at("file").get<std::string>())),
      dtype_(dtype) {
  parameters_ = entry.contains("param_file")
                    ? read_safetensors(folder / entry["param_file"].get<std::string>())
                    : file_;
  for (const char* section : {"outputs", "grads"}) {
    for (const auto& item : entry.at(section).items()) expected_.insert(item.key());
  }
}

Tensor Case::tensor(const std::string& name, const Order* order) const {
  Tensor found = file_.find(name);
  if (!found.defined()) found = parameters_.find(name);
  TELESCOPE_CHECK(found.defined(), "golden", "{} has no tensor {}", id, name);
  static const Order channels_last{0, 2, 3, 1}, as_stored;
  if (!order) order = found.rank() == 4 ? &channels_last : &as_stored;
  return permuted(found, *order).to(stored_type(name));
}

// What is an image of an operation, or its gradient, can be bf16: no parameter, time or loss.
DType Case::stored_type(const std::string& name) const {
  const auto ends_in = [&](std::string_view end) { return name.ends_with(end); };
  const bool image =
      kind == "op" && !ends_in("weight") && !ends_in("bias") && !ends_in(".t") && !ends_in(".loss");
  return image ? dtype_ : wide(dtype_);
}

Tolerance Case::tolerance_of(const nlohmann::json& expected) const {
  if (expected.value("zero", false)) return {0, expected["atol"]};
  if (expected.value("exact", false)) return {0, 0};
  if (dtype_ == DType::f64) {  // of values rounded to f32
    return {1e-6, 1e-6 * expected["max_abs"].get<double>()};
  }
  return {expected["rtol"], expected["atol"]};
}

bool Case::has_input(std::string_view argument) const {
  return entry_["inputs"].contains(std::string(argument));
}
Tensor Case::input(std::string_view argument) const {
  TELESCOPE_CHECK(has_input(argument), "golden", "{} has no input {}", id, argument);
  return on_device(tensor(entry_["inputs"][std::string(argument)], nullptr));
}
Tensor Case::input(std::string_view argument, const Order& order) const {
  TELESCOPE_CHECK(has_input(argument), "golden", "{} has no input {}", id, argument);
  return on_device(tensor(entry_["inputs"][std::string(argument)], &order));
}

NamedTensors Case::parameters() const {
  NamedTensors result;
  const auto names = entry_.value("params", std::vector<std::string>());
  for (const std::string& name : names) {
    result.push_back({name.substr(std::strlen("param.")), on_device(tensor(name, nullptr))});
  }
  return result;
}

Tensor Case::seed(std::string_view output) const {
  return on_device(tensor(entry_["seeds"].at(std::string(output)), nullptr));
}
Tensor Case::seed(std::string_view output, const Order& order) const {
  return on_device(tensor(entry_["seeds"].at(std::string(output)), &order));
}
Tensor Case::raw(std::string_view name) const {
  const Order as_stored;
  return tensor(std::string(name), &as_stored);
}

void Case::compare(const char* section, std::string_view name, const Tensor& got,
                   const Order* order) {
  const std::string key(name);
  const auto complain = [&](const std::string& why) {
    failures_.push_back(fmt::format("{} ({}) {} {}: {}", id, name_of(dtype_), section, name, why));
  };
  expected_.erase(key);
  if (!entry_.contains(section) || !entry_[section].contains(key)) {
    return complain("nothing is expected under this name");
  }
  if (!got.defined()) return complain("there is none");
  const nlohmann::json& entry = entry_[section][key];
  const Tensor expected = tensor(entry["tensor"], order);
  // A scalar is stored with shape [1].
  const bool scalar = got.numel() == 1 && expected.numel() == 1;
  const Tensor shaped = scalar ? got.detach().reshape(expected.shape()) : got;
  std::string why;
  if (dtype_ != DType::bf16) {
    why = difference(shaped, expected, tolerance_of(entry));
  } else if (!entry.value("zero", false)) {  // which is all rounding
    // A few roundings of 2^-9 on the way through an operation; many on that through a network, where
    // they also put some inputs of a ReLU on its other side.
    why = norm_difference(shaped, expected, kind == "op" ? 0x1p-6 : 0x1p-3);
  }
  if (!why.empty()) complain(why);
}

void Case::check(std::string_view output, const Tensor& got) {
  compare("outputs", output, got, nullptr);
}
void Case::check(std::string_view output, const Tensor& got, const Order& order) {
  compare("outputs", output, got, &order);
}
void Case::check_gradient(std::string_view name, const Tensor& got) {
  compare("grads", name, got, nullptr);
}
void Case::check_gradient(std::string_view name, const Tensor& got, const Order& order) {
  compare("grads", name, got, &order);
}
void Case::check_level_gradient(std::string_view name, const Tensor& got) {
  if (dtype_ == DType::bf16) return;  // differences of gradients that are almost equal
  compare("level_grads", name, got, nullptr);
}

std::vector<std::string> Case::failures() const {
  std::vector<std::string> all = failures_;
  for (const std::string& name : expected_) {
    all.push_back(fmt::format("{} ({}) {} was never compared", id, name_of(dtype_), name));
  }
  return all;
}

namespace {
std::map<std::string, Registered, std::less<>>& registry() {
  static std::map<std::string, Registered, std::less<>> instance;
  return instance;
}
}  // namespace

bool register_case(std::string_view key, CaseFunction function, bool also_f64) {
  return registry().emplace(key, Registered{function, also_f64}).second;
}

Registered find_case(std::string_view key) {
  const auto found = registry().find(key);
  return found == registry().end() ? Registered{} : found->second;
}

}  // namespace telescope::test
