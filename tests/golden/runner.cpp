// SPDX-License-Identifier: MIT
// Runs every case of a folder with a manifest.json: $TELESCOPE_GOLDEN, else shared/golden beside
// the sources, else the small selection in tests/data/golden, which a simulated device also runs
// where shared/golden is there: all cases would take it minutes. TELESCOPE_GOLDEN_ONLY=text runs the
// cases with `text` in their name; TELESCOPE_CONV_VARIANT=name computes convolutions by that variant
// where it can.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>

#include "core/file.h"
#include "core/memory.h"
#include "golden/golden.h"
#include "kernels/conv2d/conv2d_variant.h"
#include "kernels/precision.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

fs::path golden_folder() {
  if (const char* folder = std::getenv("TELESCOPE_GOLDEN")) return folder;
  const fs::path source = TELESCOPE_SOURCE_DIR;
  const fs::path shared = source.parent_path() / "shared" / "golden";
  const bool quick = test_device().type == DeviceType::cuda_sim;
  return !quick && fs::exists(shared / "manifest.json") ? shared
                                                        : source / "tests" / "data" / "golden";
}

std::vector<std::string> run(const nlohmann::json& entry, const fs::path& folder, DType dtype,
                             CaseFunction function) {
  std::vector<std::string> failures;
  try {
    Case c(entry, folder, dtype);
    function(c);
    failures = c.failures();
  } catch (const std::exception& error) {
    failures = {fmt::format("{} ({}) threw: {}", entry["id"].get<std::string>(), name_of(dtype),
                            error.what())};
  }
  try {
    check_memory_guards();
  } catch (const Error& error) {
    failures.push_back(entry["id"].get<std::string>() + " " + error.what());
  }
  return failures;
}

// Networks, and operations whose inputs may be rounded: a softmax of large numbers or the norm of some
// that are almost equal is another one then. (Those are in tests/layers, at numbers that bf16 holds.)
bool runs_in_bf16(std::string_view key, std::string_view id) {
  if (id.ends_with("_offset")) return false;
  for (const std::string_view op : {"conv2d", "attention_block", "layer_norm", "silu", "leaky_relu",
                                    "interpolate", "concat", "pixel_shuffle", "mse_loss"}) {
    if (key == fmt::format("op/{}", op)) return true;
  }
  return key.starts_with("model/") || key.starts_with("mge/");
}

struct Counts {
  int cases = 0, passed = 0, failed = 0, skipped = 0;
  std::map<std::string, int> missing;  // reason -> cases
};

void run_case(const nlohmann::json& entry, const fs::path& folder, Counts& counts) {
  const std::string name = entry[entry.contains("op") ? "op" : "model"];
  const std::string key = entry["kind"].get<std::string>() + "/" + name;
  const Registered registered = find_case(key);
  ++counts.cases;
  if (!registered.function) {
    ++counts.skipped;
    ++counts.missing["no " + key + " here yet"];
    return;
  }
  std::vector<std::string> failures = run(entry, folder, DType::f32, registered.function);
  const auto run_also_in = [&](DType dtype) {
    const auto more = run(entry, folder, dtype, registered.function);
    failures.insert(failures.end(), more.begin(), more.end());
  };
  if (registered.also_f64 && runs_here(DType::f64)) run_also_in(DType::f64);
  if (runs_here(DType::bf16) && runs_in_bf16(key, entry["id"].get<std::string>())) {
    kernels::set_precision(kernels::Precision::bf16);
    run_also_in(DType::bf16);
    kernels::set_precision(kernels::Precision::fp32);
  }
  ++(failures.empty() ? counts.passed : counts.failed);
  for (const std::string& failure : failures) CHECK_MESSAGE(false, failure);
}

}  // namespace

TEST_CASE("results of the reference implementation") {
  const fs::path folder = golden_folder();
  const auto manifest = nlohmann::json::parse(read_text_file(folder / "manifest.json"));
  const char* only = std::getenv("TELESCOPE_GOLDEN_ONLY");
  kernels::set_precision(kernels::Precision::fp32);  // what the tolerances were made for
  if (const char* variant = std::getenv("TELESCOPE_CONV_VARIANT")) {
    kernels::set_conv2d_variant(kernels::parse_conv2d_variant(variant));
  }
  Counts counts;
  for (const auto& entry : manifest.at("cases")) {
    if (only && entry["id"].get<std::string>().find(only) == std::string::npos) continue;
    run_case(entry, folder, counts);
  }
  std::cout << fmt::format("golden: {} cases, {} passed, {} failed, {} skipped\n", counts.cases,
                           counts.passed, counts.failed, counts.skipped);
  for (const auto& [reason, count] : counts.missing) {
    std::cout << fmt::format("  {:3} skipped: {}\n", count, reason);
  }
  CHECK_MESSAGE(counts.passed + counts.failed > 0, "no case ran in " << folder.string());
}

TEST_CASE("a case passes only if every expected result was compared and close") {
  const auto folder = fs::path(TELESCOPE_SOURCE_DIR) / "tests" / "data" / "golden";
  const auto manifest = nlohmann::json::parse(read_text_file(folder / "manifest.json"));
  const auto silu_case =
      std::find_if(manifest["cases"].begin(), manifest["cases"].end(),
                   [](const auto& entry) { return entry.value("op", "") == "silu"; });
  REQUIRE(silu_case != manifest["cases"].end());
  const auto failures = [&](auto&& compute) {
    Case c(*silu_case, folder, DType::f32);
    compute(c);
    return c.failures();
  };
  const auto right = [](Case& c, const char* name, double error) {
    const Tensor y = permuted(c.raw(name), c.raw(name).rank() == 4 ? Order{0, 2, 3, 1} : Order{});
    y.data<float>()[y.numel() / 2] += static_cast<float>(error);
    return y;
  };
  CHECK(failures([&](Case& c) {
          c.check("out.y", right(c, "out.y", 0));
          c.check_gradient("in.x", right(c, "grad.in.x", 0));
        }).empty());
  CHECK(failures([&](Case& c) { c.check("out.y", right(c, "out.y", 0)); }).size() == 1);
  for (const double error : {1e-3, double(NAN), double(INFINITY)}) {
    CHECK(failures([&](Case& c) {
            c.check("out.y", right(c, "out.y", error));
            c.check_gradient("in.x", right(c, "grad.in.x", error));
          }).size() == 2);
  }
  CHECK(failures([&](Case& c) {
          c.leave_out("out.y");
          c.check_gradient("in.x", Tensor());
        }).size() == 1);
  CHECK(failures([&](Case& c) {
          c.leave_out("in.x");
          c.check("out.y", c.raw("out.y").reshape({c.raw("out.y").numel()}));
        }).size() == 1);
}
