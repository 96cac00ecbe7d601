// SPDX-License-Identifier: MIT
// What the cases of all networks have in common: a network registers its options and its loss.
#pragma once

#include <functional>

#include "golden/golden.h"
#include "layers/module.h"
#include "multilevel/samples.h"

namespace telescope::test {

/// Gives a network the parameters of a case, by name, and their dtype and device.
void set_parameters(Module& net, const NamedTensors& values);
void check_parameter_gradients(Case& c, const Module& net);
/// A vector of these values in the dtype of the case.
Tensor from_values(const Case& c, const std::vector<double>& values);

using Forward = std::function<Tensor(const Tensor& x, const Tensor& t)>;
/// Output, loss and all gradients of a network (a case of kind `model`).
void check_network(Case& c, Module& net, const Forward& forward);

/// Losses, their differences and all gradients of the multiscale loss (kind `mge`), with the two
/// sides of a difference in one pass and in two.
void check_multiscale(Case& c, Module& net, const SampleLoss& loss);

}  // namespace telescope::test
