// SPDX-License-Identifier: MIT
// The program from outside: telescope profile. And its parts: table, roofline, operations.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/kernel_table.h"
#include "apps/profile_operation.h"
#include "apps/roofline.h"
#include "kernels/backend.h"
#include "support/compare.h"
#include "support/process.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

Outcome profile(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {TELESCOPE_PROGRAM, "profile", "--no-roofline"});
  return run_program(arguments);
}

Json read_json(const fs::path& path) {
  std::ifstream file(path);
  return Json::parse(file, nullptr, false);
}

ScopeTotal total(const std::string& path, double self_seconds, Work own = {}, bool launch = false) {
  return {.path = path,
          .calls = 2,
          .seconds = launch ? self_seconds : self_seconds + 100,
          .self_seconds = self_seconds,
          .work = {},
          .own = own,
          .launch = launch};
}

const app::KernelRow& row_of(const std::vector<app::KernelRow>& rows, const std::string& mesh,
                             const std::string& kernel) {
  for (const auto& row : rows) {
    if (row.mesh == mesh && row.kernel == kernel) return row;
  }
  FAIL("no row " << mesh << " " << kernel);
  return rows.front();
}

std::string line_of(const std::string& table, const std::string& start) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(start)) return line;
  }
  return "";
}

}  // namespace

TEST_CASE("rows: by mesh and kernel, the time of the scope itself, the rest outside kernels") {
  const auto rows = app::kernel_rows(
      {total("elsewhere/conv2d", 50, {1, 1}), total("step/mesh10/forward/relu", 1, {1, 8}),
       total("step/mesh0/forward/relu", 1, {1, 8}), total("step/mesh0/forward/conv2d", 3, {20, 4}),
       total("step/mesh0/forward", 0.5), total("step/mesh0", 0.25),
       total("step/mesh2/forward/relu", 1, {1, 8}), total("step/optimizer/adam", 2, {7, 7}),
       total("step", 4)},
      false);
  std::vector<std::string> meshes;
  for (const auto& row : rows) meshes.push_back(row.mesh + " " + row.kernel);
  CHECK(meshes == std::vector<std::string>{"mesh0 forward/conv2d", "mesh0 forward/relu", "mesh0 ",
                                           "mesh2 forward/relu", "mesh10 forward/relu",
                                           " optimizer/adam", " "});
  CHECK(row_of(rows, "mesh0", "forward/conv2d").seconds == 3);
  CHECK(row_of(rows, "mesh0", "forward/conv2d").work.flop == 20);
  CHECK(row_of(rows, "mesh0", "").seconds == 0.75);
  CHECK(row_of(rows, "", "").seconds == 4);
  CHECK(app::sum_of(rows, nullptr, {}).seconds == 12.75);
}

TEST_CASE("rows: a scope without work in a kernel is a variant of it") {
  const auto rows = app::kernel_rows(
      {total("step/mesh0/forward/conv2d/winograd", 3), total("step/mesh0/forward/conv2d/direct", 1),
       total("step/mesh0/forward/conv2d", 0.5, {20, 4}), total("step/mesh0/forward/pad", 2)},
      false);
  CHECK(rows.size() == 2);
  const app::KernelRow& row = row_of(rows, "mesh0", "forward/conv2d");
  CHECK(row.seconds == 4.5);
  CHECK(row.calls == 2);
  CHECK(row.variants == std::vector<std::string>{"winograd", "direct"});
  CHECK(line_of(app::format_kernel_table(rows, 1, {}), "  forward/conv2d winograd, direct") != "");
  CHECK(app::kernel_json(rows, {})["kernels"][0]["variants"][1] == "direct");
}

TEST_CASE("rows: the launches of an operation are its time, on an asynchronous device alone") {
  const std::vector<ScopeTotal> totals = {total("step/mesh0/forward/conv2d/pack", 1, {}, true),
                                          total("step/mesh0/forward/conv2d/multiply", 8, {}, true),
                                          total("step/mesh0/forward/conv2d", 0.5, {20, 4}),
                                          total("step/mesh0/forward/bare", 2, {}, true),
                                          total("step/mesh0/forward", 0.25)};
  const auto device = app::kernel_rows(totals, true);
  CHECK(device.size() == 2);
  CHECK(row_of(device, "mesh0", "forward/conv2d").seconds == 9);
  CHECK(row_of(device, "mesh0", "forward/conv2d").calls == 2);
  CHECK(row_of(device, "mesh0", "forward/bare").seconds == 2);
  const auto simulator = app::kernel_rows(totals, false);
  CHECK(row_of(simulator, "mesh0", "forward/conv2d").seconds == 9.5);
  CHECK(row_of(simulator, "mesh0", "").seconds == 0.25);
}

