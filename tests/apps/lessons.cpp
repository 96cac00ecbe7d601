// SPDX-License-Identifier: MIT
// The lessons, run as their first lines say, and the pictures they draw.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"
#include "apps/text.h"
#include "support/compare.h"
#include "support/pictures.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::test;
using namespace telescope::lessons;
namespace fs = std::filesystem;

namespace {

const fs::path sources = fs::path(TELESCOPE_SOURCE_DIR) / "apps/lessons";
const fs::path programs = TELESCOPE_LESSONS;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::string last_line(const std::string& output) {
  const auto end = output.find_last_not_of('\n') + 1;
  const auto start = output.rfind('\n', end - 1);
  return output.substr(start == output.npos ? 0 : start + 1, end - start - 1);
}

struct Run {
  std::string output, svg;
  std::vector<double> numbers;  // of the last line
};

// Runs a lesson for its picture. Its last line must be of that form from beginning to end, with a
// number for every #.
Run run(const std::string& name, const std::string& form) {
  const TemporaryFolder folder;
  const Outcome outcome = run_program({(programs / name).string(), folder.path().string()});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  Run run{outcome.output, contents(folder / (name + ".svg")), {}};
  CHECK(run.svg.starts_with("<svg "));
  CHECK(run.svg.ends_with("</svg>\n"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);

  std::string pattern = std::regex_replace(form, std::regex("[().]"), "\\$&");
  pattern =
      std::regex_replace(pattern, std::regex("#"), "(-?[0-9]+(?:\\.[0-9]+)?(?:e[-+]?[0-9]+)?)");
  const std::string line = last_line(outcome.output);
  std::smatch match;
  REQUIRE(std::regex_match(line, match, std::regex(pattern)));
  for (std::size_t i = 1; i < match.size(); ++i) run.numbers.push_back(std::stod(match[i]));
  return run;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// The x and y of every point drawn.
std::vector<std::pair<double, double>> points_of(const std::string& svg) {
  std::vector<std::pair<double, double>> points;
  const std::regex circle("cx=\"([0-9.]+)\" cy=\"([0-9.]+)\"");
  for (std::sregex_iterator at(svg.begin(), svg.end(), circle), end; at != end; ++at) {
    points.emplace_back(std::stod((*at)[1]), std::stod((*at)[2]));
  }
  return points;
}

}  // namespace

TEST_CASE("every lesson says how to run it, is short, and has its place in the course") {
  const std::string course = contents(sources / "README.md");
  int lessons = 0;
  for (const auto& entry : fs::directory_iterator(sources)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".cpp") continue;
    INFO(name);
    ++lessons;
    const std::string text = contents(entry.path());
    CHECK(std::count(text.begin(), text.end(), '\n') < 100);
    CHECK(contains(text, "The last line"));
    CHECK(contains(course, "](" + name + ".cpp)"));
    CHECK(contains(course, "build/release/apps/lessons/" + name));
    if (name == "own_network") continue;  // draws nothing
    CHECK(contains(text, "build/release/apps/lessons/" + name + " [FOLDER]"));
    CHECK(contains(text, "writes " + name + ".svg"));
  }
  CHECK(lessons == 8);
}

TEST_CASE("lesson 1: restriction and prolongation") {
  const Run lesson = run("transfer",
                         "adjoint to #; left of the wave: # by injection, # by the mean, # by full "
                         "weighting");
  CHECK(lesson.numbers[0] < 1e-5);
  CHECK(lesson.numbers[1] == 1);
  CHECK(lesson.numbers[2] == 0.383);  // cos(3 pi / 8), and its square
  CHECK(lesson.numbers[3] == 0.146);
  CHECK(count(lesson.svg, "<image ") == 16);
}

TEST_CASE("lesson 2: gradients on two meshes") {
  const Run lesson = run("two_meshes", "mesh 0 and mesh 1: cosine #, ratio of norms #");
  CHECK(lesson.numbers[0] > 0.9);
  CHECK(lesson.numbers[1] == doctest::Approx(1).epsilon(0.3));
  CHECK(count(lesson.svg, "<path ") == 3);
}

TEST_CASE("lesson 3: variances of gradients and of their differences") {
  const Run lesson = run("variance",
                         "left of the variance: #; the mean difference is # times as large where "
                         "the noise is halved");
  CHECK(lesson.numbers[0] < 0.2);
  CHECK(lesson.numbers[1] > 4);
}

TEST_CASE("lesson 4: how many samples for each level") {
  const Run lesson = run("allocation", "best batches: # times less (# predicted), later # (#)");
  CHECK(lesson.numbers[0] > 3);
  CHECK(lesson.numbers[0] == doctest::Approx(lesson.numbers[1]).epsilon(0.5));
  CHECK(lesson.numbers[2] < lesson.numbers[0] / 2);
}

TEST_CASE("lesson 5: MGE for the same work") {
  const Run lesson =
      run("mge", "loss after # WU: # with 60 images a step, # with MGE, # with 4 images");
  CHECK(lesson.numbers[0] == 600);
  CHECK(lesson.numbers[2] < lesson.numbers[1]);
}

TEST_CASE("lesson 6: Full-Multiscale") {
  const Run lesson =
      run("full_multiscale", "Full-Multiscale: loss # after # WU; MGE: # after # WU");
  CHECK(lesson.numbers[0] < lesson.numbers[2]);
  CHECK(lesson.numbers[1] == 575);
  CHECK(lesson.numbers[3] == 925);
}

TEST_CASE("lesson 7: a kernel on the simulator" * doctest::skip(!fs::exists(programs / "kernel"))) {
  const Run lesson =
      run("kernel", "# pixels differ from the loop; without the barrier # are not a number");
  CHECK(lesson.numbers[0] == 0);
  CHECK(lesson.numbers[1] > 0);
  CHECK(contains(lesson.output, "kernel smooth_kernel<"));
  CHECK(contains(lesson.output, "waits at the barrier at kernel_cuda.cu:31 for all threads"));
  // Where its first lines set a breakpoint.
  CHECK(contains(contents(sources / "kernel.cpp"), "break kernel_cuda.cu:31 "));
}

TEST_CASE("a network of one's own") {
  const Outcome lesson = run_program({(programs / "own_network").string()});
  CHECK(lesson.code == 0);
  double left = 1;
  REQUIRE(std::sscanf(last_line(lesson.output).c_str(), "noise left: %lf of 1", &left) == 1);
  CHECK(left < 0.3);
}

TEST_CASE("a lesson that shows nothing, fails, or is asked for what cannot be") {
  const TemporaryFolder folder;
  std::string program = "lesson", there = folder.path().string(), none = (folder / "none").string();
  char* arguments[] = {program.data(), there.data(), none.data(), nullptr};
  const auto ends = [&](int argc, const std::function<Conclusion()>& conclude) {
    return run_lesson(argc, arguments, [&](const fs::path& given) {
      CHECK(given == (argc == 2 ? folder.path() : "."));
      return conclude();
    });
  };
  CHECK(ends(2, [] { return Conclusion{"it holds", true}; }) == 0);
  CHECK(ends(1, [] { return Conclusion{"it holds", true}; }) == 0);
  CHECK(ends(2, [] { return Conclusion{"it does not", false}; }) == 1);
  CHECK(ends(2, []() -> Conclusion { raise("lesson", "wrong"); }) == 2);
  CHECK(ends(2, []() -> Conclusion { raise_failure("lesson", "full"); }) == 1);
  CHECK(ends(3, [] { return Conclusion{"it holds", true}; }) == 2);
  const Outcome lost = run_program({(programs / "transfer").string(), none});
  CHECK(lost.code == 2);
  CHECK(lost.output == "lesson: there is no folder " + none + "\n");
}

TEST_CASE("a chart puts values where its axes say") {
  const TemporaryFolder folder;
  const auto draw = [&](const Chart& chart) {
    write_charts(folder / "a.svg", {chart});
    return contents(folder / "a.svg");
  };
  const Series line{"a < b & c", {0, 1, 2, 4}, {1, 10, 100, 1000}};
  const auto linear = points_of(draw({.title = "t", .series = {line}}));
  REQUIRE(linear.size() == 4);
  CHECK(linear[3].first - linear[2].first ==
        doctest::Approx(2 * (linear[1].first - linear[0].first)).epsilon(0.01));
  CHECK(linear[0].second > linear[3].second);  // up is less in a picture

  const std::string svg = draw({.title = "t", .series = {line}, .log_y = true});
  const auto steps = points_of(svg);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(steps[i - 1].second - steps[i].second ==
          doctest::Approx(steps[0].second - steps[1].second).epsilon(0.01));
  }
  CHECK(contains(svg, ">a &lt; b &amp; c</text>"));
  for (const char* tick : {">1</text>", ">10</text>", ">100</text>", ">1000</text>"}) {
    CHECK(contains(svg, tick));
  }
  // What has no logarithm is left out, and numbers that are none.
  CHECK(points_of(
            draw({.title = "t", .series = {{"s", {0, 1, 2, 3}, {1, 0, -3, NAN}}}, .log_y = true}))
            .size() == 1);
  CHECK(points_of(draw({.title = "t", .series = {{"s", {0, 1}, {INFINITY, 1}}}})).size() == 1);
}

