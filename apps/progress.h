// SPDX-License-Identifier: MIT
// How far a run is: a bar on a terminal, plain lines now and then elsewhere.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace telescope::app {

/// Where a run stands after a step. Counts are from the run's beginning, resumed or not.
struct ProgressPoint {
  std::int64_t step = 0;
  double loss = 0;
  double work_units = 0;  ///< images on mesh 0, or as many on coarser meshes as cost the same
  std::int64_t images = 0;
};

/// The whole of the run. Time left is told from work units, as steps differ in cost between stages.
struct ProgressTotal {
  std::string label;  ///< "full-multiscale"
  std::int64_t steps = 0;
  double work_units = 0;
};

/// How and where progress shows. The defaults are standard error, as it is.
struct ProgressOptions {
  std::FILE* file = stderr;
  int terminal = -1;              ///< 1 draws a bar, 0 writes lines, -1 asks the file
  int width = 0;                  ///< columns of the terminal; 0 asks it at every draw
  double bar_seconds = 0.1;       ///< between two draws of the bar
  double line_seconds = 5;        ///< between two lines
  std::function<double()> clock;  ///< seconds; the steady clock if empty
};

/// Shows one run. Nothing is left of the bar once finished or destroyed.
class Progress {
 public:
  Progress(ProgressTotal total, const ProgressPoint& start, ProgressOptions options = {});
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Call after every step: costs a reading of the clock unless it is time to draw.
  void update(const ProgressPoint& point);
  /// A line of its own above the bar; ends with a line break by itself.
  void message(std::string_view text);
  /// Erases the bar, or writes the last line. Later calls do nothing.
  void finish();

 private:
  void draw_bar();
  void write_line();
  void erase();
  std::string figures() const;
  int columns() const;

  ProgressTotal total_;
  ProgressOptions options_;
  ProgressPoint start_, now_;
  double started_ = 0, elapsed_ = 0, shown_ = 0;
  bool terminal_ = false, unicode_ = false, drawn_ = false, unsaid_ = false, finished_ = false;
};

}  // namespace telescope::app
