// SPDX-License-Identifier: MIT
// Every operation on one device, by our kernels and by the vendor's library where it has it: verified
// against the CPU, timed by the device's events around 20 calls a round, and set beside the measured
// roofline.
//   bench.kernels --device cuda --precision tf32 --json kernels.json
// Prints a line for every operation, direction, shape and contender; the exit code is 1 if a result
// was wrong. bench/gpu runs it with all precisions.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <optional>

#include "apps/profile_operation.h"
#include "apps/version.h"
#include "bench/convolutions.h"
#include "core/file.h"
#include "core/parallel.h"
#include "kernels/backend.h"

namespace telescope::bench {
namespace {

struct OperationCase {
  const char* name;
  std::vector<std::int64_t> shape, tiny;
};

// The shapes they have in the networks, on mesh 0 with 16 images.
const std::vector<OperationCase>& operation_cases() {
  static const std::vector<OperationCase> cases = {
      {"matmul", {4096, 4096, 4096}, {17, 32, 24}},
      {"linear", {1024, 128, 512}, {5, 12, 7}},
      {"attention", {16, 1024, 128, 1}, {1, 16, 8, 1}},
      {"softmax", {16, 32, 32, 1024}, {1, 4, 4, 16}},
      {"layer_norm", {16, 128, 128, 128}, {2, 8, 8, 4}},
      {"group_norm", {16, 128, 128, 32, 16}, {2, 4, 4, 32, 16}},
      {"leaky_relu", {16, 128, 128, 128}, {1, 8, 8, 4}},
      {"silu", {16, 128, 128, 32}, {1, 8, 8, 4}},
      {"tanh", {16, 128, 128, 64}, {1, 8, 8, 4}},
      {"add", {16, 128, 128, 128}, {1, 8, 8, 4}},
      {"add_per_channel", {16, 128, 128, 128}, {1, 8, 8, 4}},
      {"sinusoidal_embedding", {64, 64}, {3, 5}},
      {"dropout", {16, 128, 128, 32}, {1, 8, 8, 4}},
      {"concat_channels", {16, 128, 128, 32}, {1, 8, 8, 4}},
      {"pixel_shuffle", {16, 128, 128, 12, 2}, {1, 4, 4, 12, 2}},
      {"restrict-injection", {16, 128, 128, 3}, {1, 8, 8, 3}},
      {"restrict-mean", {16, 128, 128, 3}, {1, 8, 8, 3}},
      {"restrict-full-weighting", {16, 128, 128, 3}, {1, 8, 8, 3}},
      {"prolong-nearest", {16, 64, 64, 64}, {1, 4, 4, 4}},
      {"prolong-bilinear", {16, 64, 64, 3}, {1, 4, 4, 3}},
      {"gaussian_blur", {16, 128, 128, 3}, {1, 16, 16, 3}},
      {"mix", {16, 128, 128, 3}, {2, 4, 4, 3}},
      {"mse_loss", {16, 128, 128, 3}, {1, 8, 8, 3}},
      {"ssim_loss", {16, 128, 128, 3}, {1, 12, 12, 3}}};
  return cases;
}

// One operation with its inputs on a device; `all` walks back as well.
struct Prepared {
  app::PreparedOperation operation;
  Device device;
  Tensor y, seed;

  Prepared(const OperationCase& c, bool tiny, const Device& d)
      : operation(app::prepare_operation(c.name, tiny ? c.tiny : c.shape, d)), device(d) {}
  void forward() { y = operation.forward(); }
  bool has_backward() const { return !operation.leaves.empty(); }
  void all() {
    for (const Tensor& leaf : operation.leaves) leaf.set_grad({});
    forward();
    if (!seed.defined()) seed = random_normal(y.shape(), {9, "bench"}).to(y.dtype()).to(device);
    y.backward(seed);
  }
};

// Calls made meanwhile are computed by this backend.
class WithBackend {
 public:
  explicit WithBackend(kernels::Backend by) : before_(kernels::backend()) {
    kernels::set_backend(by);
  }
  ~WithBackend() { kernels::set_backend(before_); }
  WithBackend(const WithBackend&) = delete;
  WithBackend& operator=(const WithBackend&) = delete;

