// SPDX-License-Identifier: MIT
#include "core/autograd.h"

#include <mutex>
#include <unordered_map>

#include "core/element_operations.h"
#include "core/parallel.h"
#include "core/tensor_impl.h"

namespace telescope {

using detail::Node;
using detail::TensorImpl;

namespace {
thread_local bool grad_enabled = true;

bool wants_gradient(const Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); }

// Whether `handles` handles are all there are to these elements.
bool sole_owner(const Tensor& tensor, long handles) {
  return tensor.impl().use_count() == handles && tensor.storage().use_count() == 1;
}
}  // namespace

Tensor in_place_or_fresh(Tensor& x) {
  return sole_owner(x, 1) ? x.detach() : Tensor::empty(x.shape(), x.dtype(), x.device());
}

NoGradGuard::NoGradGuard() : before_(grad_enabled) { grad_enabled = false; }
NoGradGuard::~NoGradGuard() { grad_enabled = before_; }

bool recording(std::initializer_list<Tensor> inputs) {
  if (!grad_enabled) return false;
  for (const Tensor& input : inputs) {
    if (wants_gradient(input)) return true;
  }
  return false;
}

Tensor record(std::string_view operation, Tensor output, std::vector<Tensor> inputs,
              BackwardFunction backward) {
  bool any = false;
  for (const Tensor& input : inputs) any = any || wants_gradient(input);
  if (!grad_enabled || !any) return output;

  auto node = std::make_shared<Node>();
  node->operation = operation;
  node->shape = output.shape();
  node->dtype = output.dtype();
  node->device = output.device();
  node->backward = std::move(backward);
  for (const Tensor& input : inputs) {
    auto& slot = node->inputs.emplace_back();
    if (!input.defined()) continue;
    slot.shape = input.shape();
    slot.dtype = input.dtype();
    slot.device = input.device();
    if (!input.requires_grad()) continue;
    slot.node = input.impl()->node;
    if (!slot.node) slot.leaf = input.impl();
  }
  TELESCOPE_CHECK(!output.impl()->node && !output.impl()->requires_grad, operation,
                  "the output of an operation must be a fresh tensor");
  output.impl()->requires_grad = true;
  output.impl()->node = std::move(node);
  return output;
}

Node::~Node() {
  std::vector<std::shared_ptr<Node>> chain;
  const auto take = [&chain](Node& node) {
    node.backward = nullptr;
    for (auto& input : node.inputs) {
      if (input.node) chain.push_back(std::move(input.node));
    }
  };
  take(*this);
  while (!chain.empty()) {
    const std::shared_ptr<Node> node = std::move(chain.back());
    chain.pop_back();
    if (node.use_count() == 1) take(*node);
  }
}

/// One walk back over the tape.
class BackwardPass {
 public:
  BackwardPass(const std::shared_ptr<Node>& root, const Tensor& seed) : seed_(seed) {
    count_uses(root.get());
  }

  void run(const std::shared_ptr<Node>& root) {
    const NoGradGuard no_grad;
    // What others hold, no operation writes to; but gradients of leaves change on the way.
    pending_[root.get()] = seed_changes_ ? seed_.clone() : seed_;
    // A node is ready when all that used its output have delivered; the root is from the start.
    std::vector<std::shared_ptr<Node>> ready{root};
    std::size_t done = 0;
    while (!ready.empty()) {
      const std::shared_ptr<Node> node = std::move(ready.back());
      ready.pop_back();
      ++done;
      if (const auto entry = pending_.find(node.get()); entry != pending_.end()) {
        Tensor dy = std::move(entry->second);
        pending_.erase(entry);
        Gradients gradients(*node, *this);
        node->backward(std::move(dy), gradients);
        for (auto& [i, sum] : handed_out_) give(*node, i, std::move(sum));
        handed_out_.clear();
      }
      node->backward = nullptr;  // what it saved is free from here on
      node->freed = true;
      for (auto& input : node->inputs) {
        if (input.node && --uses_[input.node.get()] == 0) ready.push_back(input.node);
      }
      node->inputs.clear();
    }
    TELESCOPE_CHECK(done == uses_.size(), "backward", "the operations form a cycle");
  }

