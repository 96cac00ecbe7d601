// SPDX-License-Identifier: MIT
// telescope restore: photographs through a trained network.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/number.h"
#include "apps/output.h"
#include "apps/restoration.h"
#include "apps/subcommands.h"
#include "apps/text.h"
#include "core/file.h"
#include "core/parallel.h"

namespace telescope::app {
namespace {

namespace fs = std::filesystem;

struct RestoreCommand {
  CheckpointOptions checkpoint;
  MachineOptions machine;
  RestorationOptions restoration;
  std::vector<std::string> pictures;
  std::string out, mask, json;
  std::optional<double> time, noise;
  int quality = 95;
  bool compare = false;
};

/// A picture, and what is made of it.
struct Job {
  fs::path picture, out, compare;
};

std::string extension_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

bool is_jpeg(const fs::path& path) {
  return extension_of(path) == ".jpg" || extension_of(path) == ".jpeg";
}

// Several pictures, or one into a folder that is there: by their own names.
std::vector<Job> jobs_of(const RestoreCommand& r) {
  std::error_code error;
  const fs::path out(r.out);
  const bool into_folder = r.pictures.size() > 1 || fs::is_directory(out, error);
  TELESCOPE_CHECK(!into_folder || !fs::exists(out, error) || fs::is_directory(out, error), "--out",
                  "expected a folder for {} pictures, {} is a file", r.pictures.size(), r.out);
  std::vector<Job> jobs;
  for (const fs::path picture : r.pictures) {
    Job job{picture, into_folder ? out / picture.filename() : out, {}};
    if (r.compare) {
      job.compare = job.out.parent_path() / (job.out.stem().string() + ".compare.png");
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

// Everything that can be known before the first picture is restored.
void check(const RestoreCommand& r, const std::vector<Job>& jobs) {
  std::vector<fs::path> read = {r.checkpoint.path, r.mask};
  for (const std::string& picture : r.pictures) {
    (void)read_image_size(picture);
    read.emplace_back(picture);
  }
  std::set<fs::path> written;
  const auto claim = [&](const char* option, const fs::path& file) {
    if (file.empty()) return;
    std::error_code error;
    const auto same = [&](const fs::path& other) { return fs::equivalent(file, other, error); };
    TELESCOPE_CHECK(std::none_of(read.begin(), read.end(), same), option,
                    "would overwrite {}, which is read", file.string());
    TELESCOPE_CHECK(written.insert(file.lexically_normal()).second, option,
                    "two files would be written to {}", file.string());
  };
  for (const Job& job : jobs) {
    TELESCOPE_CHECK(is_jpeg(job.out) || extension_of(job.out) == ".png", "--out",
                    "expected a name that ends in .png, .jpg or .jpeg, got {}", job.out.string());
    claim("--out", job.out);
    claim("--out", job.compare);
  }
  claim("--json", r.json);
  check_json_file("--json", r.json);
  if (jobs.size() == 1 && !fs::is_directory(r.out)) check_writable("--out", r.out);
}

// --time, --noise or what is usual, as a time.
double time_of(const RestoreCommand& r, const Task& task) {
  const char* option = r.time ? "--time" : "--noise";
  TELESCOPE_CHECK(task.has_time() || (!r.time && !r.noise), option, "{} knows no noise",
                  task.name());
  if (!task.has_time()) return 0;
  TELESCOPE_CHECK(!r.noise || *r.noise >= 0, "--noise", "expected at least 0, got {}", *r.noise);
  const double t = r.time ? *r.time : time_of_noise(task, r.noise.value_or(usual_noise(task)));
  TELESCOPE_CHECK(t >= 0 && t <= task.longest_time() && task.image_share(t) > 0, option,
                  "{} was trained for times {} {}, got {}{}", task.name(),
                  task.image_share(0) > 0 ? "from 0 to" : "above 0 up to", task.longest_time(),
                  r.time ? "" : "noise of time ", format_value(t));
  return t;
}

void write(const Job& job, const Restoration& r, const RestoreCommand& command) {
  const Image& image = r.restored;
  write_file_atomically(job.out,
                        is_jpeg(job.out) ? encode_jpeg(image, command.quality) : encode_png(image),
                        "picture");
  if (job.compare.empty()) return;
  std::vector<Image> row = {r.degraded, image};
  if (r.original) row.push_back(*r.original);
  write_png(job.compare, contact_sheet({row}));
}

void print(const Job& job, const Restoration& r) {
  std::printf("%s -> %s: %d x %d, %s, %s", one_line(job.picture.string()).c_str(),
              one_line(job.out.string()).c_str(), r.restored.width, r.restored.height,
              format_seconds(r.seconds).c_str(),
              format_bytes(static_cast<double>(r.peak_bytes)).c_str());
  if (r.tiles > 1) {
    std::printf(", %ld tiles of %ld", static_cast<long>(r.tiles), static_cast<long>(r.tile));
  }
  if (r.before && r.after) {
    std::printf("\n  degraded: PSNR %.2f dB, SSIM %.4f; restored: PSNR %.2f dB, SSIM %.4f",
                r.before->psnr, r.before->ssim, r.after->psnr, r.after->ssim);
  }
  std::printf("\n");
}

nlohmann::ordered_json json_of(const Quality& q) {
  return {{"mse", q.mse}, {"psnr", q.psnr}, {"ssim", q.ssim}};
}

nlohmann::ordered_json json_of(const Job& job, const Restoration& r) {
  nlohmann::ordered_json json{{"picture", valid_utf8(job.picture.string())},
                              {"out", valid_utf8(job.out.string())},
                              {"height", r.restored.height},
                              {"width", r.restored.width},
                              {"tiles", r.tiles},
                              {"tile", r.tile},
                              {"seconds", r.seconds},
                              {"peak_memory_bytes", r.peak_bytes}};
  if (r.before) json["degraded"] = json_of(*r.before);
  if (r.after) json["restored"] = json_of(*r.after);
  return json;
}

int restore(RestoreCommand& r) {
  const Machine machine = apply(r.machine);
  const std::vector<Job> jobs = jobs_of(r);
  check(r, jobs);
  const Trained trained = load_trained(r.checkpoint, machine.device);
  const Task& task = trained.task;
  r.restoration.time = time_of(r, task);
  TELESCOPE_CHECK(r.mask.empty() || task.name() == "inpaint", "--mask",
                  "is for inpaint, the network was trained to {}", task.name());
  std::optional<Image> holes;
  if (!r.mask.empty()) holes = read_photograph(r.mask);

  std::fprintf(stderr, "%s", trained.description().c_str());
  if (task.has_time()) {
    std::fprintf(stderr, ", for noise of %s of 255 (time %s)",
                 format_value(noise_of_time(task, r.restoration.time)).c_str(),
                 format_value(r.restoration.time).c_str());
  }
  std::fprintf(stderr, "\n");
  if (jobs.size() > 1) create_folder("--out", r.out);
  nlohmann::ordered_json pictures = nlohmann::ordered_json::array();
  for (const Job& job : jobs) {
    const Image picture = read_photograph(job.picture);
    TELESCOPE_CHECK(picture.alpha.empty() || !is_jpeg(job.out), "--out",
                    "{} is transparent, which a JPEG file cannot hold; write a PNG file",
                    job.picture.string());
    const Restoration restoration =
        restore_picture(trained, picture, holes, r.restoration, machine.device);
    write(job, restoration, r);
    print(job, restoration);
    pictures.push_back(json_of(job, restoration));
  }
  if (r.json.empty()) return 0;
  const nlohmann::ordered_json json{
      {"network", trained.description()}, {"device", machine.device.str()},
      {"threads", thread_count()},        {"time", r.restoration.time},
      {"seed", r.restoration.seed},       {"pictures", pictures}};
  write_file_atomically(r.json, json.dump(2) + '\n', "figures");
  return 0;
}

constexpr const char* kFooter =
    "Pictures are 8-bit PNG and JPEG; grey ones are written as RGB. Transparency is kept, Exif's\n"
    "orientation is applied, colour profiles and other notes of a camera are not kept.\n"
    "\n"
    "A picture that does not fit in --memory is restored in overlapping tiles, blended into each\n"
    "other without seams. espcn, which looks at 4 pixels around, gives the same picture to "
    "rounding.\n"
    "resnet and srnet normalise by the mean and deviation of all they see, unet normalises and\n"
    "attends: there a tile's take the place of the picture's.";

}  // namespace

Subcommand add_restore(CLI::App& program) {
  const auto state = std::make_shared<RestoreCommand>();
  CLI::App& command =
      *program.add_subcommand("restore", "Restore photographs by a trained network");
  add_options(command, state->checkpoint);
  command.add_option("pictures", state->pictures, "Photographs, PNG or JPEG, of any size")
      ->required();
  command
      .add_option(
          "-o,--out", state->out,
          "Where to: a name that ends in .png, .jpg or .jpeg; of several pictures a folder, "
          "in which they keep their names")
      ->required();
  command.add_option("--quality", state->quality, "Of JPEG files, 1 to 100")
      ->capture_default_str()
      ->check(number<int>(1, 100));
  auto* noise = command.add_option(
      "--noise", state->noise,
      "Deviation of the pictures' noise in steps of 0..255; default: 25 to denoise, else 0");
  noise->check(number<double>());
  command
      .add_option("--time", state->time,
                  "The same as the t of the task: see telescope train --help")
      ->check(number<double>())
      ->excludes(noise);
  auto* mask = command.add_option(
      "--mask", state->mask,
      "To inpaint: a picture of the same size, white where something is missing. Only there "
      "anything is changed. Without it holes are what is middle grey, and all is restored");
  command
      .add_flag("--clean", state->restoration.clean,
                "The pictures are clean: degrade them first, as the task says, and tell PSNR and "
                "SSIM of both as written")
      ->excludes(mask);
  command.add_option("--seed", state->restoration.seed, "Of what --clean draws")
      ->capture_default_str()
      ->check(number<std::uint64_t>());
  command.add_flag("--compare", state->compare,
                   "Write also degraded | restored, and with --clean | original, side by side, to "
                   "NAME.compare.png");
  command.add_option("--json", state->json, "Write the figures to this file");
  add_options(command, state->restoration.tiles);
  add_options(command, state->machine, false);
  command.footer(kFooter);
  return [state](const std::string&) { return restore(*state); };
}

}  // namespace telescope::app
