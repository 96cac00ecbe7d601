// SPDX-License-Identifier: MIT
// Modules: networks and their parts, a tree with named parameters.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/initializer.h"

namespace telescope {

/// A network or a part of one. Parts are members, constructed with their place in the tree:
///
///   struct Block : Module {
///     explicit Block(const Place& at) : Module(at) {}
///     Conv2d conv1{child("conv1"), 16, 16, 3}, conv2{child("conv2"), 16, 16, 3};
///     Tensor operator()(const Tensor& x) { return x + conv2(silu(conv1(x))); }
///   };
///
/// A parameter's name is its path, "blocks.0.conv1.weight", as in a PyTorch state_dict.
class Module {
 public:
  /// Where a module hangs: under `parent` as `name`. Default: at the root.
  struct Place {
    Module* parent = nullptr;
    std::string name;
  };

  Module() = default;  ///< a root
  /// Error if there is a part of that name already.
  explicit Module(const Place& at);
  virtual ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Path of this module, "" for the root.
  const std::string& path() const { return path_; }
  /// All parameters below this module by full name, in the order of construction.
  NamedTensors parameters() const;
  std::int64_t parameter_count() const;

  /// Draws all parameters anew. Each depends on (seed, its name) alone.
  void initialize(std::uint64_t seed);
  /// Converts all parameters, or moves them to another device, for every handle to them, and drops
  /// their gradients. Before a ParameterBuffer takes them.
  void to(DType dtype);
  void to(Device device);

  /// Training mode (the default) or evaluation, for this module and all below it.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// Whether the output for one sample depends on the others of its batch, as with batch norm.
  /// Such networks are evaluated in paired passes by the multilevel estimator.
  bool mixes_samples() const;

 protected:
  Place child(std::string name) { return {this, std::move(name)}; }
  /// A new parameter; Error if this module has one of that name.
  Tensor parameter(std::string name, const Shape& shape, Initializer initializer);
  void set_mixes_samples() { mixes_samples_ = true; }

 private:
  struct Parameter {
    std::string name;  // within this module
    Tensor value;
    Initializer initializer;
  };
  template <class F>
  void for_each_module(F&& f);
  template <class F>
  void for_each_module(F&& f) const;
  void draw(const Parameter& parameter, std::uint64_t seed) const;
  std::string full_name(const std::string& name) const;

  std::string path_;
  Module* parent_ = nullptr;
  std::vector<Module*> children_;
  std::vector<Parameter> parameters_;
  bool training_ = true;
  bool mixes_samples_ = false;
};

/// A list of modules of one kind, named "0", "1", ... below its own name.
template <class M>
class ModuleList : public Module {
 public:
  explicit ModuleList(const Place& at) : Module(at) {}
  template <class... Args>
  M& add(Args&&... args) {
    items_.push_back(
        std::make_unique<M>(child(std::to_string(items_.size())), std::forward<Args>(args)...));
    return *items_.back();
  }
  std::size_t size() const { return items_.size(); }
  M& operator[](std::size_t i) { return *items_.at(i); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<std::unique_ptr<M>> items_;
};

}  // namespace telescope
