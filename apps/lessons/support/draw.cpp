// SPDX-License-Identifier: MIT
#include "apps/lessons/support/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "apps/text.h"
#include "core/error.h"
#include "core/file.h"

namespace telescope::lessons {
namespace {

constexpr double chart_width = 540, height = 360;               // of a chart
constexpr double left = 70, right = 20, bottom = 52, top = 44;  // around its axes
constexpr std::array colours{"#0b62c4", "#c2410c", "#05785a", "#9a3fa0", "#8a6100", "#3f4f63"};
constexpr const char* ink = "#1b1f24";
constexpr const char* quiet = "#59636e";
constexpr const char* grid = "#e4e7eb";

std::string text(double x, double y, std::string_view words, std::string_view anchor = "middle",
                 std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y,
                     anchor, more, app::escape_html(words));
}
std::string line(double x1, double y1, double x2, double y2, std::string_view colour,
                 std::string_view more = "") {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" {}/>\n", x1, y1,
      x2, y2, colour, more);
}
std::string page(double w, double h, const std::string& content) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" "
      "fill=\"{2}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{3}</svg>\n",
      w, h, ink, content);
}

/// Values along one axis, as pixels from `from` to `to`.
class Axis {
 public:
  Axis(bool logarithmic, double from, double to) : log_(logarithmic), from_(from), to_(to) {}

  bool shows(double value) const { return std::isfinite(map(value)); }
  void include(double value) {
    if (!shows(value)) return;
    least_ = std::min(least_, map(value));
    most_ = std::max(most_, map(value));
  }
  /// Room beside the outermost values, as a share of their distance; below 0 itself if wanted.
  void pad(double share, bool below_zero) {
    const double room = most_ > least_ ? share * (most_ - least_) : 1;
    if (log_ || below_zero || least_ != 0) least_ -= room;
    most_ += room;
  }
  bool empty() const { return !(least_ <= most_); }
  double at(double value) const {
    return from_ + (to_ - from_) * (map(value) - least_) / (most_ - least_);
  }
  /// Round values on the axis, about six.
  std::vector<double> ticks() const { return log_ ? log_ticks() : linear_ticks(); }

 private:
  double map(double value) const { return log_ ? std::log10(value) : value; }
  std::vector<double> linear_ticks() const {
    const double raw = (most_ - least_) / 6, power = std::pow(10, std::floor(std::log10(raw)));
    const double digit = raw / power;
    const double step = power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
    std::vector<double> ticks;
    for (double k = std::ceil(least_ / step); k * step <= most_ * (1 + 1e-9); ++k) {
      ticks.push_back(k * step + 0.0);  // no -0
    }
    return ticks;
  }
  std::vector<double> log_ticks() const {
    const double decades = most_ - least_;
    const std::vector<double> digits =
        decades > 2.5   ? std::vector<double>{1}
        : decades > 0.7 ? std::vector<double>{1, 2, 5}
                        : std::vector<double>{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};
    std::vector<double> ticks;
    for (double decade = std::floor(least_); decade <= most_; ++decade) {
      for (const double digit : digits) {
        const double value = digit * std::pow(10, decade);
        if (map(value) >= least_ && map(value) <= most_) ticks.push_back(value);
      }
    }
    return ticks;
  }

  bool log_;
  double from_, to_;
  double least_ = std::numeric_limits<double>::infinity(), most_ = -least_;
};

struct Axes {
  Axis x, y;
};

Axes axes_of(const Chart& chart) {
  Axes axes{{false, left, chart_width - right}, {chart.log_y, height - bottom, top}};
  for (const double y : chart.y_includes) axes.y.include(y);
  for (const Series& s : chart.series) {
    TELESCOPE_CHECK(s.x.size() == s.y.size(), "chart", "{} has {} x and {} y", s.name, s.x.size(),
                    s.y.size());
    for (const double x : s.x) axes.x.include(x);
    for (const double y : s.y) axes.y.include(y);
  }
  TELESCOPE_CHECK(!axes.x.empty() && !axes.y.empty(), "chart", "nothing to draw in {}",
                  chart.title);
  const std::size_t names = chart.x_names.size();
  axes.x.pad(names > 0 ? 0.5 / std::max(1.0, double(names) - 1) : 0.03, names > 0);
  axes.y.pad(0.06, false);
  return axes;
}

