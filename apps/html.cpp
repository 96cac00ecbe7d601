// SPDX-License-Identifier: MIT
#include "apps/html.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/text.h"
#include "core/error.h"

namespace telescope::app::html {
namespace {

std::vector<bool> filled_columns(const Cells& rows) {
  std::vector<bool> filled(rows.front().size());
  for (std::size_t r = 1; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < filled.size(); ++i) filled[i] = filled[i] || rows[r][i] != "-";
  }
  return filled;
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// JSON as it may stand inside a <script>: nothing in it can end the element.
std::string script_json(const nlohmann::json& json) {
  std::string out;
  for (const char c : json.dump()) {
    c == '<' ? out += "\\u003c" : out += c;
  }
  return out;
}

// Names and values under a heading; nothing for none.
std::string named_values(const char* title, const NamedValues& values) {
  if (values.empty()) return "";
  std::string out = fmt::format("<div><h3>{}</h3><dl>", title);
  for (const auto& [name, value] : values) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value));
  }
  return out + "</dl></div>\n";
}

double rounded(double value) {
  const std::string digits = fmt::format("{:.7g}", value);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

std::string table(const std::string& caption, const Cells& rows, const std::set<CellIndex>& best) {
  const std::vector<bool> filled = filled_columns(rows);
  const auto& header = rows.front();
  std::string out = "<table><caption>" + escape_html(caption) + "</caption><thead><tr>";
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (filled[i]) out += "<th scope=\"col\">" + escape_html(header[i]) + "</th>";
  }
  out += "</tr></thead><tbody>";
  for (std::size_t r = 1; r < rows.size(); ++r) {
    out += "<tr><th scope=\"row\">" + escape_html(rows[r].front()) + "</th>";
    for (std::size_t i = 1; i < header.size(); ++i) {
      if (!filled[i]) continue;
      const std::string text = escape_html(rows[r][i]);
      out += fmt::format("<td data-label=\"{}\">{}</td>", escape_html(header[i]),
                         best.contains({r, i}) ? "<strong>" + text + "</strong>" : text);
    }
    out += "</tr>";
  }
  return out + "</tbody></table>\n";
}

std::string figure(const Picture& picture) {
  // The size stands in the first chunk, IHDR.
  TELESCOPE_CHECK(picture.png.size() > 24 && picture.png.starts_with("\x89PNG\r\n\x1a\n"), "page",
                  "the picture '{}' is not a PNG file", picture.caption);
  const std::uint32_t width = big_endian(picture.png, 16), height = big_endian(picture.png, 20);
  const std::uint32_t zoom = std::clamp(600 / std::max(width, 1U), 1U, 4U);
  return fmt::format(
      "<figure><img alt=\"{}\" width=\"{}\" height=\"{}\" src=\"data:image/png;base64,{}\">"
      "<figcaption>{}</figcaption></figure>\n",
      escape_html(picture.alt.empty() ? picture.caption : picture.alt), std::uint64_t{zoom} * width,
      std::uint64_t{zoom} * height, base64(picture.png), escape_html(picture.caption));
}

std::string how_it_was_run(const std::string& command_line, const NamedValues& configuration,
                           const NamedValues& environment) {
  return "<section id=\"run\"><h2>How it was run</h2>\n<pre tabindex=\"0\"><code>" +
         escape_html(command_line) + "</code></pre>\n<div class=\"columns\">" +
         named_values("Configuration", configuration) + named_values("Environment", environment) +
         "</div></section>\n";
}

nlohmann::json numbers(const std::vector<double>& values) {
  nlohmann::json list = nlohmann::json::array();
  for (const double v : values) {
    list.push_back(std::isfinite(v) ? nlohmann::json(rounded(v)) : nlohmann::json(nullptr));
  }
  return list;
}

std::string page(const Page& page, const nlohmann::json& data) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>" +
      escape_html(page.title) + "</title>\n";
  for (const std::string_view style : page.styles) {
    out += "<style>\n" + std::string(style) + "</style>\n";
  }
  out += "</head>\n<body>\n" + page.body;
  out += "<script type=\"application/json\" id=\"data\">" + script_json(data) + "</script>\n";
  for (const std::string_view script : page.scripts) {
    out += "<script>\n" + std::string(script) + "\n</script>\n";
  }
  return out + "</body>\n</html>\n";
}

}  // namespace telescope::app::html
