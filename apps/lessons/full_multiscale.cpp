// SPDX-License-Identifier: MIT
// Lesson 6: Full-Multiscale, which learns on coarse meshes first.
//
//   theta_3 -> theta_2 -> theta_1 -> theta_0:  theta_l trained by MGE on meshes l, ..., 3 from theta_{l+1},
//   with half the steps of the stage before
//
// As in the nested iteration of multigrid: what a coarse mesh can teach is learnt where it costs little.
// Beside it stand MGE on all meshes from the start, plain gradients of four images on mesh 0, and the
// same stages without the corrections grad f_l - grad f_{l+1}, which is progressive resizing.
//
//   build/release/apps/lessons/full_multiscale [FOLDER]   writes full_multiscale.svg
//
// The last line gives the loss on unseen pictures and the work, of Full-Multiscale and of MGE.
#include <telescope.h>

#include "apps/lessons/support/denoiser.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    const BatchPlan plan = BatchPlan::geometric(4, 4);
    const std::vector<std::pair<std::string, Schedule>> runs = {
        {"4 images a step", single_scale(plan[0], 230)},
        {"MGE", mge(plan, 100)},
        {"Full-Multiscale", full_multiscale(plan, 160)},
        {"progressive resizing", progressive_resizing(plan, 160)}};
    Chart chart{.title = "Loss on mesh 0 against work",
                .x_label = "work units",
                .y_label = "loss on unseen pictures",
                .log_y = true};
    std::vector<double> loss, work;
    for (const auto& [name, schedule] : runs) {
      const LossCurve curve = train(schedule);
      chart.series.push_back({name, curve.work_units, curve.loss});
      loss.push_back(curve.loss.back());
      work.push_back(work_units(schedule));
      fmt::print("{:20} {:4} steps {:7.1f} WU  loss {:.4f}\n", name, schedule.steps(), work.back(),
                 loss.back());
    }
    double spent = 0;
    for (const Stage& stage : runs[2].second.stages) {
      chart.events.emplace_back(spent, stage.finest.str());
      spent += work_units_per_step(stage) * double(stage.steps);
    }
    write_charts(folder / "full_multiscale.svg", {chart});
    return {fmt::format("Full-Multiscale: loss {:.4f} after {} WU; MGE: {:.4f} after {} WU",
                        loss[2], work[2], loss[1], work[1]),
            loss[2] < loss[1] && work[2] < work[1]};
  });
}
