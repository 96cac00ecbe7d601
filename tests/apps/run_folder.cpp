// SPDX-License-Identifier: MIT
#include "apps/run_folder.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::app;
using telescope::test::error_of;
namespace fs = std::filesystem;

namespace {

// An empty folder that goes with the test.
struct Temporary {
  Temporary() {
    std::string name = (fs::temp_directory_path() / "telescope-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Temporary() { fs::remove_all(path); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  fs::path path;
};

void put(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
std::string get(const fs::path& file) { return read_text_file(file); }

// The error that f meets without the rights of root, seen from a child process.
std::string error_as_nobody(const std::function<void()>& f) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(1);
    const std::string error = error_of(f);
    _exit(write(ends[1], error.data(), error.size()) < 0);
  }
  close(ends[1]);
  std::string error(4096, '\0');
  error.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(ends[0], error.data(), 4096))));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return error;
}

}  // namespace

TEST_CASE("a run's folder, from its beginning to its report") {
  const Temporary temporary;
  const fs::path path = temporary.path / "runs" / "a run";
  const RunFolder folder(path, Existing::refuse);
  CHECK_FALSE(RunFolder::holds_run(path));
  folder.write_config({{"size", 64}, {"name", "caf\xE9"}});
  CHECK(RunFolder::holds_run(path));
  CHECK(folder.read_config() == nlohmann::json{{"size", 64}, {"name", "caf\xEF\xBF\xBD"}});
  {
    const auto metrics = folder.metrics({"step", "loss", "note"});
    metrics->add({std::int64_t{1}, 0.1, "a, \"b\""});
    metrics->add({std::int64_t{2}, std::numeric_limits<double>::quiet_NaN(), {}});
  }
  CHECK(get(folder.metrics_path()) == "step,loss,note\n1,0.1,\"a, \"\"b\"\"\"\n2,nan,\n");
  CHECK(folder.write_sample("step-2", "png") == path / "samples" / "step-2.png");
  folder.write_report("<html>");
  CHECK(get(path / "report.html") == "<html>");
  CHECK(error_of([&] { folder.write_sample("../x", ""); }) ==
        "run folder: a sample's name has letters, digits, '-' and '_', got '../x'");
}

TEST_CASE("a run that is there is not touched unless asked to") {
  const Temporary temporary;
  const fs::path path = temporary.path / "run";
  CHECK(error_of([&] { RunFolder(path, Existing::resume); }) ==
        "run folder: " + path.string() + " holds no run to resume");
  CHECK_FALSE(fs::exists(path));
  RunFolder(path, Existing::refuse).write_config({{"seed", 1}});
  CHECK(error_of([&] { RunFolder(path, Existing::refuse); }) ==
        "run folder: " + path.string() +
            " holds a run; choose another folder, --resume or --overwrite");
  CHECK(RunFolder(path, Existing::resume).read_config()["seed"] == 1);

  put(path / "checkpoint.safetensors", "weights");
  put(path / "notes.txt", "mine");
  fs::create_directory(path / "samples");
  put(path / "checkpoint-mine.safetensors", "mine");
  put(path / "model.safetensors", "weights");
  put(path / ".telescope-1-0.tmp", "half");
  put(path / "samples" / "validation.png", "png");
  put(path / "samples" / "mine.png", "mine");
  put(path / "samples" / "mine.txt", "mine");
  const RunFolder again(path, Existing::overwrite);
  CHECK_FALSE(RunFolder::holds_run(path));
  CHECK_FALSE(fs::exists(path / "samples" / "validation.png"));
  CHECK_FALSE(fs::exists(path / "model.safetensors"));
  CHECK_FALSE(fs::exists(path / ".telescope-1-0.tmp"));
  CHECK(get(path / "checkpoint-mine.safetensors") == "mine");
  CHECK(get(path / "samples" / "mine.png") == "mine");
  CHECK(get(path / "notes.txt") == "mine");
  CHECK(get(path / "samples" / "mine.txt") == "mine");
}

TEST_CASE("a folder of something else is refused, whatever is asked") {
  const Temporary temporary;
  put(temporary.path / "config.json", "{\"port\": 80}");
  for (const auto existing : {Existing::resume, Existing::overwrite}) {
    CHECK(error_of([&] { RunFolder(temporary.path, existing); }) ==
          "run folder: " + (temporary.path / "config.json").string() +
              " is not the configuration of a run; choose another folder");
  }
  CHECK(get(temporary.path / "config.json") == "{\"port\": 80}");
  put(temporary.path / "file", "");
  CHECK(error_of([&] { RunFolder(temporary.path / "file", Existing::refuse); }) ==
        "run folder: " + (temporary.path / "file").string() + " is a file, expected a folder");
  CHECK(error_of([&] {
          RunFolder(temporary.path / "file" / "a", Existing::refuse);
        }).ends_with("a file stands where a folder above it should"));
  CHECK(error_of([] { RunFolder("", Existing::refuse); }) ==
        "run folder: expected a folder's name, got an empty one");
}

TEST_CASE("what bears the name of a run's file is not lost without being asked") {
  for (const char* name : {"model.safetensors", "results.csv", "results.json"}) {
    const Temporary temporary;
    put(temporary.path / name, "mine");
    CHECK(error_of([&] { RunFolder(temporary.path, Existing::refuse); }).find("holds a run") !=
          std::string::npos);
    CHECK(get(temporary.path / name) == "mine");
  }
}

