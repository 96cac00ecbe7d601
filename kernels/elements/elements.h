// SPDX-License-Identifier: MIT
// What core asks of every device (core/element_operations.h): fill, convert and add.
#pragma once

#include "core/element_operations.h"

namespace telescope::kernels {

/// Registers the three for all devices of this build; true, so that a variable can do it.
bool register_element_kernels();

namespace detail {
// Here because every operation with device code includes it by way of dispatch.h: a program that
// links such an operation has tensors that work on the device.
inline const bool element_kernels_registered = register_element_kernels();
}  // namespace detail

}  // namespace telescope::kernels
