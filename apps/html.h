// SPDX-License-Identifier: MIT
// The parts that pages are made of. All text that comes in is made safe here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/report.h"

namespace telescope::app::html {

/// A cell by its row and column.
using CellIndex = std::pair<std::size_t, std::size_t>;

/// Rows under their header, which is the first; what each row is about stands in its first cell.
/// Columns that are "-" in every row are left out. Cells in `best` stand out.
std::string table(const std::string& caption, const Cells& rows,
                  const std::set<CellIndex>& best = {});

/// A figure with its caption; small pictures are shown larger, pixel by pixel. Error unless it is a
/// PNG.
std::string figure(const Picture& picture);

/// The section at the end of a page: the command line, what it stood for, and where it ran.
std::string how_it_was_run(const std::string& command_line, const NamedValues& configuration,
                           const NamedValues& environment);

/// A list for the charts' scripts: seven digits, more than a screen has pixels; null for what is
/// not finite.
nlohmann::json numbers(const std::vector<double>& values);

/// A whole page that asks for no other file, and whose browser refuses them all. `data` is what the
/// scripts find under the id "data".
struct Page {
  std::string title, body;  ///< title: text; body: HTML
  std::vector<std::string_view> styles, scripts;
};
std::string page(const Page& page, const nlohmann::json& data);

}  // namespace telescope::app::html
