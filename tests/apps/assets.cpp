// SPDX-License-Identifier: MIT
#include "apps/assets.h"

#include <doctest.h>

#include <string>

using namespace telescope::app;

TEST_CASE("Chart.js is in the program, whole and safe to stand in a page") {
  const std::string chart(assets::chart_js);
  CHECK(chart.size() > 100000);
  CHECK(chart.find("Chart.js v") != std::string::npos);
  CHECK(chart.find("</script") == std::string::npos);  // would end the page's script early
}
