// SPDX-License-Identifier: MIT
// The studies: what they compute, on problems whose answer is known, and the program from outside.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

#include "apps/spectrum.h"
#include "apps/study_allocation.h"
#include "apps/study_transfer.h"
#include "apps/study_variance.h"
#include "layers/modules.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"
#include "support/compare.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

namespace {

std::vector<float> normal_vector(std::size_t size, double deviation, RandomSequence& random) {
  std::vector<float> x(size);
  for (float& value : x) value = static_cast<float>(deviation * random.normal());
  return x;
}

// amplitude cos(2 pi (kx x + ky y) / n) in one channel.
Tensor wave(std::int64_t n, std::int64_t kx, std::int64_t ky, double amplitude) {
  std::vector<double> values;
  for (std::int64_t y = 0; y < n; ++y) {
    for (std::int64_t x = 0; x < n; ++x) {
      const auto phase = static_cast<double>(kx * x + ky * y) / static_cast<double>(n);
      values.push_back(amplitude * std::cos(2 * std::numbers::pi * phase));
    }
  }
  return Tensor::from(values, {1, n, n, 1});
}

// Frequencies of an n x n transform in the ring k.
double ring_size(std::int64_t n, std::int64_t k) {
  double count = 0;
  for (std::int64_t a = -(n - 1) / 2; a <= n / 2; ++a) {
    for (std::int64_t b = -(n - 1) / 2; b <= n / 2; ++b) {
      count += std::lround(std::hypot(a, b)) == k;
    }
  }
  return count;
}

bool holds(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

Outcome study(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {TELESCOPE_PROGRAM, "study"});
  return run_program(arguments);
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

nlohmann::json figures_of(const std::filesystem::path& folder) {
  return nlohmann::json::parse(contents(folder / "results.json")).at("figures");
}

const std::vector<std::string> small = {"--size",   "16", "--levels",      "3",  "--hidden", "8",
                                        "--blocks", "1",  "--train-steps", "0,2"};

std::vector<std::string> with_small(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), small.begin(), small.end());
  return arguments;
}

}  // namespace

TEST_CASE("a line through points: exact data, known residuals, what is no number") {
  const LineFit exact = fit_line({0, 1, 2, 3}, {3, 2.5, 2, 1.5});
  CHECK(exact.slope == doctest::Approx(-0.5));
  CHECK(exact.intercept == doctest::Approx(3));
  CHECK(exact.slope_error == doctest::Approx(0));
  // Residuals -0.1, 0.3, -0.3, 0.1: their squares sum to 0.2, over 2 degrees and sum (x-1.5)^2 = 5.
  const LineFit rough = fit_line({0, 1, 2, 3}, {0, 1, 1, 2});
  CHECK(rough.slope == doctest::Approx(0.6));
  CHECK(rough.slope_error == doctest::Approx(std::sqrt(0.2 / 2 / 5)));
  const LineFit gap = fit_line({0, 1, 2, 3}, {1, kUnmeasured, 5, -INFINITY});
  CHECK(gap.slope == doctest::Approx(2));
  CHECK(std::isnan(gap.slope_error));
  CHECK(std::isnan(fit_line({1, 1}, {0, 2}).slope));
  CHECK(std::isnan(fit_line({}, {}).slope));
}

TEST_CASE("moments of vectors: groups of two by hand") {
  VectorMoments moments(2, 2);
  const auto add = [&](float a, float b) { moments.add(std::vector{a, b}); };
  add(1, 0);
  CHECK(std::isnan(moments.result().variance));
  add(3, 0);  // 2 about (2, 0)
  CHECK(moments.result().variance == doctest::Approx(2));
  CHECK(std::isnan(moments.result().variance_error));
  add(0, 0);
  add(0, 4);  // 8 about (0, 2)
  VectorStatistics all = moments.result();
  CHECK(all.count == 4);
  CHECK(all.variance == doctest::Approx(5));
  CHECK(all.variance_error == doctest::Approx(3));             // deviation of 2 and 8, over sqrt 2
  CHECK(all.norm == doctest::Approx(std::sqrt(2 - 5.0 / 4)));  // |(1, 1)|^2 - V/n
  add(6, 1);                                                   // counts for the mean, (2, 1), alone
  all = moments.result();
  CHECK(all.count == 5);
  CHECK(all.variance == doctest::Approx(5));
  CHECK(all.norm == doctest::Approx(2));
  CHECK(error_of([&] { moments.add(std::vector{1.0F}); }) == "moments: expected 2 elements, got 1");
  CHECK(error_of([] { VectorMoments(3, 1); }) == "moments: expected groups of at least 2, got 1");
}

