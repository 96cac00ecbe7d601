// SPDX-License-Identifier: MIT
#include "apps/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "apps/text.h"
#include "core/profile.h"

namespace telescope::app {
namespace {

// Whether the user's locale, as C libraries read it, can show more than ASCII.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
  }
  return false;
}

// A bar of `width` columns, filled to `share`; in eighths of a column where the terminal can.
std::string bar(double share, int width, bool unicode) {
  static constexpr std::array<const char*, 8> kEighths = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::clamp(share, 0.0, 1.0) * width * 8);
  std::string out;
  for (int i = 0; i < width; ++i) {
    const int filled = std::clamp(eighths - 8 * i, 0, 8);
    if (unicode) {
      out += filled == 8 ? "█" : kEighths[static_cast<std::size_t>(filled)];
    } else {
      out += filled >= 4 ? '#' : '.';
    }
  }
  return out;
}

}  // namespace

Progress::Progress(ProgressTotal total, const ProgressPoint& start, ProgressOptions options)
    : total_(std::move(total)), options_(std::move(options)), start_(start), now_(start) {
  if (!options_.clock) options_.clock = now_seconds;
  terminal_ = options_.terminal >= 0 ? options_.terminal == 1 : isatty(fileno(options_.file)) == 1;
  unicode_ = locale_is_utf8();
  started_ = options_.clock();
}

void Progress::update(const ProgressPoint& point) {
  if (finished_) return;
  now_ = point;
  unsaid_ = true;
  elapsed_ = options_.clock() - started_;
  const double pause = terminal_ ? options_.bar_seconds : options_.line_seconds;
  if (elapsed_ - shown_ < pause) return;
  shown_ = elapsed_;
  terminal_ ? draw_bar() : write_line();
}

// What stands behind the bar, or on a line.
std::string Progress::figures() const {
  const std::string loss = std::isnan(now_.loss) ? "nan" : format_value(now_.loss);
  std::string text = fmt::format("{}/{}  loss {}", now_.step, total_.steps, loss);
  const double done = now_.work_units - start_.work_units;
  if (elapsed_ <= 0 || done <= 0) return text;
  const auto images = static_cast<double>(now_.images - start_.images);
  text += fmt::format("  {} WU/s  {} images/s", format_value(done / elapsed_),
                      format_value(images / elapsed_));
  const double left = std::max(0.0, total_.work_units - now_.work_units);
  return text + fmt::format("  {} left", format_seconds(left / done * elapsed_));
}

int Progress::columns() const {
  if (options_.width > 0) return options_.width;
  winsize size = {};
  if (ioctl(fileno(options_.file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void Progress::draw_bar() {
  const std::string text = figures();
  // The last column stays free: some terminals wrap when it is written.
  const int columns = std::max(1, this->columns() - 1);
  const int room =
      columns - static_cast<int>(display_width(total_.label) + display_width(text)) - 4;
  std::string line = total_.label + "  ";
  if (room >= 5) {
    const double share = total_.work_units > 0 ? now_.work_units / total_.work_units : 0;
    line += bar(share, std::min(room, 40), unicode_) + "  ";
  }
  line += text;
  fmt::print(options_.file, "\r\x1b[K{}", clip(line, static_cast<std::size_t>(columns)));
  std::fflush(options_.file);
  drawn_ = true;
}

void Progress::write_line() {
  fmt::print(options_.file, "{}  {}\n", total_.label, figures());
  std::fflush(options_.file);
  unsaid_ = false;
}

void Progress::erase() {
  if (drawn_) fmt::print(options_.file, "\r\x1b[K");
  drawn_ = false;
}

void Progress::message(std::string_view text) {
  const bool redraw = drawn_;
  erase();
  fmt::print(options_.file, "{}\n", text);
  if (redraw && !finished_) draw_bar();
  std::fflush(options_.file);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  erase();
  if (!terminal_ && unsaid_) write_line();
  std::fflush(options_.file);
}

}  // namespace telescope::app