TEST_CASE("table: shares of the roofline, and none where there is none") {
  const app::Roofline roofline{.flop_per_second = 100, .bytes_per_second = 10};
  CHECK(roofline.seconds({200, 10}) == 2);
  CHECK(roofline.seconds({200, 30}) == 3);
  CHECK(roofline.bound_by_memory({200, 30}));
  CHECK_FALSE(roofline.bound_by_memory({200, 10}));
  const std::vector<app::KernelRow> rows = {
      {.mesh = "mesh0", .kernel = "half", .calls = 4, .seconds = 4, .work = {200, 10}},
      {.mesh = "mesh0", .kernel = "cached", .calls = 2, .seconds = 2, .work = {0, 30}},
      {.mesh = "mesh0", .kernel = "tiny", .calls = 2, .seconds = 1e-4, .work = {1, 0}},
      {.mesh = "mesh0", .kernel = "", .calls = 0, .seconds = 2, .work = {}}};
  const std::string table = app::format_kernel_table(rows, 2, roofline);
  INFO(table);
  const auto words = [&](const std::string& start) {
    std::istringstream line(line_of(table, start));
    return std::vector<std::string>{std::istream_iterator<std::string>(line), {}};
  };
  // name, calls, ms, time %, GFLOP, MB, FLOP/B, GFLOP/s, GB/s, roof %, bound; of one of two steps
  CHECK(words("  half") == std::vector<std::string>{"half", "2", "2000.000", "50.0", "1e-07",
                                                    "5e-06", "20", "5e-08", "2.5e-09", "50",
                                                    "FLOP"});
  CHECK(words("  cached")[9] == "150*");
  CHECK(words("  cached")[10] == "memory");
  CHECK(line_of(table, "  1 smaller kernels") != "");
  CHECK(line_of(table, "  outside kernels").find("-  ") != std::string::npos);
  CHECK(words("mesh0")[9] == "63");  // (2 + 3) / 8 s
  CHECK(line_of(table, "* above 100%") != "");
  CHECK(table.find("nan") == std::string::npos);
  CHECK(table.find("inf") == std::string::npos);

  const std::string bare = app::format_kernel_table(rows, 2, {});
  CHECK(bare.find("roof") == std::string::npos);
  CHECK(app::format_kernel_table({}, 1, {}).find("nan") == std::string::npos);
  const auto json = app::kernel_json(rows, {});
  CHECK(json["kernels"][0]["roofline_share"].is_null());
  CHECK(json["kernels"][2]["intensity"].is_null());
  CHECK(app::kernel_json(rows, roofline)["kernels"][1]["roofline_share"] == 1.5);
}

TEST_CASE("the peak is that of the precision, where the device has tensor cores for it") {
  using kernels::Precision;
  app::Roofline roofline{.flop_per_second = 60e12, .bytes_per_second = 4e12};
  CHECK(app::describe(roofline) == "60000 GFLOP/s of f32 multiply-adds, 4000.0 GB/s of a copy");
  roofline.precision = Precision::tf32;
  CHECK(roofline.peak() == 60e12);
  roofline.tf32_flop_per_second = 300e12, roofline.bf16_flop_per_second = 600e12;
  CHECK(roofline.peak() == 300e12);
  CHECK(roofline.seconds({600'000'000'000'000, 0}) == 2);
  CHECK(roofline.bound_by_memory({74, 1}));
  CHECK_FALSE(roofline.bound_by_memory({76, 1}));
  CHECK(
      app::describe(roofline) ==
      "60000 GFLOP/s of f32 multiply-adds, 300000 of tf32 and 600000 of bf16 products, 4000.0 GB/s "
      "of a copy; shares are of the peak of tf32");
  roofline.precision = Precision::bf16;
  CHECK(roofline.peak() == 600e12);
  CHECK(app::to_json(roofline)["precision"] == "bf16");
}

TEST_CASE("the roofline is measured; a simulator has none") {
  const auto roofline = app::measure_roofline(Device());
  REQUIRE(roofline);
  CHECK(roofline->flop_per_second > 1e8);
  CHECK(roofline->flop_per_second < 1e16);
  CHECK(roofline->bytes_per_second > 1e7);
  CHECK(roofline->bytes_per_second < 1e14);
  CHECK_FALSE(app::measure_roofline({DeviceType::cuda_sim, 0}));
}

