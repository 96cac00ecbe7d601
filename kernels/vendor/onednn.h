// SPDX-License-Identifier: MIT
// What all calls of oneDNN share.
#pragma once

#include <dnnl.hpp>
#include <string>
#include <unordered_map>

#include "core/error.h"

namespace telescope::kernels::onednn {

using Arguments = std::unordered_map<int, dnnl::memory>;

/// The version in use: "2.6.3".
std::string version();

const dnnl::engine& engine();
/// Attributes of every primitive here: scratch memory comes from execute(), not from oneDNN.
dnnl::primitive_attr attributes();
/// f32 at an address.
dnnl::memory array(const dnnl::memory::desc& desc, const float* data);

/// Runs a primitive; returns when it is done. `scratch` is the scratchpad_desc() of its description.
void execute(const dnnl::primitive& primitive, const dnnl::memory::desc& scratch,
             Arguments arguments);

/// Has oneDNN prepare and run with as many threads as core/parallel.h uses, and gives it. A primitive keeps the
/// number it was prepared with: keep one for each.
int use_our_threads();

/// Why it failed, in words.
std::string words(const dnnl::error& error);

/// f(threads), and Error with the shape, in words, where oneDNN refuses it.
template <class F>
auto refusable(std::string_view operation, const std::string& shape, const F& f) {
  try {
    return f(use_our_threads());
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) raise_failure(operation, "{}", words(error));
    raise(operation, "oneDNN refuses {}: {}", shape, words(error));
  }
}

}  // namespace telescope::kernels::onednn
