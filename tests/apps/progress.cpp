// SPDX-License-Identifier: MIT
#include "apps/progress.h"

#include <doctest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>

#include "apps/text.h"

using namespace telescope::app;

namespace {

// A progress that writes into memory, under a clock that only moves when told.
struct Watched {
  explicit Watched(int terminal, int width = 80, ProgressPoint start = {}) {
    setenv("LC_ALL", "C.UTF-8", 1);
    ProgressOptions options;
    options.file = open_memstream(&text, &size);
    options.terminal = terminal;
    options.width = width;
    options.clock = [this] { return now; };
    file = options.file;
    progress.emplace(ProgressTotal{"mge", 100, 200}, start, options);
  }
  ~Watched() {
    progress.reset();
    std::fclose(file);
    std::free(text);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  std::string written() const { return {text, size}; }

  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* file = nullptr;
  double now = 1000;
  std::optional<Progress> progress;
};

// What a terminal shows on its last line after `written`.
std::string screen(const std::string& written) {
  std::string line;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '\n') {
      line.clear();
    } else if (written.compare(i, 4, "\r\x1b[K") == 0) {
      line.clear();
      i += 3;
    } else {
      line += written[i];
    }
  }
  return line;
}

}  // namespace

TEST_CASE("elsewhere than on a terminal: a line every few seconds, and the last one") {
  Watched w(0);
  w.now += 1;
  w.progress->update({.step = 1, .loss = 0.5, .work_units = 2, .images = 30});
  CHECK(w.written().empty());
  w.now += 4;
  w.progress->update({.step = 5, .loss = 0.25, .work_units = 10, .images = 150});
  CHECK(w.written() == "mge  5/100  loss 0.2500  2.000 WU/s  30.00 images/s  1 min 35 s left\n");
  w.now += 1;
  w.progress->update({.step = 6, .loss = 0.2, .work_units = 12, .images = 180});
  w.progress->message("kept");
  w.progress->finish();
  w.progress->finish();
  w.progress->update({.step = 7});
  const std::string all = w.written();
  CHECK(all.substr(all.find('\n') + 1) ==
        "kept\nmge  6/100  loss 0.2000  2.000 WU/s  30.00 images/s  1 min 34 s left\n");
}

TEST_CASE("on a terminal: one line that fits, a few draws a second, nothing left of it") {
  for (const int width : {1, 7, 30, 60, 80, 300}) {
    CAPTURE(width);
    Watched w(1, width);
    for (int step = 1; step <= 50; ++step) {
      w.now += 0.01;  // a hundred steps a second, ten draws
      w.progress->update({.step = step, .loss = 0.1, .work_units = 2.0 * step, .images = 1});
      CHECK(display_width(screen(w.written())) < static_cast<std::size_t>(std::max(width, 2)));
    }
    std::size_t draws = 0;
    for (const char c : w.written()) draws += c == '\r';
    CHECK(draws <= 6);
    CHECK(draws >= 4);
    CHECK(w.written().find('\n') == std::string::npos);
    w.progress->message("a line");
    CHECK(w.written().find("\r\x1b[Ka line\n") != std::string::npos);
    CHECK_FALSE(screen(w.written()).empty());
    w.progress->finish();
    CHECK(screen(w.written()).empty());
  }
}

TEST_CASE("the bar shows the share of the work, in eighths of a column") {
  Watched w(1, 300);
  w.now += 1;
  w.progress->update({.step = 10, .loss = 1, .work_units = 50.5, .images = 10});
  // 50.5 of 200 WU are 10.1 of 40 columns.
  const std::string line = screen(w.written());
  CHECK(line.starts_with("mge  ██████████"));
  CHECK(line.find("█") == 5);
  CHECK(line.find("10/100  loss 1.000") != std::string::npos);
  setenv("LC_ALL", "C", 1);
}

TEST_CASE("a resumed run tells its own speed") {
  Watched w(0, 80, {.step = 50, .loss = 0, .work_units = 100, .images = 1000});
  w.now += 10;
  w.progress->update({.step = 60, .loss = 0.5, .work_units = 120, .images = 1100});
  CHECK(w.written() == "mge  60/100  loss 0.5000  2.000 WU/s  10.00 images/s  40.0 s left\n");
}

TEST_CASE("a loss that is not a number is shown as one") {
  Watched w(0);
  w.now += 5;
  w.progress->update({.step = 1, .loss = std::numeric_limits<double>::quiet_NaN()});
  CHECK(w.written() == "mge  1/100  loss nan\n");
}