TEST_CASE("metrics that lack rows the checkpoint has are not continued") {
  const Temporary temporary;
  const RunFolder folder(temporary.path, Existing::refuse);
  folder.metrics({"step", "loss"})->add({std::int64_t{1}, 0.5});
  CHECK_NOTHROW(folder.metrics({"step", "loss"}, 1)->sync());
  CHECK(error_of([&] {
          (void)folder.metrics({"step", "loss"}, 2);
        }).ends_with("is damaged: it has 1 whole rows, the checkpoint is of step 2"));
}

TEST_CASE("one process at a time") {
  const Temporary temporary;
  const RunFolder folder(temporary.path, Existing::refuse);
  CHECK(error_of([&] { RunFolder(temporary.path, Existing::refuse); }) ==
        "run folder: " + temporary.path.string() + " is in use by another run");
}

TEST_CASE("the parts of a comparison begin, or go on where they had begun") {
  const Temporary temporary;
  {
    const RunFolder folder(temporary.path, Existing::refuse);
    folder.write_config({});
    folder.part("mge").write_config({{"n", 1}});
    CHECK(error_of([&] { folder.part("mge"); }).find("holds a run") != std::string::npos);
    CHECK(error_of([&] { folder.part("a/b"); }).starts_with("run folder: a part's name has"));
  }
  const RunFolder folder(temporary.path, Existing::resume);
  CHECK(folder.part("mge").read_config()["n"] == 1);
  CHECK(fs::is_directory(folder.part("single-scale").path()));
}

TEST_CASE("resuming keeps the rows up to the step, and drops one that was cut") {
  const Temporary temporary;
  const fs::path file = temporary.path / "metrics.csv";
  const std::string header = "step,loss\n";
  const auto resumed = [&](const std::string& text, std::int64_t step) {
    put(file, text);
    CsvLog(file, {"step", "loss"}, step).add({step + 1, 9.0});
    return get(file);
  };
  CHECK(resumed(header + "1,0.5\n2,0.25\n3,0.1\n", 2) == header + "1,0.5\n2,0.25\n3,9\n");
  CHECK(resumed(header + "1,0.5\n2,0.2", 2) == header + "1,0.5\n3,9\n");
  CHECK(resumed(header + "1,0.5\n1", 12) == header + "1,0.5\n13,9\n");
  CHECK(resumed(header + "1,0.5\nrubbish\n3,1\n", 7) == header + "1,0.5\n8,9\n");
  CHECK(resumed(header, 0) == header + "1,9\n");
  put(file, "step,mse\n1,2\n");
  CHECK(error_of([&] {
          CsvLog(file, {"step", "loss"}, 1);
        }) == "resume: " + file.string() + " has the columns step,mse, this run step,loss");
  CHECK(get(file) == "step,mse\n1,2\n");
  CHECK(error_of([&] { CsvLog(temporary.path / "none", {"step"}, 1); }).find("none") !=
        std::string::npos);
  CHECK(error_of([&] {
          CsvLog(file, {"step", "loss"}).add({1.0});
        }) == "metrics: " + file.string() + " has 2 columns, the row 1");
}

TEST_CASE("what was written is read back, to the digit") {
  const Temporary temporary;
  const fs::path file = temporary.path / "m.csv";
  {
    CsvLog log(file, {"step", "a, b", "c"});
    log.add({std::int64_t{1}, 0.1 + 0.2, {}});
    log.add({std::int64_t{2}, 1e-300, "x,\"y\""});
  }
  std::ofstream(file, std::ios::app) << "3,4";  // cut
  const CsvColumns columns = read_csv(file);
  CHECK(columns.names == std::vector<std::string>{"step", "a, b", "c"});
  CHECK(columns.at("step") == std::vector<double>{1, 2});
  CHECK(columns.at("a, b") == std::vector<double>{0.1 + 0.2, 1e-300});
  CHECK(std::isnan(columns.at("c")[0]));
  CHECK(error_of([&] { columns.at("d"); }) == "metrics: no column 'd'");
}

TEST_CASE("a full disk is one line that names the file, and no row is cut") {
  const Temporary temporary;
  const fs::path file = temporary.path / "m.csv";
  CsvLog log(file, {"step", "loss"});
  log.add({std::int64_t{1}, 0.5});
  // A limit on the length of files stands for the disk; its signal is not wanted.
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full = {20, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &full);
  const std::string error = error_of([&] { log.add({std::int64_t{2}, 0.123456789}); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(error == "metrics: cannot write " + file.string() + ": File too large");
  CHECK(get(file) == "step,loss\n1,0.5\n");
  log.add({std::int64_t{2}, 0.25});
  CHECK(get(file) == "step,loss\n1,0.5\n2,0.25\n");
}

TEST_CASE("a read-only place is one line that names it, before any training") {
  const Temporary temporary;
  fs::permissions(temporary.path, fs::perms(0555));
  CHECK(error_as_nobody([&] { RunFolder(temporary.path / "a", Existing::refuse); }) ==
        "run folder: cannot create " + (temporary.path / "a").string() + ": Permission denied");
  CHECK(error_as_nobody([&] { RunFolder(temporary.path, Existing::refuse); }) ==
        "run folder: cannot write to " + temporary.path.string() + ": Permission denied");
  fs::permissions(temporary.path, fs::perms(0755));
}