TEST_CASE("every operation in the list runs, is counted and has gradients") {
  std::istringstream lines(app::operation_list());
  int operations = 0;
  for (std::string line; std::getline(lines, line); ++operations) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    INFO(name);
    const Work before = work_done();
    const auto operation = app::prepare_operation(name, {}, Device());
    const Work inputs = work_done();
    const Tensor y = operation.forward();
    CHECK((work_done() - inputs).bytes > 0);
    CHECK((work_done() - before).bytes > 0);
    if (operation.leaves.empty()) continue;
    y.backward(Tensor::full(y.shape(), 1));
    for (const Tensor& leaf : operation.leaves) CHECK(leaf.grad().defined());
  }
  CHECK(operations == 30);
}

TEST_CASE("a network: the trace nests, and tells what the table tells") {
  const TemporaryFolder folder;
  const fs::path trace_path = folder.path() / "trace.json", json_path = folder.path() / "p.json";
  const Outcome outcome =
      profile({"--hidden", "8", "--blocks", "1", "--size", "16", "--levels", "2", "--batch", "2",
               "--steps", "3", "--trace", trace_path.string(), "--json", json_path.string()});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(line_of(outcome.output, "mesh0") != "");
  CHECK(line_of(outcome.output, "mesh1") != "");
  const Json table = read_json(json_path), trace = read_json(trace_path);
  REQUIRE(table.is_object());
  REQUIRE(trace.is_object());
  CHECK(trace["otherData"]["dropped_events"] == 0);
  CHECK(table["steps"] == 3);

  struct Event {
    double start, end;
    std::string path;
  };
  std::map<int, std::vector<Event>> tracks;
  std::map<int, std::string> names;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> work;
  std::map<std::string, double> seconds;  // of the kernels of a path, which have no scopes inside
  for (const Json& event : trace["traceEvents"]) {
    const int tid = event["tid"];
    if (event["ph"] == "M") {
      if (event["name"] == "thread_name") names[tid] = event["args"]["name"];
      continue;
    }
    CHECK(event["ph"] == "X");
    const std::string path = event["args"]["path"];
    CHECK(path.substr(path.rfind('/') + 1) == event["name"]);
    const double start = event["ts"], duration = event["dur"];
    CHECK(start >= 0);
    CHECK(duration >= 0);
    tracks[tid].push_back({start, start + duration, path});
    CHECK(names[tid].starts_with(app::mesh_of_path(path)));
    auto& sum = work[path];
    sum.first += event["args"].value("flop", std::int64_t{0});
    sum.second += event["args"].value("bytes", std::int64_t{0});
    seconds[path] += 1e-6 * duration;
  }
  CHECK(names.size() == 3);
  constexpr double rounding_us = 1e-6;
  for (auto& [tid, events] : tracks) {
    std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
      return a.start != b.start ? a.start < b.start : a.path.size() < b.path.size();
    });
    std::vector<Event> open;
    for (const Event& event : events) {
      while (!open.empty() && open.back().end <= event.start + rounding_us) open.pop_back();
      if (!open.empty()) {
        CHECK(event.end <= open.back().end + rounding_us);
        CHECK(event.path.starts_with(open.back().path + "/"));
      }
      open.push_back(event);
    }
  }
  for (const Json& kernel : table["kernels"]) {
    const std::string mesh = kernel["mesh"], name = kernel["kernel"];
    if (name.empty()) continue;
    INFO(mesh << " " << name);
    const std::string path = "step/" + (mesh.empty() ? "" : mesh + "/") + name;
    CHECK(work[path].first == kernel["flop"]);
    CHECK(work[path].second == kernel["bytes"]);
    CHECK(std::abs(seconds[path] - kernel["seconds"].get<double>()) < 1e-6);
  }
  // The 3 x 3 convolutions of the block and the 1 x 1 around it, on 2 images of 16 x 16, 3 steps.
  const auto& conv = work["step/mesh0/forward/conv2d"];
  CHECK(conv.first == 3 * 2 * 256 * 2 * (3 * 8 + 2 * 9 * 8 * 8 + 8 * 3));
}

