// SPDX-License-Identifier: MIT
// How many samples every level should have, given what its term varies and costs.
//
// With V_l the variance of one sample's term of level l (grad f_l - grad f_{l+1}, on the coarsest
// mesh grad f_L; summed over parameters) and C_l its cost, a step of N_l samples has
//   V = sum_l V_l / N_l    and costs    C = sum_l N_l C_l.
// Least V for a given C, and least C for a given V, have N_l in proportion to sqrt(V_l / C_l)
// (Giles, "Multilevel Monte Carlo path simulation", Operations Research 56(3), 2008, eq. 12).
//
// Where the finest level is worth less than a sample a step, it gets one all the same, unless its
// term is drawn by chance: Combination::random_term, term_probabilities().
//
// Levels count from the finest of a stage, as in BatchPlan. Costs are in any unit: level_costs() in
// work units, measured_costs() in seconds.
#pragma once

#include <span>
#include <vector>

#include "multilevel/estimate.h"
#include "multilevel/schedule.h"

namespace telescope {

/// V = sum_l V_l / N_l. Error unless there is one variance, finite and not negative, per level.
double predicted_variance(std::span<const double> variances, const BatchPlan& plan);
/// C = sum_l N_l C_l. Error unless there is one cost, finite and positive, per level.
double cost(std::span<const double> costs, const BatchPlan& plan);

/// The plan of least predicted variance among those that cost at most `budget`, in the unit of the
/// costs. Whole numbers of at least 1: from the finest level on, both neighbours of the real optimum
/// are tried, with the best of the levels below for what is left, of which the coarsest takes all
/// that is useful: no level gets more than four times its real optimum. Error if the budget does
/// not buy one sample of every level.
BatchPlan optimal_plan(std::span<const double> variances, std::span<const double> costs,
                       double budget);
/// The cheapest of the plans of optimal_plan() whose predicted variance is at most `target`, which
/// must be positive.
BatchPlan optimal_plan_for_variance(std::span<const double> variances,
                                    std::span<const double> costs, double target);

/// Seconds a sample of each level, from the times of one step's passes: those on mesh l, of N_l
/// fine and N_{l-1} coarse sides, give s_l an image, and C_l = s_l + s_{l+1}. Error if a mesh has
/// no time.
std::vector<double> measured_costs(const std::vector<MeshReport>& meshes);

/// p_l in proportion to sqrt(M_l / C_l): the chances of drawing term l alone, weighted 1/p_l, with
/// the least second moment times expected cost, sum_l M_l / p_l and sum_l p_l C_l, where the term
/// has second moment M_l = E|g_l|^2 and costs C_l (Rhee and Glynn, "Unbiased estimation with square
/// root convergence for SDE models", Operations Research 63(5), 2015). The variance is less by the
/// squared norm of the mean, and where that is most of it dear terms should be drawn more often.
/// They sum to 1; Error unless all M_l and C_l are positive.
std::vector<double> term_probabilities(std::span<const double> second_moments,
                                       std::span<const double> costs);

}  // namespace telescope
