// SPDX-License-Identifier: MIT
// The program telescope from outside: what it writes, how it ends, what it says to a bad request.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "core/device.h"
#include "core/safetensors.h"
#include "support/compare.h"
#include "support/telescope.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

// A run small enough for a test; more arguments follow and win over these.
std::vector<std::string> small_train(const fs::path& out, std::vector<std::string> more = {}) {
  std::vector<std::string> all = {"train",     "--hidden",
                                  "8",         "--blocks",
                                  "1",         "--size",
                                  "16",        "--levels",
                                  "2",         "--batch",
                                  "2",         "--steps",
                                  "12",        "--validation-images",
                                  "4",         "--lr",
                                  "1e-3",      "--checkpoint-every",
                                  "5",         "--out",
                                  out.string()};
  for (const std::string& m : more) {
    // An option given again replaces the one above.
    const auto old = m.starts_with("--") ? std::find(all.begin(), all.end(), m) : all.end();
    if (old != all.end()) all.erase(old, old + 2);
  }
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

TEST_CASE("train leaves a whole run folder") {
  const TemporaryFolder folder;
  const Outcome outcome = telescope_run(small_train(folder.path() / "a", {"--measure-every", "4"}));
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  for (const char* name : {"config.json", "metrics.csv", "checkpoint.safetensors",
                           "model.safetensors", "report.html", "samples/validation.png"}) {
    CHECK_MESSAGE(fs::file_size(folder.path() / "a" / name) > 0, name);
  }
  // 12 steps on mesh 1, 6 on mesh 0, and the header.
  const std::string csv = contents(folder.path() / "a/metrics.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 19);
  check_refused(telescope_run(small_train(folder.path() / "a")), 2, "--overwrite");
  CHECK(contents(folder.path() / "a/metrics.csv") == csv);
}

namespace {

// A run of 3/2 `steps` in two stages, killed somewhere in the middle and resumed on the same machine,
// against one that is not; its metrics.csv.
std::string check_kill_and_resume(std::vector<std::string> longer,
                                  const std::vector<std::string>& machine = {}, int steps = 400) {
  const TemporaryFolder folder;
  const fs::path whole = folder.path() / "whole", cut = folder.path() / "cut";
  longer.insert(longer.end(), {"--steps", std::to_string(steps)});
  longer.insert(longer.end(), machine.begin(), machine.end());
  REQUIRE(telescope_run(small_train(whole, longer)).code == 0);
  {
    auto arguments = small_train(cut, longer);
    arguments.insert(arguments.begin(), TELESCOPE_PROGRAM);
    Process process(arguments);
    // Somewhere in the middle: as soon as a few dozen steps are on record.
    for (int i = 0;
         i < 12000 && contents(cut / "metrics.csv").size() < static_cast<std::size_t>(20 * steps);
         ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process.kill(SIGKILL);
    CHECK(process.wait() == 128 + SIGKILL);
  }
  CHECK_FALSE(fs::exists(cut / "model.safetensors"));
  std::vector<std::string> resume = {"train", "--resume", "--out", cut.string()};
  resume.insert(resume.end(), machine.begin(), machine.end());
  const Outcome resumed = telescope_run(resume);
  INFO(resumed.output);
  REQUIRE(resumed.code == 0);
  CHECK(contents(cut / "model.safetensors") == contents(whole / "model.safetensors"));
  const std::string csv = contents(cut / "metrics.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 3 * steps / 2);
  return csv;
}

// The different values of a column.
std::set<std::string> values_of(const std::string& csv, const std::string& column) {
  std::set<std::string> values;
  std::istringstream lines(csv);
  std::string line, cell;
  std::getline(lines, line);
  const auto before = line.substr(0, line.find(column));
  const auto index = std::count(before.begin(), before.end(), ',');
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    for (std::ptrdiff_t i = 0; i <= index; ++i) std::getline(cells, cell, ',');
    if (!cell.empty()) values.insert(cell);
  }
  return values;
}

}  // namespace

TEST_CASE("killed at any moment and resumed, a run ends in the same bits") {
  CHECK(values_of(check_kill_and_resume({}), "mesh0_samples") == std::set<std::string>{"2"});
}

TEST_CASE("so does one whose batches follow what it measures") {
  const auto csv = check_kill_and_resume({"--allocation", "adaptive", "--batch", "4"});
  CHECK(values_of(csv, "mesh0_samples").size() > 1);
  CHECK(values_of(csv, "mesh0_variance").size() > 20);
}

TEST_CASE("so does one in bf16, whose checkpoint is all f32") {
  const auto all = devices();
  const auto simulated = [](const DeviceInfo& d) { return d.device.type == DeviceType::cuda_sim; };
  if (std::none_of(all.begin(), all.end(), simulated)) return;
  const std::vector<std::string> machine = {"--device", "cuda-sim", "--precision", "bf16"};
  check_kill_and_resume({"--size", "8"}, machine, 40);
  const TemporaryFolder folder;
  auto arguments = small_train(folder.path() / "a", {"--steps", "2", "--size", "8"});
  arguments.insert(arguments.end(), machine.begin(), machine.end());
  REQUIRE(telescope_run(arguments).code == 0);
  for (const NamedTensor& t :
       read_safetensors(folder.path() / "a" / "checkpoint.safetensors").tensors) {
    CHECK_MESSAGE(t.tensor.dtype() == DType::f32, t.name);
  }
}

TEST_CASE("optimal batches, and one random term a step") {
  const TemporaryFolder folder;
  const Outcome optimal =
      telescope_run(small_train(folder.path() / "optimal", {"--allocation", "optimal"}));
  INFO(optimal.output);
  REQUIRE(optimal.code == 0);
  CHECK(contents(folder.path() / "optimal/config.json").find("\"allocation\": \"optimal\"") !=
        std::string::npos);
  const Outcome random = telescope_run(
      small_train(folder.path() / "random", {"--strategy", "randomised-mge", "--seed", "2"}));
  INFO(random.output);
  REQUIRE(random.code == 0);
  const std::string csv = contents(folder.path() / "random/metrics.csv");
  CHECK(values_of(csv, "mesh0_samples") == std::set<std::string>{"2"});
  CHECK(values_of(csv, "mesh1_samples") == std::set<std::string>{"4"});
}

TEST_CASE("a signal stops after a checkpoint, with the exit code of the signal") {
  const TemporaryFolder folder;
  for (const int signal : {SIGINT, SIGTERM}) {
    const fs::path out = folder.path() / std::to_string(signal);
    auto arguments = small_train(out, {"--steps", "100000"});
    arguments.insert(arguments.begin(), TELESCOPE_PROGRAM);
    Process process(arguments);
    for (int i = 0; i < 2000 && contents(out / "metrics.csv").size() < 4000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process.kill(signal);
    CHECK(process.wait() == 128 + signal);
    CHECK(process.output().find("telescope train --resume --out") != std::string::npos);
  }
}

TEST_CASE("wrong requests") {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out";
  const auto refused = [&](std::vector<std::string> more, const std::string& part) {
    check_refused(telescope_run(small_train(out, std::move(more))), 2, part);
    CHECK_FALSE(fs::exists(out));
  };
  refused({"--strange"}, "--strange");
  refused({"--steps", "many"}, "--steps");
  // None of these may be taken for another number, and none may run until the memory is used up.
  refused({"--steps", "99999999999999999999"}, "--steps: expected a whole number from");
  refused({"--steps", ""}, "got ''");
  refused({"--batch", ""}, "got ''");
  refused({"--seed", "-1"}, "--seed: expected a whole number from 0");
  refused({"--seed", "18446744073709551616"}, "to 18446744073709551615, got");
  refused({"--lr", "fast"}, "--lr: expected a number, got 'fast'");
  refused({"--threads", "0"}, "--threads: expected a whole number from 1 to 4096, got '0'");
  refused({"--memory-limit", "-5"}, "--memory-limit: expected a whole number from 1");
  refused({"--hidden", "-4"}, "--hidden: expected a multiple of 4 from 4 to 65536, got -4");
  refused({"--blocks", "1000000000"}, "--blocks: expected 1 to 10000, got 1000000000");
  refused({"--data", "caf\xE9"}, "--data: expected a name in UTF-8");
  refused({"--data", "two\nlines"}, "there is no folder two\\x0alines");
  refused({"--levels", "5"}, "5 meshes need images of a multiple of 16");
  refused({"--size", "18", "--levels", "3"}, "3 meshes need images of a multiple of 4");
  refused({"--batch", "2,0"}, "expected at least 1 image on every level, got 2,0");
  refused({"--batch", "2,4,8"}, "--batch: expected 1 number or one for each of 2 meshes, got 3");
  refused({"--data", (folder.path() / "none").string()}, "none");
  refused({"--strategy", "sgd"}, "expected one of single-scale");
  refused({"--allocation", "best"}, "expected doubling, fixed, optimal or adaptive, got 'best'");
  refused({"--allocation", "doubling", "--batch", "2,4"},
          "--allocation: doubling takes one number from --batch, got 2");
  refused({"--allocation", "fixed"},
          "--allocation: fixed takes a number for each of 2 meshes from --batch, got 1");
  refused({"--allocation-cost", "joule"}, "expected work-units or seconds, got 'joule'");
  refused({"--allocation", "adaptive", "--strategy", "random-resizing"},
          "allocation: optimal and adaptive batches need all levels in every step");
  refused({"--task", "sing"},
          "--task: expected denoise, deblur, inpaint or super-resolve, got 'sing'");
  refused({"--model", "vgg"}, "--model: expected resnet, unet, srnet or espcn, got 'vgg'");
  refused({"--model", "srnet"},
          "--model: expected resnet or unet for the task denoise, got 'srnet'");
  refused({"--task", "super-resolve", "--model", "unet"}, "expected srnet, espcn or resnet");
  refused({"--task", "super-resolve", "--model", "espcn", "--hidden", "8", "--blocks", "0"},
          "--hidden: espcn has no such choice, got 8");
  refused({"--task", "super-resolve", "--scale", "5"}, "--scale: expected 2, 3 or 4, got 5");
  refused({"--task", "super-resolve", "--scale", "3"}, "--size: expected a multiple of --scale 3");
  refused({"--model", "unet", "--hidden", "8"}, "--hidden: expected a multiple of 16");
  refused({"--model", "unet", "--hidden", "16", "--dropout", "1"},
          "--dropout: expected a probability");
  refused({"--degrade", "twice"}, "--degrade: expected finest or every-mesh, got 'twice'");
  refused({"--loss", "l1"}, "--loss: expected mse or ssim, got 'l1'");
  refused({"--device", "gpu"}, "expected cpu, cuda, cuda:<number>, cuda-sim or auto, got 'gpu'");
  refused({"--device", "cuda:99"}, "device: ");
  refused({"--device", "tpu"}, "expected cpu, cuda, cuda:<number>, cuda-sim or auto, got 'tpu'");
  refused({"--precision", "bf16"}, "--precision: cpu computes in fp32, got 'bf16'");
  refused({"--precision", "fp16"}, "precision: expected fp32, tf32 or bf16, got 'fp16'");
  refused({"--precision", "tf32"}, "--precision: cpu computes in fp32, got 'tf32'");
  refused({"--backend", "cudnn"}, "backend: expected auto, native or vendor, got 'cudnn'");
  refused({"--device", "cuda-sim", "--backend", "vendor"}, "cuda-sim");
  refused({"--conv-variant", "fast"}, "expected one of automatic, direct, winograd, naive");
  refused({"--device", "cuda-sim", "--conv-variant", "tensor_core", "--precision", "fp32"},
          "--conv-variant: tensor_core rounds to tf32, which --precision fp32 does not allow");
  refused({"--conv-variant", "tiled"},
          "--conv-variant: cpu has automatic, direct, winograd, got 'tiled'");
  refused({"--lr", "-1"}, "--lr");
  refused({"--hidden", "10"}, "--hidden: expected a multiple of 4 from 4 to 65536, got 10");
  refused({"--hidden", "1000000000"},
          "--hidden: expected a multiple of 4 from 4 to 65536, got 1000000000");
  // Halved and added up, these would not be positive.
  refused({"--steps", "9223372036854775807"}, "--steps: expected 1 to 1000000000000, got");
  refused({"--stage-steps", "9223372036854775807,9223372036854775807"},
          "--stage-steps: expected 1 to 1000000000000, got 9223372036854775807");
  refused({"--restriction", "median"}, "injection");
  check_refused(telescope_run({"train", "--resume"}), 2, "--out");
  check_refused(telescope_run({"train", "--resume", "--out", out.string()}), 2, out.string());
  check_refused(telescope_run({}), 2, "subcommand");
  check_refused(telescope_run({"dance"}), 2, "dance (see telescope --help)");
  fs::create_directory(folder.path() / "empty");
  refused({"--data", (folder.path() / "empty").string()}, "empty");
}

TEST_CASE("a checkpoint that is damaged or of another network, and other options on resume") {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "a", other = folder.path() / "b";
  REQUIRE(telescope_run(small_train(out)).code == 0);
  REQUIRE(telescope_run(small_train(other, {"--hidden", "16"})).code == 0);
  const std::vector<std::string> resume = {"train", "--resume", "--out", out.string()};
  auto with_size = resume;
  with_size.insert(with_size.end(), {"--size", "32"});
  check_refused(telescope_run(with_size), 2, "the run was started with --size 16, got 32");

  // Another schedule would go on silently, and to other bits.
  const std::string config = contents(out / "config.json");
  std::string longer = config;
  longer.replace(longer.find("\"steps\": 12"), 11, "\"steps\": 40");
  std::ofstream(out / "config.json") << longer;
  check_refused(telescope_run(resume), 2, "was written with --steps 12, config.json beside it");
  std::ofstream(out / "config.json") << config;
  const std::string metrics = contents(out / "metrics.csv");
  std::ofstream(out / "metrics.csv") << metrics.substr(0, metrics.size() / 2);
  check_refused(telescope_run(resume), 2, "the checkpoint is of step 18");
  std::ofstream(out / "metrics.csv") << metrics;
  CHECK(telescope_run(resume).code == 0);

  const std::string checkpoint = contents(out / "checkpoint.safetensors");
  fs::copy_file(other / "checkpoint.safetensors", out / "checkpoint.safetensors",
                fs::copy_options::overwrite_existing);
  check_refused(telescope_run(resume), 2, "belongs to another network; wrong shape: Open.weight");
  std::ofstream(out / "checkpoint.safetensors", std::ios::binary)
      << checkpoint.substr(0, checkpoint.size() / 2);
  check_refused(telescope_run(resume), 2, "checkpoint.safetensors");
  fs::remove(out / "checkpoint.safetensors");
  check_refused(telescope_run(resume), 2, "start the run again with --overwrite");
}

TEST_CASE("standard streams that are closed or full") {
  const TemporaryFolder folder;
  const auto in_shell = [&](const std::string& name, const std::string& redirections) {
    std::vector<std::string> command = {"/bin/sh", "-c", "exec \"$@\" " + redirections, "sh",
                                        TELESCOPE_PROGRAM};
    const auto arguments = small_train(folder.path() / name);
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_program(command);
  };
  // The messages must not go to a file that got the number of a closed stream.
  CHECK(in_shell("closed", "<&- >&- 2>&-").code == 0);
  const std::string csv = contents(folder.path() / "closed/metrics.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 19);
  CHECK(csv.find("full-multiscale") == std::string::npos);
  check_refused(in_shell("full", ">/dev/full"), 1, "cannot write to standard output");
}

TEST_CASE("a loss that becomes infinite ends the run with a checkpoint") {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "a";
  check_refused(telescope_run(small_train(out, {"--lr", "1e30", "--lr-final", "1e30"})), 1,
                "expected a finite number");
  CHECK(fs::exists(out / "checkpoint.safetensors"));
  check_refused(
      telescope_run(small_train(folder.path() / "b", {"--hidden", "64", "--memory-limit", "1"})), 1,
      "out of memory");
}

TEST_CASE("compare puts strategies side by side") {
  const TemporaryFolder folder;
  auto arguments = small_train(
      folder.path() / "a", {"--seeds", "2", "--strategies", "single-scale,mge,random-resizing"});
  arguments[0] = "compare";
  const Outcome outcome = telescope_run(arguments);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  for (const char* name : {"report.html", "results.csv", "results.json", "config.json"}) {
    CHECK_MESSAGE(fs::file_size(folder.path() / "a" / name) > 0, name);
  }
  CHECK(outcome.output.find("random-resizing") != std::string::npos);
  const std::string csv = contents(folder.path() / "a/results.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 4);
}

TEST_CASE("help and info") {
  for (const char* command : {"train", "compare", "evaluate", "restore", "info"}) {
    const Outcome help = telescope_run({command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.output.find("--help") != std::string::npos);
  }
  const Outcome info = telescope_run({"info"});
  CHECK(info.code == 0);
  CHECK(info.output.find("cpu instructions") != std::string::npos);
  CHECK(info.output.find("oneDNN  ") != std::string::npos);
  CHECK(info.output.find("cuDNN  ") != std::string::npos);
}