TEST_CASE("one operation, forward and backward") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "p.json";
  const Outcome outcome = profile({"--operation", "conv2d", "--shape", "2,8,8,4,16,3,1", "--steps",
                                   "4", "--warmup", "0", "--json", path.string()});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  const Json json = read_json(path);
  std::map<std::string, std::int64_t> flop;
  for (const Json& kernel : json["kernels"]) flop[kernel["kernel"]] = kernel["flop"];
  constexpr std::int64_t once = 2 * 2 * 64 * 16 * 9 * 4;
  CHECK(flop["forward/conv2d"] == 4 * once);
  CHECK(flop["backward/conv2d_input_gradient"] == 4 * once);
  CHECK(flop["backward/conv2d_weight_gradient"] == 4 * once);
  CHECK(json["roofline"].is_null());
}

TEST_CASE("on a simulated device: launches on a track of their own, and no roofline") {
  const auto all = devices();
  const auto simulated = [](const DeviceInfo& d) { return d.device.type == DeviceType::cuda_sim; };
  if (std::none_of(all.begin(), all.end(), simulated)) return;
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "trace.json";
  const Outcome outcome =
      profile({"--operation", "silu", "--shape", "1,4,4,8", "--device", "cuda-sim", "--steps", "2",
               "--warmup", "0", "--trace", path.string()});
  INFO(outcome.output);
  if (outcome.output.find("no kernel") != std::string::npos) return;  // built without the simulator
  REQUIRE(outcome.code == 0);
  CHECK(outcome.output.find("a simulator has no roofline") != std::string::npos);
  int launches = 0;
  std::string track;
  const Json trace = read_json(path);
  for (const Json& event : trace["traceEvents"]) {
    if (event["name"] == "thread_name" && event["args"]["name"] != "step · cpu") {
      track = event["args"]["name"];
    }
    if (event["ph"] != "X") continue;
    const std::string kernel = event["args"]["path"];
    launches += kernel.starts_with("step/forward/silu/");
  }
  CHECK(launches == 2);
  CHECK(track == "step · cuda-sim");
}

TEST_CASE("features in bf16 are counted with two bytes, parameters with four") {
  const auto all = devices();
  const auto simulated = [](const DeviceInfo& d) { return d.device.type == DeviceType::cuda_sim; };
  if (std::none_of(all.begin(), all.end(), simulated)) return;
  const auto bytes = [](const std::string& operation, const std::string& shape) {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "p.json";
    const Outcome outcome =
        profile({"--operation", operation, "--shape", shape, "--device", "cuda-sim", "--steps", "1",
                 "--warmup", "0", "--precision", "bf16", "--json", path.string()});
    INFO(outcome.output);
    REQUIRE(outcome.code == 0);
    std::map<std::string, std::int64_t> of_kernel;
    const Json json = read_json(path);
    for (const Json& kernel : json["kernels"]) of_kernel[kernel["kernel"]] = kernel["bytes"];
    return of_kernel;
  };
  auto silu = bytes("silu", "1,4,4,8");
  CHECK(silu["forward/silu"] == 2 * 128 * 2);
  CHECK(silu["backward/silu"] == 3 * 128 * 2);
  auto conv2d = bytes("conv2d", "1,4,4,8,16,3,1");
  CHECK(conv2d["forward/conv2d"] == (128 + 256) * 2 + 16 * 9 * 8 * 4);
  auto added = bytes("add_per_channel", "1,4,4,8");
  CHECK(added["forward/add_per_channel"] == 2 * 128 * 2 + 8 * 4);
  CHECK(added["backward/sum_per_channel"] == 128 * 2 + 8 * 4);
  auto loss = bytes("mse_loss", "1,4,4,8");
  CHECK(loss["forward/mse_loss"] == 128 * (2 + 4));
}

TEST_CASE("the variant of the convolution that is asked for is the one that runs") {
  const auto all = devices();
  const auto simulated = [](const DeviceInfo& d) { return d.device.type == DeviceType::cuda_sim; };
  if (std::none_of(all.begin(), all.end(), simulated)) return;
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "trace.json", json_path = folder.path() / "p.json";
  const Outcome outcome =
      profile({"--operation", "conv2d", "--shape", "1,4,4,8,8,3,1", "--device", "cuda-sim",
               "--steps", "1", "--warmup", "0", "--conv-variant", "tiled", "--precision", "fp32",
               "--trace", path.string(), "--json", json_path.string()});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  const Json table = read_json(json_path), trace = read_json(path);
  CHECK(table["conv_variant"] == "tiled");
  CHECK(table["precision"] == "fp32");
  int tiled = 0;
  for (const Json& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const std::string kernel = event["args"]["path"];
    tiled += kernel.find("/tiled_") != std::string::npos;
  }
  CHECK(tiled == 3);  // forward and both gradients
}

