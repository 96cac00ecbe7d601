// SPDX-License-Identifier: MIT
// How long a schedule is made for a given cost.
#pragma once

#include <span>

#include "multilevel/schedule.h"

namespace telescope {

/// The schedule with its stages' steps n_i scaled by one factor, so that
///   sum_i n_i cost_i <= budget,   as near to it as whole steps allow:
/// each n_i is rounded down, then, from the dearest stage to the cheapest, up again where that still
/// fits. cost[i] is that of one step of stage i, in the unit of the budget: WU, seconds. Error if
/// the costs are no positive numbers, one for each stage, or if the budget does not pay for a step
/// of every stage that had steps.
Schedule with_budget(const Schedule& schedule, std::span<const double> cost, double budget);
/// The same for a budget of work units.
Schedule with_budget(const Schedule& schedule, double work_units);

/// The least number of steps that take the share `share` (0 to 1) of the schedule's work units.
std::int64_t steps_of_share(const Schedule& schedule, double share);

}  // namespace telescope
