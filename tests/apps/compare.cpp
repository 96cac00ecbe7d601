// SPDX-License-Identifier: MIT
// telescope compare from outside: budgets, interruption, divergence; and what ends a run early.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "apps/run.h"
#include "apps/summary.h"
#include "core/file.h"
#include "support/compare.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

// A comparison small enough for a test.
std::vector<std::string> small_compare(const fs::path& out, const std::vector<std::string>& more) {
  std::vector<std::string> all = {TELESCOPE_PROGRAM, "compare"};
  for (const char* option : {"--hidden=8", "--blocks=1", "--size=16", "--levels=2", "--batch=2",
                             "--validation-images=2"}) {
    all.emplace_back(option);
  }
  all.insert(all.end(), {"--out", out.string()});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

nlohmann::json results_of(const fs::path& out) {
  return nlohmann::json::parse(read_text_file(out / "results.json"));
}

nlohmann::json compared(const fs::path& out, const std::vector<std::string>& more) {
  const Outcome outcome = run_program(small_compare(out, more));
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  return results_of(out);
}

RunOptions small_run() {
  RunOptions options;
  options.hidden = 8, options.blocks = 1, options.size = 16, options.levels = 2;
  options.batch = {2}, options.validation_images = 2, options.steps = 12;
  resolve(options);
  return options;
}

}  // namespace

