// SPDX-License-Identifier: MIT
// The parts that pages are made of. All text that comes in is made safe here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/report.h"

namespace telescope::app::html {

/// Rows under their header, which is the first; what each row is about stands in its first cell.
/// Columns that are "-" in every row are left out.
std::string table(const std::string& caption, const std::vector<std::vector<std::string>>& rows);

/// A figure with its caption; small pictures are shown larger, pixel by pixel. Error unless it is a
/// PNG.
std::string figure(const Picture& picture);

/// Names and values under a heading; nothing for none.
std::string named_values(const std::string& title, const NamedValues& values);

/// A whole page that asks for no other file, and whose browser refuses them all. `data` is what the
/// scripts find under the id "data".
struct Page {
  std::string title, body;  ///< title: text; body: HTML
  std::vector<std::string_view> styles, scripts;
};
std::string page(const Page& page, const nlohmann::json& data);

}  // namespace telescope::app::html
