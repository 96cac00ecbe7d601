// SPDX-License-Identifier: MIT
// What `telescope study allocation` shows, and what it says about it.
#include <algorithm>
#include <cmath>

#include "apps/study_allocation.h"
#include "apps/text.h"

namespace telescope::app {
namespace {

using Plans = std::vector<PlanFigures>;

std::string after(std::int64_t step) {
  return step == 0 ? "at initialisation" : fmt::format("after {} steps", step);
}

std::vector<Plans> by_step(const Plans& plans) {
  std::vector<Plans> groups;
  for (const PlanFigures& plan : plans) {
    if (groups.empty() || groups.back().front().step != plan.step) groups.emplace_back();
    groups.back().push_back(plan);
  }
  return groups;
}

// V C of an estimate, which does not depend on how many samples there are in all: the variance that
// a unit of cost leaves.
using Cost = double PlanFigures::*;
double observed(const PlanFigures& plan, Cost cost) { return plan.observed.variance * plan.*cost; }
double predicted(const PlanFigures& plan, Cost cost) { return plan.predicted * plan.*cost; }

// Both in parts of what single scale was seen to have.
Chart efficiency_chart(const Plans& plans, Cost cost) {
  Chart chart{.title = after(plans.front().step), .x_name = "batches", .bars = true};
  ChartLine seen{.label = "observed", .colour = 0}, foretold{.label = "predicted", .colour = 1};
  const double unit = observed(plans.front(), cost);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    chart.places.push_back(plans[i].name);
    const auto x = static_cast<double>(i);
    seen.x.push_back(x), foretold.x.push_back(x);
    seen.y.push_back(observed(plans[i], cost) / unit);
    seen.error.push_back(plans[i].observed.variance_error * plans[i].*cost / unit);
    foretold.y.push_back(predicted(plans[i], cost) / unit);
    foretold.error.push_back(plans[i].predicted_error * plans[i].*cost / unit);
  }
  chart.lines = {seen, foretold};
  return chart;
}

Chart batch_chart(const Plans& plans, const std::vector<std::string>& meshes) {
  Chart chart{.title = after(plans.front().step),
              .x_name = "level, by its finer mesh",
              .places = meshes,
              .log_y = true};
  for (std::size_t i = 0; i < plans.size(); ++i) {
    ChartLine line{.label = plans[i].name, .colour = static_cast<int>(i)};
    for (int l = 0; l < plans[i].batches.levels(); ++l) {
      line.x.push_back(l);
      line.y.push_back(static_cast<double>(plans[i].batches[l]));
    }
    chart.lines.push_back(line);
  }
  return chart;
}

std::vector<std::vector<std::string>> table_of(const Plans& plans) {
  std::vector<std::vector<std::string>> table = {
      {"batches", "steps", "N", "WU", "time", "V predicted", "V observed", "V WU", "V s"}};
  for (const PlanFigures& p : plans) {
    const VectorStatistics& o = p.observed;
    table.push_back({p.name, fmt::format("{}", p.step), p.batches.str(), format_value(p.work_units),
                     fmt::format("{:.1f} ms", 1e3 * p.seconds),
                     with_error(p.predicted, p.predicted_error),
                     with_error(o.variance, o.variance_error),
                     format_value(observed(p, &PlanFigures::work_units)),
                     format_value(observed(p, &PlanFigures::seconds))});
  }
  return table;
}

std::vector<std::vector<std::string>> level_table(const AllocationFigures& figures,
                                                  const std::vector<std::string>& meshes) {
  std::vector<std::vector<std::string>> table = {
      {"term", "steps", "V of a sample", "work units", "time", "sqrt(V / WU)"}};
  for (const LevelFigures& level : figures.levels) {
    const auto l = static_cast<std::size_t>(level.level);
    const bool coarsest = l + 1 == meshes.size();
    table.push_back({coarsest ? meshes[l] : meshes[l] + " less " + meshes[l + 1],
                     fmt::format("{}", level.step),
                     with_error(level.term.variance, level.term.variance_error),
                     format_value(level.work_units), fmt::format("{:.2f} ms", 1e3 * level.seconds),
                     format_value(std::sqrt(level.term.variance / level.work_units))});
  }
  return table;
}

// "2.3 times less", "1.1 times more".
std::string compared(double factor) {
  return factor >= 1 ? in_times(factor) + " less" : in_times(1 / factor) + " more";
}

double relative_error(const VectorStatistics& v) { return v.variance_error / v.variance; }

// "2.3 times less variance than", "1.1 times more variance than"; neither for what two standard
// errors do not tell apart.
std::string against(const PlanFigures& plan, const PlanFigures& baseline, Cost cost) {
  const double factor = observed(baseline, cost) / observed(plan, cost);
  const double error = std::hypot(relative_error(plan.observed), relative_error(baseline.observed));
  if (std::abs(std::log(factor)) <= 2 * error) return "about as much variance as";
  return compared(factor) + " variance than";
}

const PlanFigures& named(const Plans& plans, const std::string& name) {
  return *std::find_if(plans.begin(), plans.end(),
                       [&](const PlanFigures& plan) { return plan.name == name; });
}

std::string lesson_of(const Plans& plans, Cost cost, const std::string& best, const char* each) {
  const PlanFigures &plan = named(plans, best), &single = named(plans, "single scale"),
                    &doubling = named(plans, "growth 2");
  return fmt::format(
      "{}, {}, batches of {} have {} single scale and {} batches that double "
      "(observed; predicted: {} and {}).",
      each, after(plan.step), plan.batches.str(), against(plan, single, cost),
      against(plan, doubling, cost), compared(predicted(single, cost) / predicted(plan, cost)),
      compared(predicted(doubling, cost) / predicted(plan, cost)));
}

// How far what was seen is from what was foretold, in standard errors of their difference. A few
// dozen plans come to no more than 4 by chance.
std::string lesson_of_prediction(const Plans& all) {
  double worst = 0;
  for (const PlanFigures& plan : all) {
    const double error = std::hypot(plan.observed.variance_error, plan.predicted_error);
    worst = std::max(worst, std::abs(plan.observed.variance - plan.predicted) / error);
  }
  return fmt::format(
      "The variances of single samples {} those of whole estimates: observed and predicted are at "
      "most {:.1f} standard errors apart, over {} plans.",
      worst <= 4 ? "foretell" : "do not foretell", worst, all.size());
}

Figures figures_of(const AllocationFigures& figures) {
  Figures out{.columns = {"steps", "plan", "batches", "level", "samples", "variance",
                          "variance_error", "predicted_variance", "predicted_error", "work_units",
                          "seconds"}};
  for (const LevelFigures& l : figures.levels) {
    out.rows.push_back({l.step,
                        std::string("one sample"),
                        {},
                        std::int64_t{l.level},
                        l.term.count,
                        l.term.variance,
                        l.term.variance_error,
                        {},
                        {},
                        l.work_units,
                        l.seconds});
  }
  for (const PlanFigures& p : figures.plans) {
    out.rows.push_back({p.step,
                        p.name,
                        p.batches.str(),
                        {},
                        p.observed.count,
                        p.observed.variance,
                        p.observed.variance_error,
                        p.predicted,
                        p.predicted_error,
                        p.work_units,
                        p.seconds});
  }
  return out;
}

}  // namespace

