// SPDX-License-Identifier: MIT
// How many steps each strategy of a comparison takes, so that all of them cost the same.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "apps/options.h"
#include "apps/pictures.h"
#include "apps/run.h"

namespace telescope::app {

/// What every strategy of a comparison may use: work units, or seconds of training, or, with
/// neither, the steps of its options. With a target a run ends as soon as its validation MSE is as
/// small; its learning rate is that of the whole budget.
struct Budget {
  std::optional<double> work_units, seconds, target;

  std::string str() const;  ///< "24,000 WU", "60.0 s", "" for steps
  /// A run in seconds is given up to a twentieth more than it should have taken.
  Limits limits() const;
};
/// Error with one line unless the numbers make sense together.
void check(const Budget& budget);
nlohmann::json to_json(const Budget& budget);
Budget budget_from_json(const nlohmann::json& json);

/// Seconds of a step of every stage of the options' schedule, the share of measured steps in it,
/// from a pilot of some steps on every mesh, or as many more as take about `at_least` seconds. Its
/// network is thrown away.
std::vector<double> seconds_per_step(const RunOptions& options, double at_least,
                                     const Pictures& pictures, const Machine& machine);

/// The options of a strategy's runs: its stages' steps made to fit the budget. Error if the budget
/// does not pay for a step on every mesh.
RunOptions within_budget(RunOptions options, const Budget& budget, const Pictures& pictures,
                         const Machine& machine);

}  // namespace telescope::app
