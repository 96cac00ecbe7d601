// SPDX-License-Identifier: MIT
// The page of a study: what its figures say in sentences, then charts, tables and pictures. Plain
// values in, text out.
#pragma once

#include <string>
#include <vector>

#include "apps/report.h"

namespace telescope::app {

/// Points (x[i], y[i]) with standard errors error[i], which may be missing, joined by a line.
struct ChartLine {
  std::string label = {};
  std::vector<double> x = {}, y = {}, error = {};
  int colour = 0;  ///< lines of one section that have the same label have the same colour and dash
  bool dashed = false;
};

struct Chart {
  std::string title = {}, x_name = {};
  /// What stands at x = 0, 1, ...; empty: x are numbers.
  std::vector<std::string> places = {};
  bool log_x = false, log_y = false;
  bool bars = false;  ///< a bar for each point rather than lines; with `places`
  std::vector<ChartLine> lines = {};
};

struct StudyTable {
  std::string caption = {};
  std::vector<std::vector<std::string>> rows = {};  ///< the first is the header
};

struct StudySection {
  std::string title = {}, text = {};
  std::vector<Chart> charts = {};
  std::vector<Picture> pictures = {};
  std::vector<StudyTable> tables = {};
};

struct StudyPage {
  std::string title = {}, command_line = {};
  std::vector<std::string> lead = {};  ///< what the figures teach, a sentence each
  std::vector<StudySection> sections = {};
  NamedValues configuration = {}, environment = {};
};

/// No other file and no network needed. Error if lengths of a line differ or a picture is no PNG.
std::string render_html(const StudyPage& page);

}  // namespace telescope::app
