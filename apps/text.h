// SPDX-License-Identifier: MIT
// Numbers and words as people read them, and text made safe for HTML and CSV.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace telescope::app {

/// 28750 -> "28,750"; 1437.5 -> "1,437.5". Not finite: "-".
std::string format_count(double value);
/// Four significant digits without an exponent where that reads well: 0.0741, 17.35, 2.5e-07.
std::string format_value(double value);
/// Bytes in KiB, MiB or GiB: "201 MiB". Unknown (not finite or negative): "-".
std::string format_bytes(double bytes);
/// "0.84 s", "42.3 s", "2 min 05 s", "3 h 07 min".
std::string format_seconds(double seconds);
/// "16.7×", and "-" where there is nothing to compare with.
std::string format_factor(double factor);
/// A mean and its standard deviation over `count` values: "0.0741 ± 0.0013"; of one, only itself.
std::string format_spread(double mean, double deviation, int count);
/// The same of a factor: "3.6 ± 0.4×".
std::string format_factor_spread(double mean, double deviation, int count);

/// Columns a terminal needs for UTF-8 text: one a code point.
std::size_t display_width(std::string_view text);
/// The first `width` columns.
std::string_view clip(std::string_view text, std::size_t width);
/// The text with every byte that is not UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);
/// The word as a shell takes it: as it is, or in quotes.
std::string shell_word(std::string_view word);
/// The text with control characters, line breaks above all, as \x0a: a name cannot break a line.
std::string one_line(std::string_view text);
/// Text for HTML, inside elements and inside quoted attributes; control characters are dropped.
std::string escape_html(std::string_view text);
/// One field of a CSV file (RFC 4180): quoted where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);
std::string base64(std::string_view bytes);

/// Rows under their header in aligned columns, two spaces between them; the first column to the
/// left, the others (numbers) to the right. Columns that are "-" in every row but the first (the
/// header) are left out. Every line ends in a line break, none in a space.
std::string align_columns(const std::vector<std::vector<std::string>>& rows);

}  // namespace telescope::app
