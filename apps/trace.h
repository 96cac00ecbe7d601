// SPDX-License-Identifier: MIT
// The profiler's events as a trace for ui.perfetto.dev and chrome://tracing.
#pragma once

#include <string>
#include <vector>

#include "core/profile.h"

namespace telescope::app {

/// Chrome's trace event format: one track for each mesh and thread or stream, one complete event
/// ("ph": "X") for each scope and launch, in microseconds since the first, with its path, FLOP and
/// bytes. "dropped_events" says how many the profiler had no room for.
std::string chrome_trace(const std::vector<ScopeTotal>& totals, const ProfileEvents& recorded);

}  // namespace telescope::app
