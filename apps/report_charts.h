// SPDX-License-Identifier: MIT
// The charts of a report's page: the places they are drawn in, and the figures they are drawn from
// by apps/report/page.js.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "apps/report.h"

namespace telescope::app {

/// A section for each group of curves, with its canvases.
std::string chart_sections(const Report& report);
/// Error if a curve's lengths differ.
nlohmann::json chart_data(const Report& report);

/// Curves of the same label and panel that have their points after the same steps, as one: their
/// mean, and where they are two or more, the lowest and the highest value. Others stay as they are.
struct Band {
  Curve mean;
  std::vector<double> low = {}, high = {};
};
std::vector<Band> bands_of(const std::vector<Curve>& curves);

}  // namespace telescope::app