TEST_CASE("moments of vectors: the standard error is one") {
  RandomSequence random(RandomKey(7, "moments"));
  VectorMoments moments(10);
  for (int i = 0; i < 4000; ++i) moments.add(normal_vector(10, 2, random));
  const VectorStatistics s = moments.result();
  CHECK(std::abs(s.variance - 40) < 4 * s.variance_error);
  // Each of 500 groups has 70 degrees of freedom: a deviation of 40 sqrt(2/70).
  CHECK(s.variance_error == doctest::Approx(40 * std::sqrt(2.0 / 70 / 500)).epsilon(0.15));
  CHECK(s.norm < 0.2);  // |mean| itself is near sqrt(40/4000) = 0.1
}

TEST_CASE("the spectrum of a wave is one ring, also of odd extents and in any direction") {
  for (const auto& [n, kx, ky] : {std::tuple{16, 3, 0}, {16, 0, 5}, {15, 2, 2}, {9, -1, 4}}) {
    const Spectrum spectrum = radial_spectrum(wave(n, kx, ky, 2), false);
    REQUIRE(spectrum.power.size() == static_cast<std::size_t>(n / 2 + 1));
    const auto ring = std::lround(std::hypot(kx, ky));
    for (std::int64_t k = 0; k <= n / 2; ++k) {
      CAPTURE(n);
      CAPTURE(k);
      const double total = spectrum.power[static_cast<std::size_t>(k)] * ring_size(n, k);
      CHECK(total == doctest::Approx(k == ring ? 2 : 0).epsilon(1e-12));  // a^2 / 2
    }
  }
  CHECK(error_of([] {
          radial_spectrum(Tensor::zeros({1, 4, 6, 1}), false);
        }) == "spectrum: expected a square picture, got [1,4,6,1]");
}

TEST_CASE("the window keeps the power of noise, and takes the mean and the jump at the border") {
  const std::int64_t n = 64;
  const Spectrum noise = radial_spectrum(random_tensor({1, n, n, 3}, DType::f64), true);
  double power = 0, modes = 0;
  for (std::int64_t k = 0; k <= n / 2; ++k) {
    power += noise.power[static_cast<std::size_t>(k)] * ring_size(n, k);
    modes += ring_size(n, k);
  }
  CHECK(power / modes * n * n == doctest::Approx(1).epsilon(0.05));
  std::vector<double> ramp;
  for (std::int64_t i = 0; i < n * n; ++i) ramp.push_back(static_cast<double>(i % n));
  const Tensor jump = Tensor::from(ramp, {1, n, n, 1});
  const auto high = [](const Spectrum& s) { return s.power[20]; };
  CHECK(high(radial_spectrum(jump, true)) < 1e-4 * high(radial_spectrum(jump, false)));
  CHECK(radial_spectrum(Tensor::full({1, 8, 8, 1}, 3), true).power[0] < 1e-20);
}

TEST_CASE("low_pass keeps what is below the cutoff in both directions") {
  const Tensor low = wave(16, 3, -2, 1) + Tensor::full({1, 16, 16, 1}, 0.5, DType::f64);
  const Tensor x = low + wave(16, 4, 0, 2) + wave(16, 1, 7, 1);
  CHECK_CLOSE(low_pass(x, 4), low, (Tolerance{0, 1e-13}));
  CHECK_CLOSE(low_pass(x.to(DType::f32), 9), x, (Tolerance{0, 1e-6}));
}