TEST_CASE("figures take the place of figures only") {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out.json";
  const auto again = [&] { return profile({"--operation", "silu", "--json", out.string()}); };
  CHECK(again().code == 0);
  CHECK(again().code == 0);
  std::ofstream(out) << "weights";
  CHECK(again().output ==
        "telescope: --json: would overwrite " + out.string() + ", which is not JSON\n");
  CHECK(std::ifstream(out).peek() == 'w');
}

TEST_CASE("wrong requests are one line, and leave nothing behind") {
  const TemporaryFolder folder;
  const std::string out = (folder.path() / "out.json").string();
  const auto refused = [&](std::vector<std::string> arguments, const std::string& part) {
    arguments.insert(arguments.end(), {"--json", out});
    const Outcome outcome = profile(arguments);
    INFO(outcome.output);
    CHECK(outcome.code == 2);
    CHECK(outcome.output.find(part) != std::string::npos);
    CHECK(std::count(outcome.output.begin(), outcome.output.end(), '\n') == 1);
    CHECK(fs::is_empty(folder.path()));
  };
  refused({"--operation", "fft"}, "--operation: expected one of conv2d, linear");
  refused({"--operation", "conv2d", "--shape", "4,64"},
          "--shape: conv2d expects 7 positive numbers N,H,W,C,K,R,stride, got 4,64");
  refused({"--operation", "silu", "--shape", "4,0,4,4"}, "expected a whole number from 1");
  refused({"--operation", "silu", "--shape", "4,a,4,4"}, "got 'a'");
  refused({"--operation", "silu", "--shape", "99999999999,99999999999,9,9"}, "64 bits");
  refused({"--operation", "group_norm", "--shape", "2,4,4,6,4"}, "group_norm");
  refused({"--operation", "restrict-mean", "--shape", "2,1,4,6"}, "restrict");
  refused({"--operation", "silu", "--size", "64"}, "--size: is for a network");
  refused({"--device", "gpu"}, "device: expected cpu, cuda");
  refused({"--shape", "4,4"}, "--shape: expected --operation");
  refused({"--steps", "0"}, "from 1 to 100000");
  refused({"--warmup", ""}, "got ''");
  refused({"--size", "18", "--levels", "3"}, "3 meshes need images");
  refused({"--model", "vgg"}, "--model: expected resnet, unet, srnet or espcn, got 'vgg'");
  refused({"--validate-every", "3"}, "--validate-every");
  refused({"--trace", (folder.path() / "none/trace.json").string()}, "--trace: there is no folder");
  refused({"--trace", folder.path().string()}, "--trace: expected a file");
  refused({"--trace", out}, "--json: " + out + " is that of --trace");
}

TEST_CASE("help has the examples and the lines for Nsight") {
  const Outcome help = profile({"--help"});
  CHECK(help.code == 0);
  for (const char* part : {"telescope profile --operation conv2d --shape", "ncu --nvtx",
                           "nsys profile --trace=cuda,nvtx", "conv2d                   N,H,W,C"}) {
    CHECK_MESSAGE(help.output.find(part) != std::string::npos, part);
  }
}

TEST_CASE("a profile of the vendor's convolution, or a line that says why there is none") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "p.json";
  const Outcome outcome = profile({"--operation", "conv2d", "--shape", "1,8,8,8,8,3,1", "--device",
                                   "cpu", "--backend", "vendor", "--json", path.string()});
  INFO(outcome.output);
  if (!kernels::vendor_available("conv2d", {})) {
    CHECK(outcome.code == 2);
    CHECK(outcome.output == "telescope: backend: this build has no oneDNN 2 (libdnnl-dev)\n");
    return;
  }
  REQUIRE(outcome.code == 0);
  CHECK(read_json(path)["backend"] == "vendor");
  CHECK(outcome.output.find("the vendor's code where it has some") != std::string::npos);
  const Outcome both = profile({"--operation", "conv2d", "--device", "cpu", "--backend", "vendor",
                                "--conv-variant", "direct"});
  CHECK(both.code == 2);
  CHECK(both.output.find("--conv-variant: direct is ours: leave it out beside --backend vendor") !=
        std::string::npos);
}
