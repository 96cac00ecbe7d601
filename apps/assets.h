// SPDX-License-Identifier: MIT
// Text files that the build puts into the program, so that an installed one needs no others.
#pragma once

#include <string_view>

namespace telescope::app::assets {

/// Chart.js (https://www.chartjs.org, MIT), minified, from the system's package.
extern const std::string_view chart_js;
/// The look and the charts of a report's page: apps/report/page.css and page.js.
extern const std::string_view page_css, page_js;
/// What the page of a study adds to it, and its charts: apps/report/study.css and study.js.
extern const std::string_view study_css, study_js;

}  // namespace telescope::app::assets