TEST_CASE("samples of a study have names of their own: dropout's masks are not the training's") {
  RunOptions options;
  options.hidden = 8, options.blocks = 1, options.size = 16, options.levels = 2;
  options.batch = {2}, options.validation_images = 1, options.strategy = "mge";
  resolve(options);
  const StudySubject subject(options, {});
  std::vector<std::int64_t> all;
  for (int level = 0; level < 2; ++level) {
    const auto ids = subject.samples(3, Mesh{level}, 0, Placement::finest).ids;
    for (const std::int64_t id : ids.to_vector<std::int64_t>()) all.push_back(id);
  }
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  // The trainer's are level 2^40 + i, for a batch of any size that fits in memory.
  for (const std::int64_t id : all) CHECK(id % (std::int64_t{1} << 40) > 1000000000);
}

TEST_CASE("gradients of single samples: a problem whose variances are known") {
  // f = mean of w x + b over pixels: df/dw is the mean of x on the mesh, df/db is 1.
  struct Net : Module {
    Conv2d conv{child("conv"), 1, 1, 1};
  } net;
  net.initialize(1);
  const ParameterBuffer parameters(net);
  const auto loss = [&](const Samples& s) { return mean_per_sample(net.conv(s.input)); };
  const std::int64_t n = 1024;
  const Tensor x = random_tensor({n, 16, 16, 1});
  Samples samples{.input = x, .target = x, .time = {}, .ids = Tensor::zeros({n}, DType::i64)};

  GradientSampler sampler(loss, {.restriction = Restriction::injection}, parameters, 3);
  sampler.add(samples, 0);
  VarianceRow row{.meshes = sampler.result()};
  // Means of 256, 64 and 16 independent pixels; a difference has those that the coarse mesh keeps.
  const double gradient[] = {1.0 / 256, 1.0 / 64, 1.0 / 16}, difference[] = {3.0 / 256, 3.0 / 64};
  for (std::size_t l = 0; l < 3; ++l) {
    CAPTURE(l);
    const auto& [g, d] = row.meshes[l];
    CHECK(g.count == n);
    CHECK(std::abs(g.variance - gradient[l]) < 4 * g.variance_error);
    CHECK(g.variance_error < 0.08 * gradient[l]);
    CHECK(g.norm == doctest::Approx(1).epsilon(1e-3));  // of df/db
    if (l == 2) {
      CHECK(std::isnan(d.variance));
    } else {
      CHECK(std::abs(d.variance - difference[l]) < 4 * d.variance_error);
      CHECK(d.variance_error < 0.08 * difference[l]);
      CHECK(d.norm < 0.02);
    }
  }
  fit(row);
  CHECK(row.gradient_fit.slope == doctest::Approx(2).epsilon(0.05));
  CHECK(row.difference_fit.slope == doctest::Approx(2).epsilon(0.05));

  GradientSampler means(loss, {.restriction = Restriction::mean}, parameters, 3);
  means.add(samples, 0);  // the mean of means is the mean: there is nothing to correct
  for (std::size_t l = 0; l < 2; ++l) CHECK(means.result()[l].difference.variance < 1e-13);
}

TEST_CASE("transfer: what folds, what noise becomes, what comes back") {
  const std::vector<Restriction> kinds = {Restriction::injection, Restriction::mean,
                                          Restriction::full_weighting};
  const auto three = [](const Tensor& x) {
    const auto plane = x.to_vector<double>();
    std::vector<double> values;
    for (const double v : plane) values.insert(values.end(), 3, v);
    return Tensor::from(values, {1, x.extent(1), x.extent(2), 3});
  };
  // 10 cycles on 32 pixels: more than the 8 of mesh 1. 3 cycles: fewer.
  const auto all = study_transfer(three(wave(32, 10, 0, 0.5)), kinds, 3, 4);
  const auto low = study_transfer(three(wave(32, 3, 0, 0.5)), kinds, 3, 4);
  const double noise[] = {1, 0.5, 0.375};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    CAPTURE(i);
    CHECK(all[i].folded_share == doctest::Approx(1).epsilon(1e-9));
    CHECK(low[i].folded_share < 1e-20);
    CHECK(all[i].noise[0] == doctest::Approx(1).epsilon(0.05));
    CHECK(all[i].noise[1] == doctest::Approx(noise[i]).epsilon(0.1));
    CHECK(all[i].adjoint_error < 1e-14);
    CHECK(all[i].pictures[2].extent(1) == 8);
    CHECK(all[i].spectra[2].power.size() == 5);
  }
  CHECK(all[0].noise[2] == doctest::Approx(1).epsilon(0.15));     // injection keeps it
  CHECK(all[1].noise[2] == doctest::Approx(0.25).epsilon(0.15));  // the mean halves it again
  const auto constant = study_transfer(Tensor::full({1, 16, 16, 3}, 0.25), kinds, 2, 4);
  for (const RestrictionFigures& figures : constant) {
    CHECK(figures.folded_share < 1e-20);
    for (const RoundTrip& trip : figures.round_trips) CHECK(trip.rms < 1e-14);
  }
  // A linear function comes back where restriction and prolongation put pixels in the same places.
  std::vector<double> ramp;
  for (int i = 0; i < 16 * 16; ++i) ramp.push_back(i % 16);
  const auto line = study_transfer(three(Tensor::from(ramp, {1, 16, 16, 1})), kinds, 2, 4);
  const auto rms = [&](int kind, Prolongation back) {
    for (const RoundTrip& trip : line[static_cast<std::size_t>(kind)].round_trips) {
      if (trip.back.kind == back) return trip.rms;
    }
    return kUnmeasured;
  };
  CHECK(rms(0, Prolongation::full_weighting_adjoint) < 1e-13);
  CHECK(rms(1, Prolongation::bilinear) < 1e-13);
  CHECK(rms(0, Prolongation::bilinear) == doctest::Approx(0.5));  // moved by half a pixel
  CHECK(error_of([&] {
          study_transfer(Tensor::zeros({1, 4, 4, 3}), kinds, 2, 0);
        }) == "--size: expected at least 8, got 4");
}

