// SPDX-License-Identifier: MIT
// Lesson 5: Multiscale Gradient Estimation against plain stochastic gradients, for the same work.
//
//   g = sum_{l<L} 1/N_l sum_i (grad f_l(x_i) - grad f_{l+1}(x_i)) + 1/N_L sum_i grad f_L(x_i)
//
// One work unit (WU) is one 32 x 32 image through the network; an image on mesh l costs 4^-l. MGE
// with 4, 8, 16, 32 images on four meshes sees 60 a step for 9.25 WU. Beside it stand the plain
// gradient of as many images, 60 WU a step, and of as few as MGE has on the finest mesh, 4 WU a step.
//
//   build/release/apps/lessons/mge [FOLDER]           writes mge.svg
//
// The last line gives the losses of the three on unseen pictures after the same work.
#include <telescope.h>

#include <cmath>

#include "apps/lessons/support/denoiser.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;

constexpr double budget = 600;  // WU

// As many steps as the budget pays for.
Schedule affordable(const std::function<Schedule(std::int64_t steps)>& strategy) {
  return strategy(static_cast<std::int64_t>(budget / work_units(strategy(1))));
}

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    const BatchPlan plan = BatchPlan::geometric(4, 4);
    const std::vector<std::pair<std::string, Schedule>> runs = {
        {"60 images a step", affordable([&](auto n) { return single_scale(plan.samples(), n); })},
        {"MGE, " + plan.str(), affordable([&](auto n) { return mge(plan, n); })},
        {"4 images a step", affordable([&](auto n) { return single_scale(plan[0], n); })}};
    Chart chart{.title = "The same work, three ways to spend it",
                .x_label = "work units",
                .y_label = "loss on unseen pictures",
                .log_y = true};
    std::vector<double> loss;
    for (const auto& [name, schedule] : runs) {
      const LossCurve curve = train(schedule);
      chart.series.push_back({name, curve.work_units, curve.loss});
      loss.push_back(curve.loss.back());
      fmt::print("{:18} {:4} steps {:7.1f} WU  loss {:.4f}\n", name, schedule.steps(),
                 work_units(schedule), loss.back());
    }
    write_charts(folder / "mge.svg", {chart});
    return {
        fmt::format(
            "loss after {} WU: {:.4f} with 60 images a step, {:.4f} with MGE, {:.4f} with 4 images",
            budget, loss[0], loss[1], loss[2]),
        loss[1] < loss[0]};
  });
}
