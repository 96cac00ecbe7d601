// SPDX-License-Identifier: MIT
// telescope evaluate: a trained network on a set of pictures, mesh by mesh.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/number.h"
#include "apps/output.h"
#include "apps/pictures.h"
#include "apps/restoration.h"
#include "apps/statistics.h"
#include "apps/subcommands.h"
#include "apps/text.h"
#include "core/autograd.h"
#include "core/file.h"
#include "core/parallel.h"
#include "layers/structure.h"

namespace telescope::app {
namespace {

constexpr std::int64_t kDraws = 4;    // of noise and time for each picture, as in validation
constexpr std::int64_t kGroup = 100;  // crops degraded at a time

struct EvaluateCommand {
  CheckpointOptions checkpoint;
  MachineOptions machine;
  TileOptions tiles;
  std::string data, json;
  std::int64_t images = 100;
  std::optional<std::int64_t> size, levels;
  std::uint64_t seed = 3;
  bool strict = false;
};

/// Of every picture, a mean over its draws.
struct MeshQualities {
  std::int64_t height = 0, width = 0;  ///< 0 where pictures differ
  std::vector<Quality> output, input;
};

// The run's, where nothing else is asked for. Whole pictures (--size 0) must be halved on every mesh.
RunOptions options_of(const EvaluateCommand& e, const Trained& trained) {
  RunOptions o = trained.options;
  o.levels = e.levels.value_or(o.levels);
  TELESCOPE_CHECK(o.levels >= 1 && o.levels <= 16, "--levels", "expected 1 to 16, got {}",
                  o.levels);
  const bool whole = e.size == 0;
  o.size = whole ? trained.task.scale() << o.levels : e.size.value_or(o.size);
  resolve(o);
  return o;
}

Tensor rows_of(const Tensor& x, std::int64_t first, std::int64_t count) {
  return x.defined() ? x.rows(first, count) : x;
}

// A whole picture and its partner, cut to multiples of `unit` pixels of the picture.
Crops whole_pair(const Dataset& set, std::int64_t i, std::int64_t unit) {
  const PicturePair pair = set.pair(i);
  const auto cut = [](const Image& image, std::int64_t multiple) {
    const auto whole = [multiple](int n) { return static_cast<int>(n / multiple * multiple); };
    return to_tensor(top_left(image, whole(image.height), whole(image.width)));
  };
  return {cut(*pair.clean, unit), pair.low ? cut(*pair.low, unit / set.scale()) : Tensor()};
}

// Calls f with clean images [n,H,W,3] and their partners, where they have some, group by group.
template <class F>
void for_each_group(const Dataset& set, const EvaluateCommand& e, const RunOptions& o,
                    std::int64_t scale, F&& f) {
  const std::int64_t count = std::min(e.images, set.size());
  if (e.size == 0) {
    // Halved on every mesh, the small image of a pair too.
    const std::int64_t unit = std::max(scale, set.scale()) << (o.levels - 1);
    for (std::int64_t i = 0; i < count; ++i) f(whole_pair(set, i, unit));
    return;
  }
  const Crops crops = validation_set(set, count, o.size);
  for (std::int64_t first = 0; first < count; first += kGroup) {
    const std::int64_t n = std::min(kGroup, count - first);
    f(Crops{rows_of(crops.clean, first, n), rows_of(crops.low, first, n)});
  }
}

Quality operator+(const Quality& a, const Quality& b) {
  return {a.mse + b.mse, a.psnr + b.psnr, a.ssim + b.ssim};
}
Quality operator/(const Quality& a, double n) { return {a.mse / n, a.psnr / n, a.ssim / n}; }

// Samples are all pictures, then all again, ...: means over the draws of each.
void add_means(const std::vector<Quality>& samples, std::size_t pictures,
               std::vector<Quality>& means) {
  const std::size_t draws = samples.size() / pictures;
  for (std::size_t i = 0; i < pictures; ++i) {
    Quality sum;
    for (std::size_t draw = 0; draw < draws; ++draw) sum = sum + samples[draw * pictures + i];
    means.push_back(sum / static_cast<double>(draws));
  }
}

void measure(const Trained& trained, const EvaluateCommand& e, const Samples& samples,
             std::size_t pictures, const Device& device, MeshQualities& mesh) {
  const std::int64_t height = samples.input.extent(1), width = samples.input.extent(2);
  const Tiling tiling = tiling_for(trained, e.tiles, height, width, device);
  std::vector<Quality> output, input;
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    const Samples one = rows(samples, i, 1);
    const Tensor y = restore(trained, one.input, one.time, tiling, device);
    output.push_back(qualities(y, one.target)[0]);
    input.push_back(qualities(enlarged(one.input, trained.task.scale()), one.target)[0]);
  }
  add_means(output, pictures, mesh.output);
  add_means(input, pictures, mesh.input);
  const std::int64_t rows_here = samples.target.extent(1), columns_here = samples.target.extent(2);
  const bool first = mesh.output.size() == pictures;
  mesh.height = first || mesh.height == rows_here ? rows_here : 0;
  mesh.width = first || mesh.width == columns_here ? columns_here : 0;
}

std::vector<MeshQualities> evaluate_set(const Trained& trained, const EvaluateCommand& e,
                                        const RunOptions& o, const Dataset& set,
                                        const Device& device) {
  const NoGradGuard no_grad;
  const Coarsening coarsening = trained.task.coarsening(parse_restriction(o.restriction));
  std::vector<MeshQualities> meshes(static_cast<std::size_t>(o.levels));
  std::uint64_t group = 0;
  for_each_group(set, e, o, trained.task.scale(), [&](const Crops& crops) {
    const NoiseKey key{.seed = e.seed, .stream = "validation", .step = group++};
    Samples samples = trained.task.with_partners(
        trained.task.degrade_evenly(crops.clean, kDraws, key), crops.low);
    for (Mesh mesh{0};; mesh = mesh.coarser()) {
      measure(trained, e, samples, static_cast<std::size_t>(crops.clean.extent(0)), device,
              meshes[static_cast<std::size_t>(mesh.level)]);
      if (mesh.level + 1 == o.levels) break;
      samples = coarsening(samples, mesh.coarser());
    }
  });
  return meshes;
}

struct Figure {
  const char* name;
  double Quality::*member;
};
constexpr Figure kFigures[] = {
    {"MSE", &Quality::mse}, {"PSNR", &Quality::psnr}, {"SSIM", &Quality::ssim}};

Interval interval_of(const std::vector<Quality>& qualities, double Quality::*member) {
  std::vector<double> values;
  for (const Quality& quality : qualities) values.push_back(quality.*member);
  return interval_of_mean(values);
}

std::string size_of(const MeshQualities& mesh) {
  return mesh.height && mesh.width ? fmt::format("{} x {}", mesh.width, mesh.height) : "differ";
}

std::string table_of(const std::vector<MeshQualities>& meshes, const std::string& input) {
  std::vector<std::vector<std::string>> rows = {{"mesh", "pixels"}};
  for (const auto& whose : {std::string(), input + " "}) {
    for (const Figure& figure : kFigures) rows[0].push_back(whose + figure.name);
  }
  for (std::size_t m = 0; m < meshes.size(); ++m) {
    auto& row = rows.emplace_back(std::vector{std::to_string(m), size_of(meshes[m])});
    for (const auto* qualities : {&meshes[m].output, &meshes[m].input}) {
      for (const Figure& figure : kFigures) {
        const Interval e = interval_of(*qualities, figure.member);
        row.push_back(format_spread(e.mean, e.half_width, static_cast<int>(qualities->size())));
      }
    }
  }
  return align_columns(rows);
}

nlohmann::ordered_json json_of(const std::vector<Quality>& qualities) {
  nlohmann::ordered_json json;
  for (const Figure& figure : kFigures) {
    const Interval e = interval_of(qualities, figure.member);
    std::string name = figure.name;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return char(c + 32); });
    json[name] = {{"mean", e.mean}, {"confidence_95", e.half_width}};
  }
  return json;
}