TEST_CASE("bars stand on 0, under their names") {
  const TemporaryFolder folder;
  const Series low{"low", {0, 1}, {1, 2}, Mark::bars}, high{"high", {0, 1}, {2, 4}, Mark::bars};
  write_charts(folder / "a.svg", {{.title = "t",
                                   .series = {low, high},
                                   .y_includes = {0},
                                   .x_names = {"one", "two"},
                                   .events = {{0.5, "here"}}}});
  const std::string svg = contents(folder / "a.svg");
  std::vector<double> x, height;
  const std::regex bar(
      "<rect x=\"([0-9.]+)\" y=\"[0-9.]+\" width=\"[0-9.]+\" height=\"([0-9.]+)\" fill");
  for (std::sregex_iterator at(svg.begin(), svg.end(), bar), end; at != end; ++at) {
    if ((*at)[2] == "10") continue;  // of the legend
    x.push_back(std::stod((*at)[1]));
    height.push_back(std::stod((*at)[2]));
  }
  REQUIRE(height.size() == 4);
  for (const std::size_t i : {1u, 2u})
    CHECK(height[i] == doctest::Approx(2 * height[0]).epsilon(0.01));
  CHECK(height[3] == doctest::Approx(4 * height[0]).epsilon(0.01));
  CHECK(x[0] < x[2]);
  CHECK(x[2] < x[1]);
  for (const char* word : {">one</text>", ">two</text>", ">here</text>"})
    CHECK(contains(svg, word));
}