Findings findings(const AllocationFigures& figures, const std::vector<std::string>& meshes) {
  const std::vector<Plans> groups = by_step(figures.plans);
  Findings out{.table = table_of(figures.plans), .figures = figures_of(figures)};
  out.lessons = {
      lesson_of(groups.back(), &PlanFigures::work_units, "optimal for work", "For the same work"),
      lesson_of(groups.back(), &PlanFigures::seconds, "optimal for time", "In the same time"),
      lesson_of_prediction(figures.plans)};
  StudySection work{.title = "Variance for the same work",
                    .text =
                        "Variance of an estimate times its work units, in parts of what single "
                        "scale was seen to have. More samples of every level lower the variance "
                        "and raise the work alike, so that this tells how well a plan spends "
                        "them. Bars are one standard error."};
  StudySection time{.title = "Variance in the same time",
                    .text = "The same with the seconds of the passes instead of work units."};
  StudySection batches{.title = "Samples of every level"};
  for (const Plans& plans : groups) {
    work.charts.push_back(efficiency_chart(plans, &PlanFigures::work_units));
    time.charts.push_back(efficiency_chart(plans, &PlanFigures::seconds));
    batches.charts.push_back(batch_chart(plans, meshes));
  }
  batches.tables = {{.caption = "What one sample's term varies and costs on every level; optimal "
                                "batches are in proportion to the last column.",
                     .rows = level_table(figures, meshes)}};
  StudySection all{.title = "All of it"};
  all.tables = {{.caption = "N: samples from the finest level on. Time: that of one estimate's "
                            "passes, the least. V predicted: sum of V_l / N_l; V observed: of "
                            "estimates from fresh samples, with its standard error. V WU and V s: "
                            "observed variance times work units and times seconds.",
                 .rows = out.table}};
  out.sections = {work, time, batches, all};
  return out;
}

}  // namespace telescope::app