nlohmann::ordered_json json_of(const std::vector<MeshQualities>& meshes, const std::string& input) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  const auto extent = [](std::int64_t pixels) {  // null where pictures differ
    return pixels > 0 ? nlohmann::ordered_json(pixels) : nlohmann::ordered_json(nullptr);
  };
  for (std::size_t m = 0; m < meshes.size(); ++m) {
    json.push_back({{"mesh", m},
                    {"height", extent(meshes[m].height)},
                    {"width", extent(meshes[m].width)},
                    {"images", meshes[m].output.size()},
                    {"restored", json_of(meshes[m].output)},
                    {input, json_of(meshes[m].input)}});
  }
  return json;
}

int evaluate(EvaluateCommand& e) {
  const Machine machine = apply(e.machine);
  check_json_file("--json", e.json);
  const Trained trained = load_trained(e.checkpoint, machine.device);
  const RunOptions o = options_of(e, trained);
  const auto set = open_validation(
      e.data, {.crop = o.size, .resize = o.resize && e.size != 0, .strict = e.strict});
  check_scale(*set, trained.task);
  const std::string input = trained.task.scale() > 1 ? "bilinear" : "input";
  const auto meshes = evaluate_set(trained, e, o, *set, machine.device);
  const std::size_t images = meshes[0].output.size();
  std::printf("%s\n%s\n", trained.description().c_str(), set->description().c_str());
  std::printf(
      "means over %zu pictures ± half a 95%% confidence interval; mesh 0 degraded, others "
      "%s by %s\n\n%s",
      images, o.degrade == "finest" ? "restricted" : "degraded anew, clean ones restricted",
      o.restriction.c_str(), table_of(meshes, input).c_str());
  if (e.json.empty()) return 0;
  const nlohmann::ordered_json json{{"network", trained.description()},
                                    {"data", valid_utf8(set->description())},
                                    {"device", machine.device.str()},
                                    {"threads", thread_count()},
                                    {"seed", e.seed},
                                    {"degrade", o.degrade},
                                    {"restriction", o.restriction},
                                    {"meshes", json_of(meshes, input)}};
  write_file_atomically(e.json, json.dump(2) + '\n', "figures");
  return 0;
}

}  // namespace