TEST_CASE("a chart that cannot be drawn is refused, and nothing written") {
  const TemporaryFolder folder;
  const auto refusal = [&](const Chart& chart) {
    const std::string text = error_of([&] { write_charts(folder / "a.svg", {chart}); });
    CHECK_FALSE(fs::exists(folder / "a.svg"));
    return text;
  };
  CHECK(refusal({.title = "empty"}) == "chart: nothing to draw in empty");
  CHECK(refusal({.title = "t", .series = {{"s", {1, 2}, {1}}}}) == "chart: s has 2 x and 1 y");
}

TEST_CASE("a sheet holds its pictures as PNG, as high as they are") {
  const TemporaryFolder folder;
  const app::Image image = some_picture(20, 30);
  write_sheet(folder / "a.svg", {{{"x < y", image}, {"again", image}}}, 60);
  const std::string svg = contents(folder / "a.svg");
  CHECK(count(svg, "width=\"60\" height=\"40\"") == 2);
  CHECK(count(svg, "base64," + app::base64(app::encode_png(image)) + "\"") == 2);
  CHECK(contains(svg, ">x &lt; y</text>"));
}

TEST_CASE("greys, and magenta where there is no number") {
  const app::Image image = grey({0, 1, 0.5f, NAN, -7, 7}, 3);
  CHECK(image.height == 2);
  const std::vector<std::uint8_t> expected = {0,   0, 0,   255, 255, 255, 127, 127, 127,
                                              220, 0, 220, 0,   0,   0,   255, 255, 255};
  CHECK(image.rgb == expected);
}
