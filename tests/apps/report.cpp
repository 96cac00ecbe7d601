// SPDX-License-Identifier: MIT
#include "apps/report.h"

#include <nlohmann/json.hpp>

#include "apps/assets.h"
#include "core/error.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::app;
using telescope::test::error_of;

namespace {

// The signature and the front of IHDR: 3 by 2 pixels. A report reads no more of it.
std::string png() {
  using namespace std::string_literals;
  return "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0"s;
}

std::vector<StrategyRow> rows() {
  std::vector<StrategyRow> rows(2);
  rows[0] = {.name = "single scale", .work_units = 24000, .seconds = 100, .mse = 0.0736};
  rows[1].name = "Full-Multiscale";
  rows[1].work_units = 1437.5;
  rows[1].seconds = 8;
  rows[1].peak_memory_bytes = 1 << 20;
  rows[1].mse = 0.0741;
  rows[1].psnr = 11.3;
  rows[1].seeds = 3;
  rows[1].mse_spread = 0.0013;
  compare_with(rows, "single scale");
  return rows;
}

Report report() {
  Report r;
  r.title = "A run";
  r.command_line = "telescope compare";
  r.strategies = rows();
  r.validation = {{"single scale", {1, 2}, {10, 20}, {0.1, 0.2}, {0.5, 0.25}}};
  r.training = r.validation;
  r.meshes = {{.strategy = "MGE", .mesh = 1, .size = 32, .flop = 2e9}};
  r.pictures = {{png(), "degraded | restored | clean", ""}};
  r.configuration = {{"model", "resnet"}};
  r.environment = {{"threads", "2"}};
  return r;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

bool holds(const std::string& text, const std::string& what) { return count(text, what) > 0; }

// The JSON that the page's charts are drawn from.
nlohmann::json data_of(const std::string& page) {
  const std::string open = "id=\"data\">";
  const std::size_t begin = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

}  // namespace

TEST_CASE("the table of strategies lines up and says what was not measured") {
  CHECK("\n" + format_table(rows()) == R"(
strategy              WU        time  peak memory              MSE   PSNR  fewer WU  less time
single scale      24,000  1 min 40 s            -          0.07360      -     1.00x      1.00x
Full-Multiscale  1,437.5      8.00 s      1.0 MiB  0.0741 ± 0.0013  11.30     16.7x      12.5x
)");
}

TEST_CASE("CSV and JSON leave empty what was not measured, and quote") {
  auto two = rows();
  two[0].name = "single, \"big\"";
  CHECK(to_csv(two) ==
        "strategy,work_units,seconds,peak_memory_bytes,mse,mse_spread,psnr,psnr_spread,seeds,"
        "baseline,work_speedup,time_speedup\n"
        "\"single, \"\"big\"\"\",24000,100,,0.0736,,,,1,single scale,1,1\n"
        "Full-Multiscale,1437.5,8,1048576,0.0741,0.0013,11.3,,3,single scale,16.695652173913043,"
        "12.5\n");
  Report r = report();
  r.title = "\xFF";  // not UTF-8
  const auto json = to_json(r);
  CHECK(json["title"] == "\xEF\xBF\xBD");
  CHECK(json["strategies"][0]["psnr"].is_null());
  CHECK(json["strategies"][1]["work_units"] == 1437.5);
  CHECK(json["validation"][0]["value"] == std::vector<double>{0.5, 0.25});
  CHECK(json["configuration"]["model"] == "resnet");
  CHECK_FALSE(json.dump().empty());
}

TEST_CASE("a speed-up needs its baseline") {
  auto two = rows();
  CHECK(error_of([&] { compare_with(two, "none"); }) ==
        "report: no strategy 'none' to compare with");
  two[1].work_units = 0;
  compare_with(two, "single scale");
  CHECK_FALSE(two[1].work_speedup == two[1].work_speedup);  // not a number
}

TEST_CASE("the page holds everything and asks for nothing") {
  const std::string page = render_html(report());
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(holds(page, std::string(assets::chart_js)));
  CHECK(holds(page,
              "Full-Multiscale: 16.7× fewer work units and 12.5× less time than single "
              "scale, at an MSE of 0.0741 ± 0.0013 against 0.07360."));
  CHECK(holds(page,
              "<img alt=\"degraded | restored | clean\" width=\"12\" height=\"8\" "
              "src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAMAAAAC"));
  CHECK(count(page, "<canvas") == 6);
  CHECK(count(page, "aria-label=") == 6);
  CHECK(count(page, "<th scope=\"row\">") == 3);
  CHECK(holds(page, "1 (32×32)"));
  CHECK_FALSE(holds(page, "Gradient norm"));  // of no row
  CHECK(holds(page, "<dt>threads</dt><dd>2</dd>"));
  // No address anywhere outside Chart.js, whose comments have some; nothing that loads.
  std::string own = page;
  own.erase(own.find(assets::chart_js), assets::chart_js.size());
  const std::string name = "\"http://www.w3.org/2000/svg\"";  // never fetched
  while (holds(own, name)) own.erase(own.find(name), name.size());
  CHECK_FALSE(holds(own, "http:"));
  CHECK_FALSE(holds(own, "https:"));
  CHECK_FALSE(holds(own, "<link"));
  CHECK_FALSE(holds(own, "@import"));
  CHECK_FALSE(holds(own, "src=\"/"));
}

TEST_CASE("no name can break out of the page") {
  const std::string evil = "\"'></script><script>alert(1)</script><img src=x onerror=alert(2)>";
  Report r = report();
  const std::size_t scripts = count(render_html(r), "<script");
  r.title = r.command_line = r.training_name = r.validation_name = evil;
  r.strategies[1].name = r.training[0].label = r.validation[0].label = evil;
  r.meshes[0].strategy = r.pictures[0].caption = r.pictures[0].alt = evil;
  r.configuration = r.environment = {{evil, evil}};
  compare_with(r.strategies, evil);
  const std::string page = render_html(r);
  CHECK(count(page, "<script") == scripts);
  CHECK_FALSE(holds(page, "<script>alert"));
  CHECK_FALSE(holds(page, "<img src=x"));
  CHECK(data_of(page)["training"][0]["label"] == evil);
}

TEST_CASE("curves: gaps stay gaps, long ones are thinned, unequal ones are refused") {
  Report r = report();
  r.validation[0].value[0] = kUnmeasured;
  Curve& curve = r.training[0];
  curve = {"long", {}, {}, {}, {}};
  for (int i = 1; i <= 100000; ++i) {
    curve.steps.push_back(i);
    curve.value.push_back(i % 2);  // the mean of neighbours is a half
  }
  const auto data = data_of(render_html(r));
  CHECK(data["validation"][0]["value"][0].is_null());
  const auto steps = data["training"][0]["steps"].get<std::vector<double>>();
  const auto value = data["training"][0]["value"].get<std::vector<double>>();
  CHECK(steps.size() == value.size());
  CHECK(steps.size() <= 1000);
  CHECK(steps.size() > 900);
  CHECK(steps.back() == 100000);
  CHECK(value[500] == doctest::Approx(0.5).epsilon(0.01));
  CHECK(data["training"][0]["seconds"].empty());

  curve.value.pop_back();
  CHECK(error_of([&] { render_html(r); }) ==
        "report: curve 'long' has 99999 values and 100000 places on an axis");
}

TEST_CASE("a page of nothing is a page; a picture that is none is refused") {
  CHECK(holds(render_html(Report{.title = "empty"}), "<h1>empty</h1>"));
  Report r = report();
  r.pictures[0].png = "GIF89a, and more than the twenty-four bytes of a front";
  CHECK(error_of([&] { render_html(r); }) ==
        "report: the picture 'degraded | restored | clean' is not a PNG file");
}
