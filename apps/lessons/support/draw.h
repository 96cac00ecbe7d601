// SPDX-License-Identifier: MIT
// Charts and sheets of pictures as SVG: text, so that they print well and a browser shows them.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "apps/image.h"

namespace telescope::lessons {

enum class Mark { line, points, bars };

/// Values y over x, drawn and named in one colour.
struct Series {
  std::string name;
  std::vector<double> x, y;
  Mark mark = Mark::line;
};

/// Axes reach as far as the values; what has no logarithm is left out on the logarithmic axis.
struct Chart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  bool log_y = false;
  std::vector<double> y_includes = {};    ///< values the axis reaches in any case
  std::vector<std::string> x_names = {};  ///< stand at x = 0, 1, ... instead of numbers
  std::vector<std::pair<double, std::string>> events = {};  ///< dashed lines at x, with a word
};

/// One page with the charts beside each other. Error if the x and y of a series differ in number or
/// there is nothing to draw; written whole or not at all.
void write_charts(const std::filesystem::path& path, const std::vector<Chart>& charts);

/// A picture of a sheet with a line of text above it.
struct Panel {
  std::string caption;
  app::Image image;
};
/// Pictures in rows, each drawn `side` wide with its pixels as squares: a coarse image fills as much
/// room as a fine one.
void write_sheet(const std::filesystem::path& path, const std::vector<std::vector<Panel>>& rows,
                 int side = 200);

/// Values from 0 (black) to 1 (white), row by row; magenta where one is not a number.
app::Image grey(const std::vector<float>& values, int width);

}  // namespace telescope::lessons
