// SPDX-License-Identifier: MIT
#include "layers/module.h"

namespace telescope {

Module::Module(const Place& at) {
  if (!at.parent) {
    path_ = at.name;
    return;
  }
  path_ = at.parent->full_name(at.name);
  for (const Module* sibling : at.parent->children_) {
    TELESCOPE_CHECK(sibling->path_ != path_, "Module", "there are two parts named '{}'", path_);
  }
  at.parent->children_.push_back(this);
  parent_ = at.parent;
}

// A part may go before its parent: an optional one, or one whose constructor threw.
Module::~Module() {
  for (Module* child : children_) child->parent_ = nullptr;
  if (parent_) std::erase(parent_->children_, this);
}

template <class F>
void Module::for_each_module(F&& f) {
  f(*this);
  for (Module* child : children_) child->for_each_module(f);
}

template <class F>
void Module::for_each_module(F&& f) const {
  f(*this);
  for (const Module* child : children_) child->for_each_module(f);
}

std::string Module::full_name(const std::string& name) const {
  return path_.empty() ? name : path_ + "." + name;
}

NamedTensors Module::parameters() const {
  NamedTensors all;
  for_each_module([&all](const Module& module) {
    for (const Parameter& p : module.parameters_)
      all.push_back({module.full_name(p.name), p.value});
  });
  return all;
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const NamedTensor& p : parameters()) count += p.tensor.numel();
  return count;
}

Tensor Module::parameter(std::string name, const Shape& shape, Initializer initializer) {
  for (const Parameter& other : parameters_) {
    TELESCOPE_CHECK(other.name != name, "Module", "there are two parameters named '{}'",
                    full_name(name));
  }
  Parameter p{std::move(name), Tensor::empty(shape), initializer};
  draw(p, 0);
  p.value.set_requires_grad();
  parameters_.push_back(p);
  return p.value;
}

void Module::draw(const Parameter& parameter, std::uint64_t seed) const {
  const RandomKey key(seed, "parameter/" + full_name(parameter.name));
  const Tensor values = parameter.initializer.draw(parameter.value.shape(), key);
  parameter.value.copy_from(values.to(parameter.value.dtype()));  // drawn on the host
}

void Module::initialize(std::uint64_t seed) {
  for_each_module([seed](const Module& module) {
    for (const Parameter& p : module.parameters_) module.draw(p, seed);
  });
}

void Module::to(DType dtype) {
  for (const NamedTensor& p : parameters()) p.tensor.convert(dtype);
}

void Module::to(Device device) {
  for (const NamedTensor& p : parameters()) p.tensor.move_to(device);
}

void Module::train(bool on) {
  for_each_module([on](Module& module) { module.training_ = on; });
}

bool Module::mixes_samples() const {
  bool any = false;
  for_each_module([&any](const Module& module) { any = any || module.mixes_samples_; });
  return any;
}

}  // namespace telescope