TEST_CASE("findings say what the figures say") {
  const auto mesh = [](double g, double d) {
    return MeshVariance{{.count = 16, .norm = 1, .variance = g, .variance_error = 0.1},
                        {.count = 16, .norm = 1, .variance = d, .variance_error = 0.1}};
  };
  VarianceRow row{.step = 100,
                  .meshes = {mesh(2, 0.08), mesh(2, 0.32), mesh(2, 4), mesh(2, kUnmeasured)}};
  fit(row);
  VarianceRow other = row;
  other.restriction = Restriction::mean;
  other.meshes[0].difference.variance = 0.24;
  const Findings found = findings({row, other}, {"64²", "32²", "16²", "8²"});
  REQUIRE(found.lessons.size() == 3);
  CHECK(found.lessons[0] ==
        "After 100 steps, with injection: differences between mesh 64² and 32² vary 25 times less "
        "than the gradient on 64² itself, between 16² and 8² 2.0 times more.");
  // 2.82 with an error of 0.47: too little for one degree of freedom.
  CHECK(holds(found.lessons[1], "grow by 5.3 a mesh."));
  VarianceRow straight = row;
  straight.meshes[2].difference.variance = 1.27;
  fit(straight);
  CHECK(holds(findings({straight}, {"64²", "32²", "16²", "8²"}).lessons[1],
              "a mesh, faster than doubling."));
  CHECK(found.lessons[2] ==
        "On the finest mesh differences vary least with injection where images are degraded on "
        "mesh 0, and 3.0 times more with mean where images are degraded on mesh 0.");
  CHECK(found.table[1][6] == with_error(row.difference_fit.slope, row.difference_fit.slope_error));
  CHECK(found.figures.rows.size() == 8);
  const auto json = to_json(found.figures);
  CHECK(json[4]["restriction"] == "mean");
  CHECK(json[4]["difference_variance"] == 0.24);
  CHECK(json[3]["difference_variance"].is_null());
  CHECK(to_csv(found.figures).starts_with("steps,restriction,degraded_on,mesh,samples,"));
}

TEST_CASE("what is predicted for a plan errs with all its levels together") {
  // The same samples gave both: where one is too large, so is the other.
  VectorMoments moments(1, 2);
  for (const float x : {0, 2, 0, 4, 0, 8}) moments.add(std::vector{x});  // 2, 8, 32
  const VectorStatistics one = moments.result();
  VectorStatistics other = one;
  PlanFigures plan{.batches = BatchPlan({2, 4})};
  predict(plan, std::vector{one, other});
  CHECK(plan.predicted == doctest::Approx(14.0 / 2 + 14.0 / 4));
  CHECK(plan.predicted_error == doctest::Approx(one.variance_error * (1.0 / 2 + 1.0 / 4)));
  // And where they make up for each other, the sum is known better than they are.
  std::reverse(other.groups.begin(), other.groups.end());
  plan.batches = BatchPlan({2, 2});
  predict(plan, std::vector{one, other});
  CHECK(plan.predicted_error == doctest::Approx(std::sqrt(81.0 / 3 / 3)));  // of 17, 8, 17
  CHECK(plan.predicted_error < one.variance_error / std::sqrt(2));
}

