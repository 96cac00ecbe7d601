// SPDX-License-Identifier: MIT
// What `telescope study variance` shows, and what it says about it.
#include <algorithm>
#include <cmath>

#include "apps/statistics.h"
#include "apps/study_variance.h"
#include "apps/text.h"

namespace telescope::app {
namespace {

using Rows = std::vector<VarianceRow>;
constexpr int gradient_colour = 5;

std::string text(Restriction kind) { return std::string(name_of(kind)); }
std::string text(Placement placement) {
  return placement == Placement::finest ? "mesh 0" : "every mesh";
}
std::string after(std::int64_t step) {
  return step == 0 ? "At initialisation" : fmt::format("After {} steps", step);
}

// V(∇f_l − ∇f_{l+1}) / V(∇f_l)
double ratio(const MeshVariance& mesh) { return mesh.difference.variance / mesh.gradient.variance; }

// N_l ~ sqrt(V_l / C_l) with V_l ~ 2^(slope l) and C_l ~ 4^-l.
double growth(const VarianceRow& row) { return std::exp2(row.difference_fit.slope / 2 + 1); }

Rows where(const Rows& rows, std::int64_t step, Placement placement) {
  Rows some;
  for (const VarianceRow& row : rows) {
    if (row.step == step && row.placement == placement) some.push_back(row);
  }
  return some;
}

// The values that occur, each once, in their order.
template <class Value>
std::vector<Value> all_of(const Rows& rows, Value VarianceRow::*member) {
  std::vector<Value> values;
  for (const VarianceRow& row : rows) {
    const Value value = row.*member;
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
  return values;
}

ChartLine line_of(const VarianceRow& row, VectorStatistics MeshVariance::*what,
                  double VectorStatistics::*value, const std::string& label, int colour) {
  ChartLine line{.label = label, .colour = colour};
  for (std::size_t l = 0; l < row.meshes.size(); ++l) {
    const VectorStatistics& of = row.meshes[l].*what;
    if (!std::isfinite(of.*value)) continue;
    line.x.push_back(static_cast<double>(l));
    line.y.push_back(of.*value);
    const bool variance = value == &VectorStatistics::variance;
    line.error.push_back(variance ? of.variance_error : kUnmeasured);
  }
  return line;
}

// Differences by every restriction, and the gradients themselves by the first.
Chart chart_of(const Rows& rows, double VectorStatistics::*value, const std::string& title,
               const std::vector<std::string>& meshes) {
  Chart chart{.title = title, .x_name = "mesh", .places = meshes, .log_y = true};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    chart.lines.push_back(line_of(rows[i], &MeshVariance::difference, value,
                                  "differences, " + text(rows[i].restriction),
                                  static_cast<int>(i)));
  }
  const std::string name = "gradients, " + text(rows.front().restriction);
  chart.lines.push_back(
      line_of(rows.front(), &MeshVariance::gradient, value, name, gradient_colour));
  chart.lines.back().dashed = true;
  return chart;
}

StudySection variance_section(const Rows& rows, Placement placement,
                              const std::vector<std::string>& meshes) {
  StudySection section{
      .title = "Variance, images degraded on " + text(placement),
      .text =
          "Of one sample's gradient, summed over the parameters: of ∇f_l on mesh l, and of "
          "∇f_l − ∇f_{l+1}, both meshes seeing the same sample and noise. Bars are one "
          "standard error."};
  for (const std::int64_t step : all_of(rows, &VarianceRow::step)) {
    section.charts.push_back(
        chart_of(where(rows, step, placement), &VectorStatistics::variance, after(step), meshes));
  }
  return section;
}

StudySection norm_section(const Rows& rows, const std::vector<std::string>& meshes) {
  StudySection section{
      .title = "Norm of the mean",
      .text =
          "How large the gradients and the differences are on average over all samples, what "
          "the variance alone would add to the norm taken off. What is left out of a step "
          "without corrections is the sum of the differences."};
  for (const Placement placement : all_of(rows, &VarianceRow::placement)) {
    const std::int64_t last = rows.back().step;
    section.charts.push_back(chart_of(where(rows, last, placement), &VectorStatistics::norm,
                                      after(last) + ", degraded on " + text(placement), meshes));
  }
  return section;
}

StudySection training_section(const Rows& rows, const std::vector<std::string>& meshes) {
  StudySection section{.title = "Along training",
                       .text =
                           "V(∇f_l − ∇f_{l+1}) / V(∇f_l): below 1 a difference "
                           "needs fewer samples than the gradient it stands for."};
  const Placement placement = rows.front().placement;
  for (const Restriction restriction : all_of(rows, &VarianceRow::restriction)) {
    Chart chart{.title = text(restriction) + ", degraded on " + text(placement),
                .x_name = "steps",
                .log_y = true};
    for (std::size_t l = 0; l + 1 < meshes.size(); ++l) {
      ChartLine line{.label = meshes[l] + " to " + meshes[l + 1], .colour = static_cast<int>(l)};
      for (const VarianceRow& row : rows) {
        if (row.restriction != restriction || row.placement != placement) continue;
        line.x.push_back(static_cast<double>(row.step));
        line.y.push_back(ratio(row.meshes[l]));
      }
      chart.lines.push_back(line);
    }
    section.charts.push_back(chart);
  }
  return section;
}

std::vector<std::vector<std::string>> table_of(const Rows& rows,
                                               const std::vector<std::string>& meshes) {
  std::vector<std::vector<std::string>> table = {{"restriction", "degraded on", "steps"}};
  for (std::size_t l = 0; l + 1 < meshes.size(); ++l) table[0].push_back("V ratio " + meshes[l]);
  table[0].insert(table[0].end(), {"exponent", "of gradients", "batches grow by"});
  for (const VarianceRow& row : rows) {
    auto& cells = table.emplace_back();
    cells = {text(row.restriction), text(row.placement), fmt::format("{}", row.step)};
    for (std::size_t l = 0; l + 1 < row.meshes.size(); ++l) {
      cells.push_back(format_value(ratio(row.meshes[l])));
    }
    cells.push_back(with_error(row.difference_fit.slope, row.difference_fit.slope_error));
    cells.push_back(with_error(row.gradient_fit.slope, row.gradient_fit.slope_error));
    cells.push_back(std::isfinite(growth(row)) ? fmt::format("{:.2f}", growth(row)) : "-");
  }
  return table;
}

// "vary 25 times less than", or more.
std::string compared(double ratio) {
  return ratio <= 1 ? in_times(1 / ratio) + " less" : in_times(ratio) + " more";
}

std::string lesson_of_ratio(const VarianceRow& row, const std::vector<std::string>& meshes) {
  const std::size_t last = row.meshes.size() - 2;
  std::string out = fmt::format(
      "{}, with {}: differences between mesh {} and {} vary {} than the "
      "gradient on {} itself",
      after(row.step), text(row.restriction), meshes[0], meshes[1], compared(ratio(row.meshes[0])),
      meshes[0]);
  if (last > 0) {
    out += fmt::format(", between {} and {} {}", meshes[last], meshes[last + 1],
                       compared(ratio(row.meshes[last])));
  }
  return out + ".";
}

// Whether batches that grow by `growth` are other than doubling: the slope is not 0 by Student's
// distribution, with as many degrees of freedom as there are differences beyond two.
bool tells_from_doubling(const VarianceRow& row) {
  const LineFit& f = row.difference_fit;
  const int freedom = static_cast<int>(row.meshes.size()) - 3;
  return freedom >= 1 && std::abs(f.slope) > student_95(freedom) * f.slope_error;
}

std::string lesson_of_rate(const VarianceRow& row) {
  const LineFit& f = row.difference_fit;
  const double g = growth(row);
  return fmt::format(
      "From one mesh to the next coarser the variance of the differences grows {} "
      "(as h to the power {}), so that the least variance for the work has batches for them that "
      "grow by {:.1f} a mesh{}.",
      in_times(std::exp2(f.slope)), with_error(f.slope, f.slope_error), g,
      !tells_from_doubling(row) ? ""
      : g > 2                   ? ", faster than doubling"
                                : ", slower than doubling");
}

// Which restriction and placement keeps the differences on the finest mesh smallest: V(grad f_0) is
// the same for all.
std::string lesson_of_choice(const Rows& rows) {
  const std::int64_t last = rows.back().step;
  const VarianceRow *least = nullptr, *most = nullptr;
  const auto v = [](const VarianceRow& row) { return row.meshes[0].difference.variance; };
  for (const VarianceRow& row : rows) {
    if (row.step != last) continue;
    if (least == nullptr || v(row) < v(*least)) least = &row;
    if (most == nullptr || v(row) > v(*most)) most = &row;
  }
  if (least == most || v(*least) == 0) return "";
  const auto name = [](const VarianceRow& row) {
    return fmt::format("{} where images are degraded on {}", text(row.restriction),
                       text(row.placement));
  };
  return fmt::format("On the finest mesh differences vary least with {}, and {} more with {}.",
                     name(*least), in_times(v(*most) / v(*least)), name(*most));
}

std::vector<std::string> lessons(const Rows& rows, const std::vector<std::string>& meshes) {
  const VarianceRow first = where(rows, rows.back().step, rows.front().placement).front();
  std::vector<std::string> out = {lesson_of_ratio(first, meshes)};
  if (std::isfinite(growth(first))) out.push_back(lesson_of_rate(first));
  if (const std::string choice = lesson_of_choice(rows); !choice.empty()) out.push_back(choice);
  return out;
}

Figures figures_of(const Rows& rows) {
  Figures out{.columns = {"steps", "restriction", "degraded_on", "mesh", "samples", "gradient_norm",
                          "gradient_variance", "gradient_variance_error", "difference_norm",
                          "difference_variance", "difference_variance_error", "difference_exponent",
                          "difference_exponent_error", "gradient_exponent",
                          "gradient_exponent_error"}};
  for (const VarianceRow& row : rows) {
    for (std::size_t l = 0; l < row.meshes.size(); ++l) {
      const auto& [g, d] = row.meshes[l];
      out.rows.push_back({row.step, text(row.restriction), std::string(name_of(row.placement)),
                          static_cast<std::int64_t>(l), g.count, g.norm, g.variance,
                          g.variance_error, d.norm, d.variance, d.variance_error,
                          row.difference_fit.slope, row.difference_fit.slope_error,
                          row.gradient_fit.slope, row.gradient_fit.slope_error});
    }
  }
  return out;
}

}  // namespace

Findings findings(const Rows& rows, const std::vector<std::string>& meshes) {
  Findings out{.lessons = lessons(rows, meshes),
               .table = table_of(rows, meshes),
               .figures = figures_of(rows)};
  for (const Placement placement : all_of(rows, &VarianceRow::placement)) {
    out.sections.push_back(variance_section(rows, placement, meshes));
  }
  if (rows.front().step != rows.back().step) out.sections.push_back(training_section(rows, meshes));
  out.sections.push_back(norm_section(rows, meshes));
  out.sections.push_back(
      {.title = "All of it",
       .tables = {{.caption =
                       "V ratio: variance of differences over that of gradients on the finer "
                       "mesh. Exponent: of the mesh width h in the variance of differences, "
                       "and of gradients, fitted over all meshes, with its standard error "
                       "where there are three. Batches grow: N_l in proportion to "
                       "sqrt(V_l / C_l), work falling by 4 a mesh; but for the coarsest mesh, "
                       "whose term is no difference.",
                   .rows = out.table}}});
  return out;
}

}  // namespace telescope::app