Subcommand add_evaluate(CLI::App& program) {
  const auto state = std::make_shared<EvaluateCommand>();
  CLI::App& command =
      *program.add_subcommand("evaluate", "Measure a trained network on a set of pictures");
  add_options(command, state->checkpoint);
  command.add_option("--data", state->data, "What to measure on: as for telescope train")
      ->required();
  command.add_option("--images", state->images, "At most so many pictures, the first")
      ->capture_default_str()
      ->check(number<std::int64_t>(1));
  command
      .add_option(
          "--size", state->size,
          "Pixels a side of the crops, from the middle; 0: whole pictures, without the last "
          "rows and columns that do not halve on every mesh; default: the run's, or 64")
      ->check(number<std::int64_t>(0, 1 << 20));
  command.add_option("--levels", state->levels, "Number of meshes; default: the run's, or 4")
      ->check(number<std::int64_t>());
  command
      .add_option("--seed", state->seed,
                  "Of noise, times and boxes, four draws a picture; 3 draws as validation in "
                  "training")
      ->capture_default_str()
      ->check(number<std::uint64_t>());
  command.add_flag("--strict", state->strict,
                   "Fail on a broken picture rather than name and skip it");
  command.add_option("--json", state->json, "Write the figures to this file");
  add_options(command, state->tiles);
  add_options(command, state->machine, false);
  command.footer(
      "Beside each figure of the network stands that of its input, taken as it is, or to\n"
      "super-resolve enlarged by bilinear interpolation. Coarser meshes are made of mesh 0 as in\n"
      "training (--degrade, --restriction of the run; of a file alone: as the paper has it).");
  return [state](const std::string&) { return evaluate(*state); };
}

}  // namespace telescope::app
