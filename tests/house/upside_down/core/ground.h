// SPDX-License-Identifier: MIT
// What tests/house/includes.sh must refuse: never compiled.
#pragma once
#include "core/error.h"
#  include <layers/pointwise.h>
#include "../kernels/simd.h"