TEST_CASE("findings on batches claim no more than their errors allow") {
  const auto plan = [](const char* name, double observed) {
    return PlanFigures{.name = name,
                       .batches = BatchPlan({1}),
                       .work_units = 1,
                       .seconds = 1,
                       .predicted = 10,
                       .predicted_error = 0.6,
                       .observed = {.variance = observed, .variance_error = observed / 10}};
  };
  AllocationFigures figures;
  figures.plans = {plan("single scale", 12), plan("growth 2", 20), plan("optimal for work", 10),
                   plan("optimal for time", 10)};
  Findings found = findings(figures, {"64²"});
  CHECK(holds(found.lessons[0],
              "batches of 1 have about as much variance as single scale and 2.0 times less "
              "variance than batches that double (observed; predicted: 1.00 times less and"));
  // (20 - 10) / sqrt(2^2 + 0.6^2)
  CHECK(holds(found.lessons[2],
              "do not foretell those of whole estimates: observed and "
              "predicted are at most 4.8 standard errors apart, over 4 plans"));
  figures.plans[1] = plan("growth 2", 9);
  figures.plans[0].predicted = 5;
  found = findings(figures, {"64²"});
  CHECK(holds(found.lessons[0], "predicted: 2.0 times more and"));
  figures.plans[0].predicted = 10;
  found = findings(figures, {"64²"});
  CHECK(holds(found.lessons[2], "of single samples foretell those"));
}

TEST_CASE("the page of a study: whole, safe, and refused where it makes no sense") {
  const std::string evil = "</script><script>alert(1)</script>";
  StudyPage page{.title = evil, .command_line = evil, .lead = {evil, "two"}};
  page.sections = {{.title = evil,
                    .text = evil,
                    .charts = {{.title = evil, .x_name = evil, .places = {evil, "b"}}},
                    .tables = {{.caption = evil, .rows = {{"a", "b", "c"}, {evil, "1", "-"}}}}}};
  ChartLine line{.label = evil, .x = {0, 1}, .y = {1, kUnmeasured}, .error = {0.5, 0}};
  page.sections[0].charts[0].lines = {line, line};
  const std::string html = render_html(page);
  CHECK_FALSE(holds(html, "<script>alert"));
  CHECK(holds(html, "<td data-label=\"b\">1</td>"));
  CHECK_FALSE(holds(html, "data-label=\"c\""));  // nothing in it
  const std::size_t legend = html.find("<li>");
  CHECK(html.find("<li>", legend + 1) == std::string::npos);  // the same line once
  const std::size_t begin = html.find("id=\"data\">") + 10;
  const auto data =
      nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  CHECK(data[0]["lines"][0]["label"] == evil);
  CHECK(data[0]["lines"][1]["y"] == nlohmann::json::parse("[1.0,null]"));
  page.sections[0].charts[0].lines[0].y.pop_back();
  CHECK(holds(error_of([&] { render_html(page); }), "has 2 places, 1 values and 2 errors"));
}

TEST_CASE("with_error and in_times read well") {
  CHECK(with_error(2.03456, 0.2134) == "2.03 ± 0.21");
  CHECK(with_error(123.4, 12.3) == "123 ± 12");
  CHECK(with_error(1.5, kUnmeasured) == "1.500");
  CHECK(with_error(kUnmeasured, 1) == "-");
  CHECK(in_times(25.4) == "25 times");
  CHECK(in_times(3.04) == "3.0 times");
  CHECK(in_times(1.049) == "1.05 times");
  CHECK(enumerate({"a", "b", "c"}) == "a, b and c");
}