  void give(const Node& node, std::size_t i, Tensor gradient) {
    const auto& input = node.inputs.at(i);
    TELESCOPE_CHECK(gradient.shape() == input.shape && gradient.dtype() == input.dtype,
                    node.operation, "gradient of input {} should be {} {}, is {} {}", i,
                    name_of(input.dtype), input.shape, name_of(gradient.dtype()), gradient.shape());
    TELESCOPE_CHECK(gradient.device() == input.device, node.operation,
                    "gradient of input {} should be on {}, is on {}", i, input.device.str(),
                    gradient.device().str());
    Tensor* sum = nullptr;
    if (input.leaf) sum = &input.leaf->grad;
    if (input.node) sum = &pending_[input.node.get()];
    if (!sum) return;
    if (!sum->defined()) {
      // A leaf's gradient is written to by its owner; it must not share memory with anything.
      *sum = input.leaf && !sole_owner(gradient, 1) ? gradient.clone() : std::move(gradient);
    } else {
      // One gradient may have been given to several inputs: only add in place where it was not.
      if (!input.leaf && !sole_owner(*sum, 1)) std::swap(*sum, gradient);
      if (!input.leaf && !sole_owner(*sum, 1)) *sum = sum->clone();
      accumulate(*sum, gradient);
    }
  }

  Tensor take(const Node& node, std::size_t i) {
    const auto entry = pending_.find(node.inputs.at(i).node.get());
    if (entry == pending_.end() || !sole_owner(entry->second, 1)) return {};
    Tensor sum = std::move(entry->second);
    pending_.erase(entry);
    return sum;
  }

  Tensor accumulator(const Node& node, std::size_t i) {
    const auto& input = node.inputs.at(i);
    if (input.leaf) {
      auto& grad = input.leaf->grad;
      if (!grad.defined()) grad = Tensor::zeros(input.shape, input.dtype, input.device);
      return grad;
    }
    // Given when the operation is done with it: until then it is the operation's to write to.
    Tensor zeros = Tensor::zeros(input.shape, input.dtype, input.device);
    if (input.node) handed_out_.emplace_back(i, zeros);
    return zeros;
  }

 private:
  void count_uses(Node* root) {
    std::vector<Node*> stack{root};
    uses_[root] = 0;
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      TELESCOPE_CHECK(
          !node->freed, "backward",
          "what '{}' saved was freed by an earlier backward; run the forward pass again",
          node->operation);
      for (const auto& input : node->inputs) {
        TELESCOPE_CHECK(!input.leaf || input.leaf->dtype == input.dtype, "backward",
                        "'{}' saw a leaf of {} that was converted to {} since; run the forward "
                        "pass again",
                        node->operation, name_of(input.dtype), name_of(input.leaf->dtype));
        TELESCOPE_CHECK(!input.leaf || input.leaf->storage.device() == input.device, "backward",
                        "'{}' saw a leaf on {} that was moved to {} since; run the forward pass "
                        "again",
                        node->operation, input.device.str(), input.leaf->storage.device().str());
        if (input.leaf && input.leaf->grad.defined()) {
          seed_changes_ |= overlap(seed_.storage(), input.leaf->grad.storage());
        }
        if (input.node && ++uses_[input.node.get()] == 1) stack.push_back(input.node.get());
      }
    }
  }

  static bool overlap(const Storage& a, const Storage& b) {
    return a.data() < b.data() + b.bytes() && b.data() < a.data() + a.bytes();
  }

  const Tensor& seed_;
  bool seed_changes_ = false;                     // since it is in memory of a leaf's gradient
  std::unordered_map<Node*, std::int64_t> uses_;  // of a node's output that have not delivered yet
  std::unordered_map<Node*, Tensor> pending_;     // gradients of outputs, summed so far
  std::vector<std::pair<std::size_t, Tensor>> handed_out_;  // accumulators of the current operation
};

bool Gradients::wants(std::size_t i) const {
  const auto& input = node_.inputs.at(i);
  return input.node || input.leaf;
}
void Gradients::give(std::size_t i, Tensor gradient) { pass_.give(node_, i, std::move(gradient)); }
Tensor Gradients::accumulator(std::size_t i) { return pass_.accumulator(node_, i); }
Tensor Gradients::take(std::size_t i) { return pass_.take(node_, i); }