 private:
  kernels::Backend before_;
};

double worst_gradient(const Prepared& got, const Prepared& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.operation.leaves.size(); ++i) {
    worst = std::max(
        worst, relative_error(got.operation.leaves[i].grad(), expected.operation.leaves[i].grad()));
  }
  return worst;
}

void bench_operation(const Settings& settings, Rows& rows, const OperationCase& c) {
  const std::string name = c.name, kernel = name == "linear" ? "matmul" : name;
  const std::string shape = fmt::format("{}", fmt::join(settings.tiny ? c.tiny : c.shape, ","));
  std::vector<kernels::Backend> contenders = {kernels::Backend::native};
  // Products of matrices stay f32; what works on images is bf16 where they are stored so.
  const bool narrow =
      kernel != "matmul" && kernels::activation_type(DType::f32, settings.device) == DType::bf16;
  if (!narrow && kernels::vendor_available(kernel, settings.device)) {
    contenders.push_back(kernels::Backend::vendor);
  }
  std::optional<Prepared> there, here;  // made for the first row that is wanted
  const auto add = [&](bool backward, kernels::Backend by) {
    Rows::Case row{
        name, backward ? "with backward" : "forward", shape, std::string(name_of(by)), {}};
    if (!rows.wanted(row)) return;
    if (!here) {
      here.emplace(c, settings.tiny, Device{});
      there.emplace(c, settings.tiny, settings.device);
    }
    if (backward && !here->has_backward()) return;
    const auto run = [&](Prepared& p) { backward ? p.all() : p.forward(); };
    run(*here);
    const Work before = work_done();
    run(*there);
    row.work = work_done() - before;
    const double tolerance =
        tolerance_of(narrow || kernel == "matmul" ? settings.precision : Precision::fp32);
    rows.add(
        row, tolerance,
        [&] {
          const WithBackend backend(by);
          run(*there);
        },
        [&] {
          return backward ? worst_gradient(*there, *here) : relative_error(there->y, here->y);
        });
  };
  for (const bool backward : {false, true}) {
    for (const kernels::Backend by : contenders) add(backward, by);
  }
}

std::string today() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

int run(int argc, char** argv) {
  CLI::App program{"Every operation on one device, verified, timed, beside the roofline"};
  Settings settings;
  std::string device = "auto", precision = "tf32", json;
  bool no_roofline = false;
  program.add_option("--device", device, "cpu, cuda, cuda-sim")->capture_default_str();
  program.add_option("--precision", precision, "fp32, tf32, bf16")->capture_default_str();
  program.add_option("--only", settings.only, "Rows whose words contain this");
  program.add_option("--calls", settings.calls, "Calls in a round")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  program.add_option("--seconds", settings.seconds, "Of each measurement")->capture_default_str();
  program.add_flag("--tiny", settings.tiny, "Small shapes, to see that everything runs");
  program.add_flag("--tiles", settings.tiles, "Every tile of the tensor cores' convolution");
  program.add_flag("--no-roofline", no_roofline, "Do not measure the peaks of the device");
  program.add_option("--json", json, "Write everything to this file");
  CLI11_PARSE(program, argc, argv);

  settings.device = parse_device(device);
  settings.precision = kernels::parse_precision(precision);
  kernels::set_precision(settings.precision);
  kernels::set_backend(kernels::Backend::native);  // the references, on the CPU, too
  if (!no_roofline) settings.roofline = app::measure_roofline(settings.device);
  if (settings.roofline && !settings.device.is_cpu()) {
    settings.roofline->precision = settings.precision;
  }
  std::printf("%s, %s\n", name_of_device(settings.device).c_str(), precision.c_str());
  if (settings.roofline) std::printf("roofline: %s\n", describe(*settings.roofline).c_str());

  Rows rows(settings);
  bench_convolutions(settings, rows);
  for (const OperationCase& c : operation_cases()) bench_operation(settings, rows, c);

  if (!json.empty()) {
    std::string command;
    for (int i = 0; i < argc; ++i) command += (i ? " " : "") + std::string(argv[i]);
    nlohmann::ordered_json all{{"bench", "kernels"},
                               {"device", settings.device.str()},
                               {"name", name_of_device(settings.device)},
                               {"precision", precision},
                               {"threads", thread_count()},
                               {"version", app::version()},
                               {"date", today()},
                               {"command", command},
                               {"caches", "warm"},
                               {"roofline", nullptr},
                               {"rows", rows.json()}};
    if (settings.roofline) all["roofline"] = to_json(*settings.roofline);
    write_file_atomically(json, all.dump(1) + "\n", "bench.kernels");
  }
  std::printf("bench.kernels: %zu rows, %d wrong\n", rows.json().size(), rows.wrong());
  return rows.wrong() > 0 ? 1 : 0;
}

}  // namespace
}  // namespace telescope::bench

int main(int argc, char** argv) {
  try {
    return telescope::bench::run(argc, argv);
  } catch (const telescope::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