TEST_CASE("every strategy keeps to the budget of work units, over the seeds") {
  const TemporaryFolder folder;
  const auto results = compared(
      folder / "a", {"--budget-wu", "61", "--seeds", "2", "--measure-every", "4", "--strategies",
                     "single-scale,single-scale-small,mge,full-multiscale,random-resizing"});
  CHECK(results["budget"] == "61 WU");
  CHECK(results["strategies"].size() == 5);
  for (const auto& row : results["strategies"]) {
    CAPTURE(row.dump());
    if (row["name"] != "random-resizing") {  // which is so on average
      CHECK(row["work_units"] <= 61);
      CHECK(row["work_units"] > 61 - 6);  // the dearest step is one of single-scale
    }
    CHECK(row["seeds"] == 2);
    CHECK(row["mse_spread"] > 0);
    CHECK(row["flop"] > 0);
    CHECK(row["ssim"].is_number());
    CHECK(row["remark"] == "");
  }
  // Each strategy against both single scales.
  REQUIRE(results["versus"].size() == 10);
  CHECK(results["versus"][2]["strategy"] == "mge");
  CHECK(results["versus"][2]["baseline"] == "single-scale");
  CHECK(results["versus"][7]["baseline"] == "single-scale-small");
  CHECK(results["versus"][0]["mse_ratio"] == 1);
  CHECK(results["versus"][0]["reach_work_speedup"] == 1);
  // Seen on every mesh of every strategy.
  CHECK(results["variances"].size() == 2 * (1 + 1 + 2 + 2 + 2));
  CHECK(fs::exists(folder / "a/report.html"));
  const std::string csv = read_text_file(folder / "a/results.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 6);
}

TEST_CASE("batches that are measured keep to the budget as well") {
  const TemporaryFolder folder;
  const auto results =
      compared(folder / "a", {"--budget-wu", "61", "--batch", "1", "--allocation", "adaptive",
                              "--strategies", "mge,full-multiscale,single-scale-small"});
  for (const auto& row : results["strategies"]) {
    CAPTURE(row.dump());
    CHECK(row["work_units"] <= 61);
    CHECK(row["work_units"] > 61 - 8);
  }
  const Outcome seconds =
      run_program(small_compare(folder / "b", {"--budget-wu", "61", "--allocation", "optimal",
                                               "--allocation-cost", "seconds"}));
  CHECK(seconds.code == 2);
  CHECK(
      seconds.output.find("--allocation-cost: expected work-units under a budget of work units") !=
      std::string::npos);
}

TEST_CASE("a budget of seconds is turned into steps by a pilot, the same for all seeds") {
  const TemporaryFolder folder;
  const auto results = compared(
      folder / "a", {"--budget-seconds", "0.2", "--seeds", "2", "--strategies", "full-multiscale"});
  CHECK(results["budget"] == "0.20 s");
  const auto config = nlohmann::json::parse(read_text_file(folder / "a/config.json"));
  const auto steps = config["plans"][0]["stage-steps"].get<std::vector<std::int64_t>>();
  REQUIRE(steps.size() == 2);
  CHECK(std::abs(steps[0] - 2 * steps[1]) <= 2);
  CHECK(steps[1] >= 1);
  CHECK(results["versus"][0]["baseline"] == "full-multiscale");  // for want of a single scale
}

TEST_CASE("a comparison killed in a run and resumed ends in the same bits") {
  const TemporaryFolder folder;
  const fs::path whole = folder / "whole", cut = folder / "cut";
  const std::vector<std::string> request = {"--steps", "300", "--strategies", "single-scale,mge"};
  const auto expected = compared(whole, request);
  {
    Process process(small_compare(cut, request));
    const auto in_second_run = [&] {
      std::error_code error;
      const auto size = fs::file_size(cut / "mge/metrics.csv", error);
      return !error && size > 8000;
    };
    for (int i = 0; i < 4000 && !in_second_run(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process.kill(SIGKILL);
    CHECK(process.wait() == 128 + SIGKILL);
  }
  CHECK_FALSE(fs::exists(cut / "results.json"));
  CHECK_FALSE(fs::exists(cut / "mge/result.json"));
  const auto finished = fs::last_write_time(cut / "single-scale/model.safetensors");
  const std::string finished_rows = read_text_file(cut / "single-scale/metrics.csv");
  const std::vector<std::string> resume = {TELESCOPE_PROGRAM, "compare", "--resume", "--out",
                                           cut.string()};
  auto other = resume;
  other.insert(other.end(), {"--seeds", "2"});
  CHECK(run_program(other).code == 2);
  const Outcome outcome = run_program(resume);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(read_text_file(cut / "single-scale/metrics.csv") == finished_rows);
  CHECK(fs::last_write_time(cut / "single-scale/model.safetensors") == finished);
  for (const char* model : {"single-scale/model.safetensors", "mge/model.safetensors"}) {
    CHECK(read_text_file(cut / model) == read_text_file(whole / model));
  }
  const auto results = results_of(cut);
  for (const int i : {0, 1})
    CHECK(results["strategies"][i]["mse"] == expected["strategies"][i]["mse"]);
  // The same again does nothing, and an old result is not taken for that of a new comparison.
  CHECK(run_program(resume).code == 0);
  CHECK(results_of(cut)["strategies"] == results["strategies"]);
  {
    auto again = small_compare(cut, request);
    again.emplace_back("--overwrite");
    Process process(again);
    const auto begun = [&] {
      return !fs::exists(cut / "single-scale/result.json") &&
             fs::exists(cut / "single-scale/checkpoint.safetensors");
    };
    for (int i = 0; i < 8000 && !begun(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    process.kill(SIGKILL);
  }
  CHECK_FALSE(fs::exists(cut / "mge/result.json"));
}

TEST_CASE("a run that diverges is a line of the table, and the others go on") {
  const TemporaryFolder folder;
  const auto results = compared(folder / "a", {"--lr", "1e30", "--lr-final", "1e30", "--steps", "9",
                                               "--strategies", "mge,single-scale"});
  for (const auto& row : results["strategies"]) {
    const auto remark = row["remark"].get<std::string>();
    CHECK(remark.starts_with("diverged at step "));
    CHECK(row["mse"].is_null());
    CHECK(row["seeds"] == 0);
  }
  CHECK(results["versus"][0]["seeds"] == 0);
  const std::string csv = read_text_file(folder / "a/results.csv");
  CHECK(csv.find("nan") == std::string::npos);
  CHECK(read_text_file(folder / "a/report.html").find("diverged at step") != std::string::npos);
}

TEST_CASE("a target ends runs at the first validation that has it") {
  const TemporaryFolder folder;
  const auto easy = compared(
      folder / "easy", {"--target", "1e9", "--steps", "40", "--strategies", "single-scale,mge"});
  CHECK(easy["strategies"][1]["remark"] == "target reached");
  CHECK(easy["strategies"][1]["steps"] == 1);  // validated after an eightieth
  CHECK(easy["versus"][1]["reached"] == 1);
  CHECK(easy["versus"][1]["reached_at_first_validation"] == true);
  const auto hard = compared(
      folder / "hard", {"--target", "1e-9", "--steps", "10", "--strategies", "single-scale,mge"});
  CHECK(hard["strategies"][0]["remark"] == "target not reached");
  CHECK(hard["strategies"][0]["steps"] == 10);
  CHECK(hard["versus"][1]["reached"] == 0);
  CHECK(hard["versus"][1]["reach_work_units"].is_null());
  // The first step of each was measured, without being asked for; MGE has two levels.
  CHECK(hard["variances"].size() == 1 + 2);
}

TEST_CASE("a run out of time stops, is validated, and does not go on when resumed") {
  const TemporaryFolder folder;
  RunOptions options = small_run();
  options.validate_every = 18;
  const Pictures pictures(options, [](std::string_view) {});
  const RunFolder out(folder / "a", Existing::refuse);
  out.write_config(to_json(options));
  Experiment experiment(options, pictures);
  const RunEnd end = run(experiment, out, false, {.seconds = 0});
  CHECK(end.ending == Ending::out_of_time);
  CHECK(experiment.trainer().state().steps == 1);
  CHECK(read_csv(out.metrics_path()).at("validation_mse").back() > 0);
  Experiment again(options, pictures);
  again.load_checkpoint(out.checkpoint_path());
  CHECK(run(again, out, true, {.seconds = 0}).ending == Ending::out_of_time);
  CHECK(again.trainer().state().steps == 1);
  CHECK(run(again, out, true, {.target = 1e9}).ending == Ending::reached_target);
  CHECK(run(again, out, true, {}).ending == Ending::completed);
  CHECK(again.trainer().state().steps == 18);
}

TEST_CASE("a result counts only with all its rows") {
  const TemporaryFolder folder;
  const RunFolder out(folder / "a", Existing::refuse);
  CHECK_FALSE(read_result(out));
  write_result(out, {RunResult::Kind::out_of_time, 2});
  CHECK_FALSE(read_result(out));
  out.metrics({"step", "loss"})->add({std::int64_t{1}, 0.5});
  CHECK_FALSE(read_result(out));
  out.metrics({"step", "loss"}, 1)->add({std::int64_t{2}, 0.4});
  CHECK(read_result(out) == RunResult{RunResult::Kind::out_of_time, 2});
  std::ofstream(folder / "a/result.json") << R"({"ending": "bored", "steps": 2})";
  CHECK(error_of([&] { read_result(out); }).find("no run ends as 'bored'") != std::string::npos);
  std::ofstream(folder / "a/result.json") << "{";
  CHECK(error_of([&] { read_result(out); }).find("is damaged") != std::string::npos);
}

TEST_CASE("wrong requests") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out";
  const auto refused = [&](const std::vector<std::string>& more, const std::string& part) {
    const Outcome outcome = run_program(small_compare(out, more));
    CAPTURE(outcome.output);
    CHECK(outcome.code == 2);
    CHECK(outcome.output.find(part) != std::string::npos);
    CHECK_FALSE(fs::exists(out));
  };
  refused({"--budget-wu", "100", "--budget-seconds", "5"}, "--budget");
  refused({"--budget-wu", "100", "--steps", "5"}, "--steps");
  refused({"--budget-wu", "0"}, "--budget-wu: expected a number above 0, got 0");
  refused({"--budget-wu", "nan"}, "--budget-wu: expected a number, got 'nan'");
  refused({"--budget-wu", "1e30"}, "--budget-wu: expected at most 1000000000000, got 1e+30");
  refused({"--budget-wu", "much"}, "--budget-wu: expected a number, got 'much'");
  refused({"--budget-wu", "5"},
          "budget: 'single-scale' needs at least 6 for a step of every stage");
  refused({"--budget-seconds", "-1"}, "--budget-seconds: expected a number above 0, got -1");
  refused({"--target", "0"}, "--target: expected a number above 0, got 0");
  refused({"--strategies", "mge,mge"}, "--strategies: 'mge' is named twice");
  refused({"--seeds", "0"}, "--seeds: expected 1 to 10000, got 0");
  refused({"--resume"}, "holds no run to resume");
  const RunFolder train(folder / "train", Existing::refuse);
  train.write_config(to_json(small_run()));
  const Outcome outcome =
      run_program({TELESCOPE_PROGRAM, "compare", "--resume", "--out", (folder / "train").string()});
  CHECK(outcome.code == 2);
}
