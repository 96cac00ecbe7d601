// SPDX-License-Identifier: MIT
// Lesson 4: how many samples for each level.
//
//   minimise sum_l V_l / N_l for the work sum_l C_l N_l = C:   N_l proportional to sqrt(V_l / C_l)
//
// V_l is the variance of one sample's term of level l, C_l its work: 4^-l + 4^-(l+1), 4^-L for the last
// (Giles, "Multilevel Monte Carlo path simulation", Operations Research 2008). Four plans of about the
// same work are compared, for a fresh network and for one trained a little: what the sum above predicts
// from measured V_l, and how far 32 gradients of each plan, of samples drawn anew, lie apart.
//
//   build/release/apps/lessons/allocation [FOLDER]    writes allocation.svg
//
// The last line says how many times less the gradient varies with the best batches than with all samples
// on mesh 0, for the same work, as observed and as predicted: for the fresh network and after 30 steps.
#include <telescope.h>

#include <cmath>

#include "apps/lessons/support/denoiser.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;
using Numbers = std::vector<double>;

// V_l of a telescoping sum over `meshes` meshes, from 96 parts of 4 samples each.
Numbers measure(const Denoiser& denoiser, NoisyLeaves& leaves, int meshes) {
  const auto samples = leaves.draw(BatchPlan::geometric(384, meshes, 1), 0);
  const Estimate estimate =
      Estimator(denoiser.loss, {}).measured(samples, {}, 0, denoiser.parameters, 96);
  Numbers v;
  for (const MeshReport& report : estimate.reports()) v.push_back(report.variance.value());
  return v;
}

// C_l, in work units.
double cost(std::size_t l, std::size_t meshes) {
  return std::pow(0.25, l) * (l + 1 < meshes ? 1.25 : 1);
}

// N_l proportional to `shares`, for about 8 work units.
BatchPlan plan_for(const Numbers& shares) {
  double work = 0;
  for (std::size_t l = 0; l < shares.size(); ++l) work += shares[l] * cost(l, shares.size());
  std::vector<std::int64_t> batches;
  for (const double share : shares) batches.push_back(std::max(1l, std::lround(8 / work * share)));
  return BatchPlan(batches);
}

double observe(const BatchPlan& plan, const Denoiser& denoiser, NoisyLeaves& leaves) {
  std::vector<Tensor> gradients;
  for (std::int64_t step = 1; step <= 32; ++step) {
    denoiser.parameters.zero_gradients();
    Estimator(denoiser.loss, {}).merged(leaves.draw(plan, step), {}, step);
    gradients.push_back(denoiser.parameters.gradients().clone());
  }
  return variance(gradients);
}

Chart compare(const std::string& title, const Denoiser& denoiser, NoisyLeaves& leaves) {
  const Numbers v = measure(denoiser, leaves, 4), alone = measure(denoiser, leaves, 1);
  Numbers best;
  for (std::size_t l = 0; l < v.size(); ++l) best.push_back(std::sqrt(v[l] / cost(l, v.size())));
  const std::vector<Numbers> shares = {{1}, {1, 2, 4, 8}, {1, 4, 16, 64}, best};
  Chart chart{.title = title,
              .y_label = "variance times work",
              .series = {{"predicted", {0, 1, 2, 3}, {}, Mark::bars},
                         {"observed", {0, 1, 2, 3}, {}, Mark::bars}},
              .y_includes = {0, 1},
              .x_names = {"all on mesh 0", "doubling", "times four", "best"}};
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const BatchPlan plan = plan_for(shares[i]);
    double work = work_units_per_step({.finest = {}, .plan = plan}), sum = 0;
    for (int l = 0; l < plan.levels(); ++l) sum += (i > 0 ? v : alone)[size_t(l)] / double(plan[l]);
    chart.series[0].y.push_back(work * sum);
    chart.series[1].y.push_back(work * observe(plan, denoiser, leaves));
    fmt::print("{:15} {:14} {:12} predicted {:.3f}  observed {:.3f}\n", title, chart.x_names[i],
               plan.str(), chart.series[0].y[i], chart.series[1].y[i]);
  }
  return chart;
}

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    Denoiser denoiser;
    NoisyLeaves leaves(3);
    const Chart fresh = compare("A fresh network", denoiser, leaves);
    train(denoiser, single_scale(8, 30));
    const Chart trained = compare("After 30 steps", denoiser, leaves);
    write_charts(folder / "allocation.svg", {fresh, trained});
    const auto gain = [](const Series& s) { return s.y[0] / s.y[3]; };
    const Numbers g = {gain(fresh.series[1]), gain(fresh.series[0]), gain(trained.series[1]),
                       gain(trained.series[0])};
    return {fmt::format("best batches: {:.2f} times less ({:.2f} predicted), later {:.2f} ({:.2f})",
                        g[0], g[1], g[2], g[3]),
            g[0] > 3 && g[1] > 3 && g[2] < g[0] / 2 && g[3] < g[1] / 2};
  });
}