TEST_CASE("telescope study variance: a folder with page, table and figures, and the same again") {
  const TemporaryFolder folder;
  const auto arguments = [&](const char* out) {
    return with_small(
        {"variance", "--out", folder / out, "--samples", "16", "--restriction", "injection,mean"});
  };
  const Outcome first = study(arguments("a")), second = study(arguments("b"));
  INFO(first.output);
  REQUIRE(first.code == 0);
  CHECK(holds(first.output, "report: "));
  CHECK(holds(contents(folder / "a" / "report.html"), "differences, injection"));
  CHECK(contents(folder / "a" / "results.csv") == contents(folder / "b" / "results.csv"));
  const auto figures = figures_of(folder / "a");
  CHECK(figures.size() == 2 * 2 * 2 * 3);  // steps, placements, restrictions, meshes
  for (const auto& f : figures) {
    CHECK(f["samples"] == 16);
    CHECK(f["gradient_variance"].get<double>() > 0);
  }
  // Injected noise is noise drawn for every other pixel: both placements are one.
  CHECK(figures[0]["difference_variance"] == figures[6]["difference_variance"]);
  CHECK(figures[3]["difference_variance"] != figures[9]["difference_variance"]);
  const Outcome again = study(arguments("a"));
  CHECK(again.code == 2);
  CHECK(holds(again.output, "holds a run; choose another folder, --resume or --overwrite"));
}

TEST_CASE("telescope study allocation: what is observed is what was predicted") {
  const TemporaryFolder folder;
  const Outcome outcome = study(with_small({"allocation", "--out", folder / "a", "--repeats", "64",
                                            "--samples", "256", "--budget", "8"}));
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  double doubling = 0, optimal = 0;
  int plans = 0;
  for (const auto& f : figures_of(folder / "a")) {
    if (f["plan"] == "one sample" || f["steps"] != 0) continue;
    ++plans;
    CAPTURE(f.dump());
    const double predicted = f["predicted_variance"], observed = f["variance"];
    CHECK(f["samples"] == 64);
    const double error =
        std::hypot(f["variance_error"].get<double>(), f["predicted_error"].get<double>());
    CHECK(std::abs(observed - predicted) < 4 * error);
    CHECK(error < 0.3 * predicted);
    if (f["plan"] != "optimal for time") CHECK(f["work_units"].get<double>() <= 8);
    if (f["plan"] == "single scale") CHECK(f["batches"] == "8");
    if (f["plan"] == "growth 2") CHECK(f["batches"] == "3,6,12");
    if (f["plan"] == "growth 2") doubling = predicted;
    if (f["plan"] == "optimal for work") optimal = predicted;
  }
  CHECK(plans == 5);
  CHECK(optimal < doubling);
}

TEST_CASE("telescope study transfer: any picture, and one line for what cannot be") {
  const TemporaryFolder folder;
  const Outcome outcome =
      study({"transfer", "--size", "32", "--levels", "3", "--picture", "3", "--out", folder / "a"});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  const std::string page = contents(folder / "a" / "report.html");
  CHECK(holds(page, "Noise of deviation 1"));
  CHECK(holds(page, "data:image/png;base64,"));
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& part) {
    const Outcome bad = study(arguments);
    INFO(bad.output);
    CHECK(bad.code == 2);
    CHECK(holds(bad.output, part));
    CHECK(std::count(bad.output.begin(), bad.output.end(), '\n') <= 2);
  };
  refused({}, "study: expected variance, allocation or transfer");
  refused({"transfer", "--picture", "512", "--size", "32"}, "expected a number below 512, got 512");
  refused({"transfer", "--levels", "1"}, "--levels: expected at least 2 meshes");
  refused({"transfer", "--restriction", "magic"}, "magic");
  refused({"transfer", "--device", "cuda-sim"}, "--device: transfer is studied on the cpu");
  refused({"allocation", "--budget", "inf"}, "--budget");
  refused({"variance", "--degrade", "never"}, "--degrade: expected finest or every-mesh");
  refused({"variance", "--samples", "8"}, "--samples");
  refused({"allocation", "--size", "16", "--levels", "2", "--budget", "0.5", "--hidden", "8",
           "--samples", "16", "--repeats", "16", "--out", (folder / "b").string()},
          "--budget: expected 1.5 (one sample of every level) to 1e6 work units, got 0.5");
  CHECK_FALSE(std::filesystem::exists(folder / "b" / "report.html"));
}