std::string draw_axes(const Chart& chart, const Axes& axes) {
  std::string out;
  for (const double y : axes.y.ticks()) {
    out += line(left, axes.y.at(y), chart_width - right, axes.y.at(y), grid);
    out += text(left - 7, axes.y.at(y) + 4, fmt::format("{:.6g}", y), "end");
  }
  if (chart.x_names.empty()) {
    for (const double x : axes.x.ticks()) {
      out += line(axes.x.at(x), top, axes.x.at(x), height - bottom, grid);
      out += text(axes.x.at(x), height - bottom + 17, fmt::format("{:.6g}", x));
    }
  }
  for (std::size_t i = 0; i < chart.x_names.size(); ++i) {
    out += text(axes.x.at(double(i)), height - bottom + 17, chart.x_names[i]);
  }
  double y = top - 2;
  for (const auto& [x, word] : chart.events) {
    y = y > top + 20 ? top + 12 : y + 14;  // neighbours do not overlap
    out +=
        line(axes.x.at(x), top, axes.x.at(x), height - bottom, quiet, "stroke-dasharray=\"4 4\"");
    out += text(axes.x.at(x) + 4, y, word, "start", fmt::format("fill=\"{}\"", quiet));
  }
  out += line(left, height - bottom, chart_width - right, height - bottom, quiet);
  out += text((left + chart_width - right) / 2, height - 14, chart.x_label);
  const double middle = (top + height - bottom) / 2;
  out += text(16, middle, chart.y_label, "middle",
              fmt::format("transform=\"rotate(-90 16 {})\"", middle));
  return out + text(left, 18, chart.title, "start", "font-weight=\"600\" font-size=\"14\"");
}

struct Place {
  std::size_t number, bar, bars;  // of the series; and of its bars among those beside them
};

std::string draw_series(const Series& s, const Axes& axes, const Place& place, double bar_width) {
  const std::string_view colour = colours[place.number % colours.size()];
  std::string out, path;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (!axes.x.shows(s.x[i]) || !axes.y.shows(s.y[i])) continue;
    const double x = axes.x.at(s.x[i]), y = axes.y.at(s.y[i]);
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x, y);
    if (s.mark == Mark::bars) {
      out += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
          x + bar_width * (double(place.bar) - double(place.bars) / 2), y, bar_width - 2,
          height - bottom - y, colour);
    } else if (s.mark == Mark::points || s.x.size() < 12) {
      out += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" "
          "fill-opacity=\"{}\"/>\n",
          x, y, s.mark == Mark::line ? 3.5 : 2.5, colour, s.mark == Mark::line ? 1 : 0.55);
    }
  }
  if (s.mark != Mark::line) return out;
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", path,
                     colour) +
         out;
}

std::string draw_legend(const std::vector<Series>& series) {
  std::string out;
  double x = left;
  for (std::size_t i = 0; i < series.size(); ++i) {
    out += fmt::format("<rect x=\"{:.1f}\" y=\"26\" width=\"10\" height=\"10\" fill=\"{}\"/>\n", x,
                       colours[i % colours.size()]);
    out += text(x + 14, 35, series[i].name, "start", "font-size=\"11\"");
    x += 30 + 6.1 * double(app::display_width(series[i].name));
  }
  return out;
}

std::string draw_chart(const Chart& chart) {
  const Axes axes = axes_of(chart);
  std::string out = draw_axes(chart, axes) + draw_legend(chart.series);
  const auto is_bars = [](const Series& s) { return s.mark == Mark::bars; };
  const auto bars =
      static_cast<std::size_t>(std::count_if(chart.series.begin(), chart.series.end(), is_bars));
  const double room = 0.8 * (axes.x.at(1) - axes.x.at(0)) / double(std::max<std::size_t>(bars, 1));
  std::size_t bar = 0;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    out += draw_series(chart.series[i], axes, {i, bar, bars}, room);
    bar += is_bars(chart.series[i]);
  }
  return out;
}

}  // namespace

void write_charts(const std::filesystem::path& path, const std::vector<Chart>& charts) {
  std::string content;
  for (std::size_t i = 0; i < charts.size(); ++i) {
    content += fmt::format("<g transform=\"translate({:.0f} 0)\">\n{}</g>\n",
                           chart_width * double(i), draw_chart(charts[i]));
  }
  write_file_atomically(path, page(chart_width * double(charts.size()), height, content),
                        "picture");
}

void write_sheet(const std::filesystem::path& path, const std::vector<std::vector<Panel>>& rows,
                 int side) {
  constexpr double gap = 12, caption = 22;
  std::string content;
  double y = gap / 2, widest = 0;
  for (const std::vector<Panel>& row : rows) {
    double x = gap, tallest = 0;
    y += caption;
    for (const auto& [words, image] : row) {
      const double tall = double(side) * image.height / image.width;
      content += text(x, y - 7, words, "start");
      content += fmt::format(
          "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"image-rendering:pixelated\" "
          "href=\"data:image/png;base64,{}\"/>\n",
          x, y, side, tall, app::base64(app::encode_png(image)));
      x += side + gap;
      tallest = std::max(tallest, tall);
    }
    y += tallest;
    widest = std::max(widest, x);
  }
  write_file_atomically(path, page(widest, y + gap, content), "picture");
}

app::Image grey(const std::vector<float>& values, int width) {
  app::Image image(static_cast<int>(values.size()) / width, width);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool number = !std::isnan(values[i]);
    const auto value =
        static_cast<std::uint8_t>(number ? 255 * std::clamp(values[i], 0.f, 1.f) : 220);
    const std::uint8_t rgb[] = {value, number ? value : std::uint8_t{0}, value};
    std::copy_n(rgb, 3, &image.rgb[3 * i]);
  }
  return image;
}

}  // namespace telescope::lessons
