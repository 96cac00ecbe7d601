// SPDX-License-Identifier: MIT
#include "multilevel/allocation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace telescope {
namespace {

using Numbers = std::span<const double>;

double sum_of(Numbers values) { return std::accumulate(values.begin(), values.end(), 0.0); }

void check_count(const char* what, Numbers values, std::size_t levels) {
  TELESCOPE_CHECK(values.size() == levels && levels > 0, "allocation",
                  "expected {} for each of {} levels, got {}", what, levels, values.size());
}

void check_variances(Numbers variances, std::size_t levels) {
  check_count("a variance", variances, levels);
  for (const double v : variances) {
    TELESCOPE_CHECK(std::isfinite(v) && v >= 0, "allocation",
                    "expected variances of 0 or more, got {}", v);
  }
}

void check_positive(const char* what, Numbers values, std::size_t levels) {
  check_count(what, values, levels);
  for (const double v : values) {
    TELESCOPE_CHECK(std::isfinite(v) && v > 0, "allocation", "expected {} above 0, got {}", what,
                    v);
  }
}

// The best real N_l >= 1 for a budget: mu sqrt(V_l / C_l), and 1 where that is less. Every level
// that is raised to 1 takes from the others, whose mu falls.
std::vector<double> real_optimum(Numbers variances, Numbers costs, double budget) {
  const std::size_t levels = costs.size();
  std::vector<double> batches(levels, 0.0);
  std::vector<bool> raised(levels, false);
  for (bool again = true; again;) {
    double left = budget, sum = 0;
    for (std::size_t l = 0; l < levels; ++l) {
      raised[l] ? left -= costs[l] : sum += std::sqrt(variances[l] * costs[l]);
    }
    again = false;
    for (std::size_t l = 0; l < levels; ++l) {
      if (raised[l]) continue;
      batches[l] = left / sum * std::sqrt(variances[l] / costs[l]);
      if (batches[l] >= 1) continue;  // false for 0/0 as well
      batches[l] = 1;
      raised[l] = again = true;
    }
  }
  return batches;
}

constexpr double rounding = 1e-9;  // of sums of costs, in parts of the budget
constexpr std::int64_t most_samples = std::int64_t{1} << 29;

// Whole numbers, level by level from the finest.
struct Search {
  Numbers variances, costs;
  double slack;
  std::vector<double> most;
  std::vector<std::int64_t> batches, best;
  double least = std::numeric_limits<double>::infinity();

  Search(Numbers v, Numbers c, double budget)
      : variances(v),
        costs(c),
        slack(rounding * budget),
        most(real_optimum(v, c, budget)),
        batches(c.size()) {
    for (double& n : most) {
      TELESCOPE_CHECK(n <= static_cast<double>(most_samples), "allocation",
                      "a budget of {} buys more than {} samples of one level", budget,
                      most_samples);
      n = std::floor(4 * n);
    }
    from(0, 0, budget);
  }

  // All levels from `level` on, with what is left of the budget; `variance` is that of those before.
  void from(std::size_t level, double variance, double budget) {
    const double reserved = sum_of(costs.subspan(level + 1));
    const double affordable = std::floor((budget - reserved + slack) / costs[level]);
    const bool last = level + 1 == costs.size();
    const double first =
        last ? affordable
             : real_optimum(variances.subspan(level), costs.subspan(level), budget).front();
    for (const double n : {std::floor(first), std::floor(first) + 1}) {
      const double samples = std::max(1.0, std::min({n, affordable, most[level]}));
      if (samples < n && n > std::floor(first)) break;  // the same again
      batches[level] = static_cast<std::int64_t>(samples);
      const double sum = variance + variances[level] / samples;
      if (!last) {
        from(level + 1, sum, budget - samples * costs[level]);
      } else if (sum < least) {
        least = sum;
        best = batches;
      }
    }
  }
};

}  // namespace

double predicted_variance(Numbers variances, const BatchPlan& plan) {
  check_variances(variances, static_cast<std::size_t>(plan.levels()));
  double sum = 0;
  for (int l = 0; l < plan.levels(); ++l) {
    sum += variances[static_cast<std::size_t>(l)] / static_cast<double>(plan[l]);
  }
  return sum;
}

double cost(Numbers costs, const BatchPlan& plan) {
  check_positive("a cost", costs, static_cast<std::size_t>(plan.levels()));
  double sum = 0;
  for (int l = 0; l < plan.levels(); ++l) {
    sum += costs[static_cast<std::size_t>(l)] * static_cast<double>(plan[l]);
  }
  return sum;
}

BatchPlan optimal_plan(Numbers variances, Numbers costs, double budget) {
  check_positive("a cost", costs, costs.size());
  check_variances(variances, costs.size());
  const double least = sum_of(costs);
  TELESCOPE_CHECK(std::isfinite(budget) && budget * (1 + rounding) >= least, "allocation",
                  "expected a budget of at least {}, one sample of every level, got {}", least,
                  budget);
  return BatchPlan(Search(variances, costs, budget).best);
}

BatchPlan optimal_plan_for_variance(Numbers variances, Numbers costs, double target) {
  check_positive("a target of variance", {&target, 1}, 1);
  double low = sum_of(costs), high = low;
  const auto plan_for = [&](double budget) { return optimal_plan(variances, costs, budget); };
  const auto good = [&](double budget) {
    return predicted_variance(variances, plan_for(budget)) <= target;
  };
  while (!good(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > rounding * high) {
    const double middle = low + (high - low) / 2;
    (good(middle) ? high : low) = middle;
  }
  return plan_for(high);
}

std::vector<double> measured_costs(const std::vector<MeshReport>& meshes) {
  std::vector<double> costs(meshes.size(), 0.0);
  for (std::size_t l = 0; l < meshes.size(); ++l) {
    TELESCOPE_CHECK(meshes[l].seconds.has_value(), "allocation", "the passes on {} were not timed",
                    meshes[l].mesh.str());
    const std::int64_t images = meshes[l].samples + (l > 0 ? meshes[l - 1].samples : 0);
    const double seconds = *meshes[l].seconds / static_cast<double>(images);
    costs[l] += seconds;
    if (l > 0) costs[l - 1] += seconds;
  }
  return costs;
}

std::vector<double> term_probabilities(Numbers second_moments, Numbers costs) {
  check_positive("a cost", costs, costs.size());
  check_positive("a second moment", second_moments, costs.size());
  std::vector<double> chances(costs.size());
  for (std::size_t l = 0; l < chances.size(); ++l) {
    chances[l] = std::sqrt(second_moments[l] / costs[l]);
  }
  const double sum = sum_of(chances);
  for (double& p : chances) p /= sum;
  return chances;
}

}  // namespace telescope
