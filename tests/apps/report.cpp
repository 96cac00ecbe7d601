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
  return rows;
}

std::vector<Versus> versus() {
  std::vector<Versus> all(2);
  all[0] = {.strategy = "single scale",
            .baseline = "single scale",
            .seeds = 1,
            .work_speedup = 1,
            .time_speedup = 1,
            .mse_ratio = 1,
            .mse_difference = 0,
            .reached = 1,
            .reach_work_units = 23000,
            .reach_seconds = 96,
            .reach_work_speedup = 1,
            .reach_time_speedup = 1};
  all[1] = {.strategy = "Full-Multiscale",
            .baseline = "single scale",
            .seeds = 3,
            .work_speedup = 16.7,
            .time_speedup = 12.5,
            .mse_ratio = 1.007,
            .mse_ratio_spread = 0.018,
            .mse_difference = 0.0005,
            .mse_difference_spread = 0.0013};
  return all;
}

Report report() {
  Report r;
  r.title = "A run";
  r.command_line = "telescope compare";
  r.strategies = rows();
  r.versus = versus();
  r.validation = {{"single scale", "", {1, 2}, {10, 20}, {0.1, 0.2}, {1e9, 2e9}, {0.5, 0.25}}};
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

TEST_CASE("the tables line up and say what was not measured") {
  CHECK("\n" + format_tables(report()) == R"(
Strategy              WU        Time  Peak memory              MSE   PSNR
single scale      24,000  1 min 40 s            -          0.07360      -
Full-Multiscale  1,437.5      8.00 s      1.0 MiB  0.0741 ± 0.0013  11.30

against single scale
Strategy             MSE ratio    MSE difference  Fewer WU  Faster  WU to its loss  Fewer WU to its loss  Time to its loss  Faster to its loss
single scale             1.000                 0     1.00×   1.00×          23,000                 1.00×        1 min 36 s               1.00×
Full-Multiscale  1.007 ± 0.018  +0.0005 ± 0.0013     16.7×   12.5×     not reached           not reached       not reached         not reached
)");
}

TEST_CASE("work to the baseline's loss: a factor, a bound, some seeds, or none") {
  Report r = report();
  Versus& v = r.versus[1];
  v.reach_work_units = 1200.4, v.reach_work_speedup = 20, v.reach_work_speedup_spread = 1.5;
  v.reached = 3;
  CHECK(versus_cells(r, "single scale")[2][5] == "1,200");
  CHECK(versus_cells(r, "single scale")[2][6] == "20.0 ± 1.5×");
  CHECK(versus_cells(r, "single scale")[2][7] == "-");
  v.at_once = true;
  CHECK(versus_cells(r, "single scale")[2][5] == "≤ 1,200");
  CHECK(versus_cells(r, "single scale")[2][6] == "≥ 20.0 ± 1.5×");
  v.reached = 2;
  CHECK(versus_cells(r, "single scale")[2][6] == "2 of 3 seeds");
  v.seeds = 0;
  CHECK(versus_cells(r, "single scale")[2][6] == "-");
  r.target = 0.07;
  CHECK(versus_cells(r, "single scale")[0][5] == "WU to target");
  CHECK(holds(versus_caption(r, "single scale"), "MSE of 0.07000"));
  CHECK(versus_cells(r, "none").size() == 1);
}

TEST_CASE("CSV and JSON leave empty what was not measured, and quote") {
  Report r = report();
  r.strategies[0].name = r.versus[0].strategy = "single, \"big\"";
  r.strategies[1].remark = "seed 1 diverged at step 3";
  const std::string csv = to_csv(r);
  CHECK(csv.starts_with(
      "strategy,seeds,remark,steps,work_units,work_units_spread,seconds,seconds_spread,flop,"
      "peak_memory_bytes,mse,mse_spread,psnr,psnr_spread,ssim,ssim_spread,"
      "work_speedup against single scale,"));
  CHECK(holds(
      csv, "\n\"single, \"\"big\"\"\",1,,,24000,,100,,,,0.0736,,,,,,1,1,1,,0,,23000,,96,,1,,1,\n"));
  CHECK(holds(csv,
              "\nFull-Multiscale,3,seed 1 diverged at step 3,,1437.5,,8,,,1048576,0.0741,0.0013,"
              "11.3,,,,16.7,12.5,1.007,0.018,0.0005,0.0013,,,,,,,,\n"));
  r.title = "\xFF";  // not UTF-8
  const auto json = to_json(r);
  CHECK(json["title"] == "\xEF\xBF\xBD");
  CHECK(json["strategies"][0]["psnr"].is_null());
  CHECK(json["strategies"][1]["work_units"] == 1437.5);
  CHECK(json["versus"][1]["mse_ratio"] == 1.007);
  CHECK(json["versus"][1]["reach_work_units"].is_null());
  CHECK(json["validation"][0]["value"] == std::vector<double>{0.5, 0.25});
  CHECK(json["configuration"]["model"] == "resnet");
  CHECK_FALSE(json.dump().empty());
}

TEST_CASE("the page says in sentences which strategy came lowest, and against what") {
  Report r = report();
  r.strategies[0].mse = 0.08;
  Versus& v = r.versus[1];
  v.reached = 3, v.reach_work_speedup = 20, v.reach_work_speedup_spread = 1.5;
  v.reach_time_speedup = 0.5;
  CHECK(
      holds(render_html(r),
            "Full-Multiscale ended at the lowest validation MSE, 0.0741 ± 0.0013. Against single "
            "scale: 1.007 ± 0.018 times its MSE after 16.7× fewer work units and 12.5× less time; "
            "it reached that loss with 20.0 ± 1.5× fewer work units and in 2.00× the time."));
  v.at_once = true;
  CHECK(holds(render_html(r), "with at least 20.0 ± 1.5× fewer work units and in"));
  v.reached = 1;
  CHECK(holds(render_html(r), "; 1 of 3 seeds reached that loss."));
  v.reached = 0;
  CHECK(holds(render_html(r), "; it did not reach that loss."));
  r.budget = "24,000 WU";
  CHECK(holds(render_html(r), "At 24,000 WU each: Full-Multiscale ended at"));
  CHECK_FALSE(holds(render_html(r), "times its MSE after"));
  r.strategies[0].mse = 0.07;
  CHECK(holds(render_html(r),
              "the baseline single scale ended at the lowest validation MSE, "
              "0.07000; of the others, Full-Multiscale ended at 0.0741"));
  CHECK(holds(render_html(r), "Means over 1 to 3 seeds"));
  r.strategies[1].seeds = 1;
  CHECK(holds(render_html(r), "One seed: no spread is known."));
}

TEST_CASE("the page holds everything and asks for nothing") {
  const std::string page = render_html(report());
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(holds(page, std::string(assets::chart_js)));
  CHECK(holds(page, "<h2>Against single scale</h2>"));
  CHECK(holds(page,
              "<img alt=\"degraded | restored | clean\" width=\"12\" height=\"8\" "
              "src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAMAAAAC"));
  CHECK(count(page, "<canvas") == 6);
  CHECK(count(page, "aria-label=") == 6);
  CHECK(count(page, "data-axis=\"flop\"") == 1);
  CHECK(count(page, "<th scope=\"row\">") == 5);
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
  r.versus[1].strategy = r.versus[1].baseline = r.strategies[1].remark = evil;
  r.variances = {r.validation[0]};
  r.variances[0].panel = evil;
  const std::string page = render_html(r);
  CHECK(count(page, "<script") == scripts);
  CHECK_FALSE(holds(page, "<script>alert"));
  CHECK_FALSE(holds(page, "<img src=x"));
  CHECK(data_of(page)["training"]["curves"][0]["label"] == evil);
}

TEST_CASE("curves: gaps stay gaps, long ones are thinned, unequal ones are refused") {
  Report r = report();
  r.validation[0].value[0] = kUnmeasured;
  Curve& curve = r.training[0];
  curve = {"long", "", {}, {}, {}, {}, {}};
  for (int i = 1; i <= 100000; ++i) {
    curve.steps.push_back(i);
    curve.value.push_back(i % 2);  // the mean of neighbours is a half
  }
  const auto data = data_of(render_html(r));
  CHECK(data["validation"]["curves"][0]["value"][0].is_null());
  const auto steps = data["training"]["curves"][0]["steps"].get<std::vector<double>>();
  const auto value = data["training"]["curves"][0]["value"].get<std::vector<double>>();
  CHECK(steps.size() == value.size());
  CHECK(steps.size() <= 1000);
  CHECK(steps.size() > 900);
  CHECK(steps.back() == 100000);
  CHECK(value[500] == doctest::Approx(0.5).epsilon(0.01));
  CHECK(data["training"]["curves"][0]["seconds"].empty());

  curve.value.pop_back();
  CHECK(error_of([&] { render_html(r); }) ==
        "report: curve 'long' has 99999 values and 100000 places on an axis");
}

TEST_CASE("a page of nothing is a page; a picture that is none is refused") {
  CHECK(holds(render_html(Report{.title = "empty"}), "<h1>empty</h1>"));
  Report r = report();
  r.pictures[0].png = "GIF89a, and more than the twenty-four bytes of a front";
  CHECK(error_of([&] { render_html(r); }) ==
        "page: the picture 'degraded | restored | clean' is not a PNG file");
}
