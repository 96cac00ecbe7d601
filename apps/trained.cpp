// SPDX-License-Identifier: MIT
#include "apps/trained.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/number.h"
#include "core/file.h"
#include "core/safetensors.h"
#include "layers/parameters.h"

namespace telescope::app {
namespace fs = std::filesystem;

void add_options(CLI::App& command, CheckpointOptions& o) {
  command
      .add_option("--checkpoint", o.path,
                  "Run folder, or a .safetensors file of weights by the names of a PyTorch "
                  "state_dict")
      ->required();
  const auto name = [&](const char* option, std::string& value, const char* help) {
    command.add_option(option, value, std::string(help) + ", where the file does not say");
  };
  const auto count = [&](const char* option, std::int64_t& value, const char* help) {
    command.add_option(option, value, std::string(help) + ", where the file does not say")
        ->check(number<std::int64_t>(1));
  };
  name("--task", o.task, "Task of the network");
  name("--model", o.model, "Network");
  count("--scale", o.scale, "Of super-resolve, 2, 3 or 4");
  count("--hidden", o.hidden, "Channels inside the network");
  count("--blocks", o.blocks, "Its residual blocks");
}

namespace {

fs::path weights_of(const fs::path& path) {
  std::error_code error;
  TELESCOPE_CHECK(fs::exists(path, error), "--checkpoint", "there is no {}", path.string());
  if (!fs::is_directory(path, error)) return path;
  for (const char* name : {"model.safetensors", "checkpoint.safetensors"}) {
    if (fs::exists(path / name, error)) return path / name;
  }
  raise("--checkpoint",
        "{} has neither model.safetensors nor checkpoint.safetensors; of a comparison, name the "
        "folder of one run",
        path.string());
}

template <class Value>
void must_agree(const char* option, const Value& given, const Value& in_file,
                const fs::path& file) {
  TELESCOPE_CHECK(given == Value{} || given == in_file, option, "{} has {}, got {}", file.string(),
                  in_file, given);
}

// What the file says of its network, or else the user.
RunOptions network_of(const SafetensorsFile& file, const fs::path& path,
                      const CheckpointOptions& given) {
  RunOptions o;
  const auto found = file.metadata.find("network");
  if (found == file.metadata.end()) {
    TELESCOPE_CHECK(!given.task.empty() && !given.model.empty(), path.string(),
                    "does not say which network it belongs to; say it with --task and --model "
                    "(--scale, --hidden, --blocks)");
    o.task = given.task;
    o.model = given.model;
    o.scale = given.scale ? given.scale : o.scale;
    o.hidden = given.hidden;
    o.blocks = given.blocks;
    return o;
  }
  try {
    const auto json = nlohmann::json::parse(found->second);
    json.at("task").get_to(o.task);
    json.at("model").get_to(o.model);
    json.at("scale").get_to(o.scale);
    json.at("hidden").get_to(o.hidden);
    json.at("blocks").get_to(o.blocks);
  } catch (const nlohmann::json::exception&) {
    raise(path.string(), "is damaged: what it says of its network cannot be read");
  }
  must_agree("--task", given.task, o.task, path);
  must_agree("--model", given.model, o.model, path);
  must_agree("--scale", given.scale, o.scale, path);
  must_agree("--hidden", given.hidden, o.hidden, path);
  must_agree("--blocks", given.blocks, o.blocks, path);
  return o;
}

// Before a network is built that no memory holds.
void check_plausible(const RunOptions& o, const SafetensorsFile& file, const fs::path& path) {
  std::int64_t extent = 0;
  for (const auto& [name, tensor] : file.tensors) {
    for (int i = 0; i < tensor.rank(); ++i) extent = std::max(extent, tensor.extent(i));
  }
  const auto tensors = static_cast<std::int64_t>(file.tensors.size());
  TELESCOPE_CHECK(o.hidden <= extent && o.blocks <= tensors, path.string(),
                  "belongs to another network than {}: it has {} tensors with extents of at most "
                  "{}",
                  network_description(o), tensors, extent);
}

// A checkpoint holds the optimizer's moments too.
NamedTensors weights_in(const SafetensorsFile& file) {
  NamedTensors weights = file.tensors;
  if (file.metadata.contains("progress")) {
    std::erase_if(weights, [](const NamedTensor& t) { return t.name.starts_with("optimizer."); });
  }
  return weights;
}

// What evaluation wants to know of the run, as far as its config.json says it.
void read_run(const fs::path& config, RunOptions& o) {
  std::error_code error;
  if (!fs::exists(config, error)) return;
  const auto json = nlohmann::json::parse(read_text_file(config), nullptr, false);
  try {
    json.at("size").get_to(o.size);
    json.at("levels").get_to(o.levels);
    o.resize = json.value("resize", o.resize);  // runs of earlier versions have none
    json.at("degrade").get_to(o.degrade);
    json.at("restriction").get_to(o.restriction);
  } catch (const nlohmann::json::exception&) {
    raise(config.string(), "is not the configuration of a run");
  }
}

}  // namespace

std::string Trained::description() const {
  return options.task + ", " + network_description(options);
}

Trained load_trained(const CheckpointOptions& given, const Device& device) {
  const fs::path path = weights_of(given.path);
  const SafetensorsFile file = read_safetensors(path);
  RunOptions options = network_of(file, path, given);
  resolve_network(options);
  check_plausible(options, file, path);
  if (fs::is_directory(given.path)) read_run(fs::path(given.path) / "config.json", options);
  Network network = make_network(options, 0);
  load_pytorch_layout(network.module->parameters(), weights_in(file), path.string());
  network.module->to(device);
  network.module->eval();
  const Task task(options.task, options.scale, parse_placement(options.degrade));
  return {std::move(options), task, std::move(network)};
}

void add_options(CLI::App& command, TileOptions& o) {
  command
      .add_option(
          "--tile", o.side,
          "Pixels a side of the tiles, a multiple of 16 from 64 on, that pictures larger "
          "than it are restored in; 0: as large as --memory allows, and unet's 1024 at most")
      ->capture_default_str()
      ->check(number<std::int64_t>(0, std::int64_t{1} << 30));
  command
      .add_option("--memory", o.memory_mib,
                  "MiB that the network may take for a tile, or for a picture whole")
      ->capture_default_str()
      ->check(number<std::int64_t>(1, std::int64_t{1} << 40));
}

namespace {

// How many pixels of the input away an output pixel looks by convolutions and interpolation.
std::int64_t reach_of(const RunOptions& o, std::int64_t scale) {
  const auto in_input = [scale](std::int64_t pixels) { return (pixels + scale - 1) / scale; };
  if (o.model == "espcn") return 2 + 1 + 1;
  if (o.model == "srnet") return 1 + in_input(2 + 1 + 1 + 1);
  if (o.model == "resnet") return (scale > 1) + in_input(2 * o.blocks);
  // unet: the first and the last convolution; on every level, whose pixels are `width` of the input,
  // two convolutions a block, `blocks` down and one more up; two blocks in the middle; and between
  // levels a strided convolution down, nearest interpolation and a convolution up.
  std::int64_t reach = 1 + 1 + 4 * (2 + 2);
  for (const std::int64_t width : {1, 2, 4}) reach += width * 2 * (2 * o.blocks + 1);
  for (const std::int64_t width : {1, 2}) reach += width + 2 * width + width;
  return reach;
}

// The work of unet's attention grows with the square of the pixels. With the paper's 32 channels it
// takes about as many FLOP at 600 x 600 as all the rest, and three times as many here.
std::int64_t most_side(const RunOptions& o) {
  return o.model == "unet" ? 1024 : std::numeric_limits<std::int64_t>::max();
}

ImageFunction network_at(const Trained& trained, const Tensor& t) {
  return [&trained, t](const Tensor& x) { return trained.network.forward(x, t); };
}

}  // namespace

Tiling tiling_for(const Trained& trained, const TileOptions& options, std::int64_t height,
                  std::int64_t width, const Device& device) {
  const std::int64_t scale = trained.task.scale();
  Tiling tiling{.side = options.side,
                .reach = reach_of(trained.options, scale),
                .scale = scale,
                .local = trained.options.model == "espcn"};
  if (tiling.side == 0) {
    const Tensor t = trained.task.has_time() ? Tensor::zeros({1}, DType::f32, device) : Tensor();
    tiling.side = side_within(options.memory_mib << 20, most_side(trained.options),
                              network_at(trained, t), height, width, device);
  }
  (void)tiling.cut(height);  // an Error, if its side is none
  return tiling;
}

Tensor restore(const Trained& trained, const Tensor& x, const Tensor& t, const Tiling& tiling,
               const Device& device) {
  const Tensor time = t.defined() ? t.to(device) : t;
  return apply_in_tiles(network_at(trained, time), x, tiling, device);
}

}  // namespace telescope::app
