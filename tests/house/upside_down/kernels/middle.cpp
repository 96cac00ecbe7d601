// SPDX-License-Identifier: MIT
// What tests/house/includes.sh must refuse: never compiled.
#include "core/error.h"
#include "models/resnet.h"
#include "telescope.h"