// --- the part of Tensor that belongs to the tape -----------------------------------------------

bool Tensor::requires_grad() const { return defined() && impl_->requires_grad; }

const Tensor& Tensor::set_requires_grad(bool on) const {
  TELESCOPE_CHECK(defined() && !impl_->node, "requires_grad",
                  "can be set on leaves only, not on the result of an operation");
  TELESCOPE_CHECK(!on || dtype() == DType::f32 || dtype() == DType::f64 || dtype() == DType::bf16,
                  "requires_grad", "only floating-point tensors have gradients, this is {}",
                  name_of(dtype()));
  impl_->requires_grad = on;
  return *this;
}

Tensor Tensor::grad() const { return defined() ? impl_->grad : Tensor(); }

void Tensor::set_grad(Tensor grad) const {
  TELESCOPE_CHECK(!grad.defined() || (grad.shape() == shape() && grad.dtype() == dtype()),
                  "set_grad", "expected {} {}, got {} {}", name_of(dtype()), shape(),
                  name_of(grad.dtype()), grad.shape());
  TELESCOPE_CHECK(defined(), "tensor", "expected a tensor, got an undefined one");
  TELESCOPE_CHECK(!grad.defined() || grad.device() == device(), "set_grad",
                  "expected a gradient on {}, got one on {}", device().str(), grad.device().str());
  impl_->grad = std::move(grad);
}

Tensor Tensor::detach() const {
  return defined() ? view(storage(), storage_offset(), shape(), dtype()) : Tensor();
}

namespace {
// One scalar of 1 per device and type, made once: a captured step can copy nothing from the host.
Tensor device_one(DType dtype, const Device& device) {
  static std::mutex mutex;
  static auto* const ones = new std::vector<Tensor>;  // never destroyed, like the pools
  const std::lock_guard lock(mutex);
  for (const Tensor& one : *ones) {
    if (one.device() == device && one.dtype() == dtype) return one;
  }
  return ones->emplace_back(Tensor::full({}, 1, dtype, device));
}

Tensor seed_of_one(const Tensor& y) {
  if (y.device().is_cpu()) return Tensor::full(y.shape(), 1, y.dtype());
  return Tensor::view(device_one(y.dtype(), y.device()).storage(), 0, y.shape(), y.dtype());
}
}  // namespace

void Tensor::backward(const Tensor& seed) const {
  TELESCOPE_CHECK(requires_grad(), "backward", "no input of this tensor requires a gradient");
  TELESCOPE_CHECK(seed.defined() || numel() == 1, "backward",
                  "a tensor of shape {} needs a seed of that shape", shape());
  const Tensor start = seed.defined() ? seed : seed_of_one(*this);
  TELESCOPE_CHECK(start.shape() == shape() && start.dtype() == dtype(), "backward",
                  "expected a seed of {} {}, got {} {}", name_of(dtype()), shape(),
                  name_of(start.dtype()), start.shape());
  TELESCOPE_CHECK(start.device() == device(), "backward", "expected a seed on {}, got one on {}",
                  device().str(), start.device().str());
  if (!impl_->node) {
    if (!impl_->grad.defined()) impl_->grad = zeros(shape(), dtype(), device());
    accumulate(impl_->grad, start.clone());  // which may overlap it
    return;
  }
  const std::shared_ptr<Node> root = impl_->node;
  BackwardPass(root, start).run(root);
}

void accumulate(const Tensor& y, const Tensor& x) {
  TELESCOPE_CHECK(y.shape() == x.shape() && y.dtype() == x.dtype() && y.device() == x.device(),
                  "accumulate", "expected {} {} on {}, got {} {} on {}", name_of(y.dtype()),
                  y.shape(), y.device().str(), name_of(x.dtype()), x.shape(), x.device().str());
  if (!y.device().is_cpu()) {
    element_operations(y.device(), "accumulate")
        .add(y.stream(), y.raw(), x.raw(), y.dtype(), y.numel());
    return;
  }
  dispatch_float(y.dtype(), "accumulate", [&]<class T>() {
    T* to = y.data<T>();
    const T* from = x.data<T>();
    parallel_for(y.numel(), 1 << 14, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] += from[i];
    });
  });
}

}  // namespace telescope
