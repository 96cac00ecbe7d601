// SPDX-License-Identifier: MIT
// What `telescope compare` was asked for, and the runs that follow from it.
#pragma once

#include "apps/budget.h"

namespace telescope::app {

/// All of it stands in the comparison's config.json, from which it is continued.
struct Comparison {
  RunOptions options;  ///< what the runs have in common
  std::vector<std::string> strategies = {"single-scale", "single-scale-small", "mge",
                                         "full-multiscale", "progressive-resizing"};
  std::int64_t seeds = 1;
  Budget budget;
  std::string command_line;       ///< that it was started with
  std::vector<RunOptions> plans;  ///< the options of each strategy's runs, but for the seed
};

/// Fills in what was left to the paper. Error with one line unless the request makes sense.
void resolve(Comparison& comparison);

/// The plans, one line for each on standard error. How many steps fit into a budget of seconds is
/// measured here. Unless `measures` says that the options name when gradient norms and variances
/// are measured, it is every 20 steps, or 8 times in the shortest stage if that is more often.
std::vector<RunOptions> plans_of(const Comparison& comparison, bool measures,
                                 const Pictures& pictures, const Machine& machine);

nlohmann::json to_json(const Comparison& comparison);
/// Error naming `file` if it is the configuration of something else.
Comparison comparison_from_json(const nlohmann::json& json, const std::string& file);
/// Error if an option given on the command line differs from the stored comparison's.
void check_same(const CLI::App& command, const Comparison& given, const Comparison& stored);

}  // namespace telescope::app
