// SPDX-License-Identifier: MIT
#include "apps/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace telescope::app {
namespace {

constexpr const char* kUnknown = "-";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of the code point at the front of `text`; 0 if it is not well-formed UTF-8.
std::size_t code_point_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  const bool bad = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                   (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return bad ? 0 : length;
}

}  // namespace

std::string format_count(double value) {
  if (!std::isfinite(value)) return kUnknown;
  const double rounded = std::round(std::abs(value) * 10) / 10;
  std::string digits = fmt::format("{:.1f}", rounded);
  std::string tail = digits.substr(digits.size() - 2);
  digits.resize(digits.size() - 2);
  if (tail == ".0") tail.clear();
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return (value < 0 && rounded > 0 ? "-" : "") + digits + tail;
}

std::string format_value(double value) {
  if (std::isnan(value)) return kUnknown;
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size < 1e-4 || size >= 1e6) return fmt::format("{:.3g}", value);
  // Digits behind the point so that four count: 0.07412 has five, 17.35 two.
  const int decimals = std::max(0, 3 - static_cast<int>(std::floor(std::log10(size))));
  return fmt::format("{:.{}f}", value, std::min(decimals, 6));
}

std::string format_bytes(double bytes) {
  if (!std::isfinite(bytes) || bytes < 0) return kUnknown;
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, unit > 0 && bytes < 10 ? 1 : 0, kUnits[unit]);
}

std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return kUnknown;
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  if (seconds > 1e9) return kUnknown;
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string format_factor(double factor) {
  if (!std::isfinite(factor) || factor <= 0) return kUnknown;
  return fmt::format("{:.{}f}×", factor, factor < 9.995 ? 2 : factor < 99.95 ? 1 : 0);
}

std::string format_spread(double mean, double deviation, int count) {
  if (count < 2 || !std::isfinite(deviation) || deviation <= 0) return format_value(mean);
  // Two digits of the deviation, and as many decimals of the mean.
  const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(deviation))), 0, 9);
  return fmt::format("{:.{}f} ± {:.{}f}", mean, decimals, deviation, decimals);
}

std::string format_factor_spread(double mean, double deviation, int count) {
  if (!std::isfinite(mean) || count < 2 || !(deviation > 0)) return format_factor(mean);
  return format_spread(mean, deviation, count) + "×";
}

std::size_t display_width(std::string_view text) {
  return text.size() -
         static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_continuation));
}

std::string_view clip(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  while (end < text.size()) {
    if (!is_continuation(text[end]) && width-- == 0) break;
    ++end;
  }
  return text.substr(0, end);
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = code_point_length(text);
    out += length > 0 ? text.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view plain = "%+,-./0123456789:=@_";
  const bool as_it_is = !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || plain.find(c) != plain.npos ||
           static_cast<unsigned char>(c) >= 0x80;
  });
  if (as_it_is) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) c == '\'' ? quoted += "'\\''" : quoted += c;
  return quoted + "'";
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

std::string align_columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  std::vector<bool> shown;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    shown.resize(widths.size(), rows.size() == 1);
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
      if (&row != &rows.front() && row[i] != kUnknown) shown[i] = true;
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!shown[i]) continue;
      const std::string padding(widths[i] - display_width(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (i > 0 ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace telescope::app
