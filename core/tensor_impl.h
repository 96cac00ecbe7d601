// SPDX-License-Identifier: MIT
// What a Tensor points to. Only tensor.cpp and autograd.cpp look inside.
#pragma once

#include "core/autograd.h"

namespace telescope::detail {

struct TensorImpl {
  Storage storage;
  std::int64_t offset = 0;  // bytes
  Shape shape;
  DType dtype = DType::f32;
  bool requires_grad = false;
  bool rebound = false;        // the elements are part of a larger buffer
  Tensor grad;                 // of a leaf
  std::shared_ptr<Node> node;  // that made this tensor; null for a leaf
};

/// One operation on the tape: where its inputs came from and how to go back.
struct Node {
  struct Input {
    std::shared_ptr<Node> node;        // the operation that made this input
    std::shared_ptr<TensorImpl> leaf;  // or the leaf that it is; neither: no gradient is wanted
    Shape shape;
    DType dtype = DType::f32;
    Device device;
  };
  std::string_view operation;
  Shape shape;  // of the output
  DType dtype = DType::f32;
  Device device;
  std::vector<Input> inputs;
  BackwardFunction backward;
  bool freed = false;

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();  // without recursion: chains are as long as networks are deep
};

}  // namespace telescope::detail
