// SPDX-License-Identifier: MIT
// telescope evaluate from outside.
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/experiment.h"
#include "apps/statistics.h"
#include "support/compare.h"
#include "support/pictures.h"
#include "support/small_run.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

const TemporaryFolder folder;

fs::path run() {
  static const fs::path path = small_run(folder / "run", {"--hidden", "8", "--blocks", "1"});
  return path;
}

nlohmann::json evaluated(const fs::path& checkpoint, std::vector<std::string> more) {
  const fs::path json = folder / "figures.json";
  more.insert(more.begin(),
              {"evaluate", "--checkpoint", checkpoint.string(), "--json", json.string()});
  const Outcome outcome = telescope_run(more);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.output.find("mesh") != std::string::npos);
  return nlohmann::json::parse(contents(json));
}

}  // namespace

TEST_CASE("Student's t and the interval of a mean") {
  // The usual tables.
  CHECK(student_95(1) == doctest::Approx(12.7062).epsilon(1e-5));
  CHECK(student_95(2) == doctest::Approx(4.30265).epsilon(1e-5));
  CHECK(student_95(3) == doctest::Approx(3.18245).epsilon(1e-5));
  CHECK(student_95(10) == doctest::Approx(2.22814).epsilon(1e-5));
  CHECK(student_95(29) == doctest::Approx(2.04523).epsilon(1e-5));
  CHECK(student_95(100000) == doctest::Approx(1.95999).epsilon(1e-5));
  const Interval e = interval_of_mean({1, 2, 3, 6});  // s^2 = 14/3
  CHECK(e.mean == 3);
  CHECK(e.half_width == doctest::Approx(3.18245 * std::sqrt(14. / 3 / 4)));
  CHECK(interval_of_mean({5}).mean == 5);
  CHECK(std::isnan(interval_of_mean({5}).half_width));
  CHECK(error_of([] { (void)interval_of_mean({}); }) ==
        "interval_of_mean: expected at least one value");
}

TEST_CASE("the finest mesh has the figures of the run's own validation") {
  const auto json = evaluated(run(), {"--data", "builtin", "--images", "6"});
  CHECK(json["meshes"].size() == 2);
  RunOptions options =
      options_from_json(nlohmann::json::parse(contents(run() / "config.json")), "config.json");
  const Pictures pictures(options);
  Experiment experiment(options, pictures);
  experiment.load_checkpoint(run() / "checkpoint.safetensors");
  const Quality expected = experiment.validate();
  const auto& finest = json["meshes"][0]["restored"];
  CHECK(finest["mse"]["mean"] == doctest::Approx(expected.mse).epsilon(1e-5));
  CHECK(finest["psnr"]["mean"] == doctest::Approx(expected.psnr).epsilon(1e-5));
  CHECK(finest["ssim"]["mean"] == doctest::Approx(expected.ssim).epsilon(1e-5));
  CHECK(finest["mse"]["confidence_95"] > 0);
  CHECK(json["meshes"][1]["width"] == 8);
  CHECK(json["meshes"][1]["images"] == 6);
  // Time is uniform: E (1 - t)^2 (1 + E x^2) = (1 + E x^2) / 3, E x^2 in [0, 1].
  const double input = json["meshes"][0]["input"]["mse"]["mean"];
  CHECK((input > 0.3 && input < 0.7));
  CHECK(evaluated(run(), {"--data", "builtin", "--images", "6"}) == json);
  CHECK(evaluated(run(), {"--data", "builtin", "--images", "6", "--seed", "4"}) != json);
}

TEST_CASE("whole pictures of any size, enlarged ones beside bilinear interpolation") {
  const fs::path data = folder / "data";
  fs::create_directory(data);
  write_png(data / "a.png", some_picture(45, 70, 1));
  write_png(data / "b.png", some_picture(33, 41, 2));
  const fs::path enlarge =
      small_run(folder / "enlarge", {"--task", "super-resolve", "--model", "espcn"});
  const auto json = evaluated(enlarge, {"--data", data, "--size", "0"});
  CHECK(json["meshes"][0]["images"] == 2);
  CHECK(json["meshes"][0]["width"].is_null());  // they differ
  CHECK(json["meshes"][0]["bilinear"]["psnr"]["mean"] > 15);
  const auto one = evaluated(enlarge, {"--data", data, "--size", "0", "--images", "1"});
  CHECK(one["meshes"][1]["height"] == 22);
  CHECK(one["meshes"][1]["width"] == 34);
  CHECK(one["meshes"][0]["restored"]["mse"]["confidence_95"].is_null());
  const auto tiled =
      evaluated(enlarge, {"--data", data, "--size", "0", "--images", "1", "--tile", "64"});
  CHECK(tiled["meshes"][0]["restored"]["mse"]["mean"].get<double>() ==
        doctest::Approx(one["meshes"][0]["restored"]["mse"]["mean"].get<double>()).epsilon(1e-4));
}

TEST_CASE("what cannot be evaluated") {
  const auto refused = [&](std::vector<std::string> more, const std::string& part) {
    more.insert(more.begin(), {"evaluate", "--checkpoint", run().string()});
    check_refused(telescope_run(more), 2, part);
  };
  refused({"--data", "builtin", "--levels", "0"}, "--levels: expected 1 to 16, got 0");
  refused({"--data", "builtin", "--size", "18", "--levels", "3"},
          "3 meshes need images of a multiple of 4");
  refused({"--data", "builtin", "--images", "0"}, "--images: expected a whole number from 1");
  refused({"--data", (folder / "none").string()}, "there is no folder");
  refused({}, "--data is required");
  const std::string model = (run() / "model.safetensors").string();
  refused({"--data", "builtin", "--json", model},
          "--json: would overwrite " + model + ", which is not JSON");
  std::ofstream(run() / "config.json") << "{}";
  refused({"--data", "builtin"}, "config.json: is not the configuration of a run");
}
