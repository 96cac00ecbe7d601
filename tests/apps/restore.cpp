// SPDX-License-Identifier: MIT
// telescope restore from outside.
#include <nlohmann/json.hpp>

#include "apps/restoration.h"
#include "core/safetensors.h"
#include "support/compare.h"
#include "support/pictures.h"
#include "support/small_run.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;
namespace fs = std::filesystem;

namespace {

const TemporaryFolder folder;

fs::path denoiser() {
  static const fs::path run = small_run(folder / "denoise", {"--hidden", "8", "--blocks", "1"});
  return run;
}
fs::path inpainter() {
  static const fs::path run =
      small_run(folder / "inpaint", {"--task", "inpaint", "--hidden", "8", "--blocks", "1"});
  return run;
}
fs::path enlarger() {
  static const fs::path run =
      small_run(folder / "enlarge", {"--task", "super-resolve", "--model", "espcn"});
  return run;
}

fs::path picture(const std::string& name, int height, int width, std::uint64_t index = 0) {
  write_png(folder / name, some_picture(height, width, index));
  return folder / name;
}

Outcome restore(const fs::path& run, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"restore", "--checkpoint", run.string()});
  return telescope_run(arguments);
}
Outcome restored(const fs::path& run, std::vector<std::string> arguments) {
  Outcome outcome = restore(run, std::move(arguments));
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  return outcome;
}

std::size_t files_in(const fs::path& path) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a picture of any size comes back in its size, the same for the same request") {
  for (const auto& [h, w] : {std::pair{1, 1}, {5, 33}, {70, 41}}) {
    const fs::path in = picture("in.png", h, w), a = folder / "a.png", b = folder / "b.png";
    restored(denoiser(), {in, "-o", a});
    restored(denoiser(), {in, "-o", b});
    CHECK(contents(a) == contents(b));
    CHECK(read_image_size(a).height == h);
    CHECK(read_image_size(a).width == w);
    restored(enlarger(), {in, "-o", a});
    CHECK(read_image_size(a).height == 2 * h);
    CHECK(read_image_size(a).width == 2 * w);
  }
}

TEST_CASE("clean pictures are degraded, and what comes back is told") {
  const fs::path in = picture("clean.png", 41, 37), out = folder / "out.png";
  const fs::path json_file = folder / "figures.json";
  restored(denoiser(),
           {in, "-o", out, "--clean", "--compare", "--time", "0.5", "--json", json_file});
  const auto json = nlohmann::json::parse(contents(json_file));
  CHECK(json["time"] == 0.5);
  const Tensor target = to_tensor(read_image(in));
  const Quality after = qualities(to_tensor(read_image(out)), target)[0];
  const auto& figures = json["pictures"][0];
  CHECK(figures["restored"]["mse"] == doctest::Approx(after.mse));
  CHECK(figures["restored"]["ssim"] == doctest::Approx(after.ssim));
  // x + noise of deviation (1 - t) / t = 1, clamped.
  CHECK(figures["degraded"]["mse"] > 0.2);
  const Image sheet = read_image(folder / "out.compare.png");
  CHECK(sheet.width == 3 * 37 + 4 * 4);
  CHECK(sheet.height == 41 + 2 * 4);
  const Image clean = read_image(in);
  CHECK(std::equal(clean.pixel(7, 0), clean.pixel(8, 0), sheet.pixel(4 + 7, 4 * 3 + 37 * 2)));

  // Noise is drawn from the seed.
  const std::string first = contents(out);
  restored(denoiser(), {in, "-o", out, "--clean", "--time", "0.5"});
  CHECK(contents(out) == first);
  restored(denoiser(), {in, "-o", out, "--clean", "--time", "0.5", "--seed", "1"});
  CHECK(contents(out) != first);

  // An odd size is cut to a multiple of the scale.
  restored(enlarger(), {in, "-o", out, "--clean"});
  CHECK(read_image_size(out).height == 40);
  CHECK(read_image_size(out).width == 36);
  check_refused(restore(enlarger(), {picture("row.png", 1, 9), "-o", out, "--clean"}), 2,
                "--clean: expected a picture of at least 2 x 2 pixels, got 9 x 1");
}

TEST_CASE("noise of a picture and time of the task") {
  const Task denoise("denoise"), deblur("deblur");
  // A picture (x + s z) is x_t / t: s = (1 - t) / t.
  CHECK(time_of_noise(denoise, 127.5) == 0.5);
  CHECK(time_of_noise(denoise, 0) == 1);
  CHECK(time_of_noise(deblur, 0) == 0);
  CHECK(time_of_noise(deblur, 127.5 / 9) == doctest::Approx(0.1));
  for (const double deviation : {1., 25., 80.}) {
    for (const Task* task : {&denoise, &deblur}) {
      CHECK(noise_of_time(*task, time_of_noise(*task, deviation)) == doctest::Approx(deviation));
    }
  }
  // What --clean shows as degraded, given back as a picture, is what the network sees.
  const fs::path in = picture("grey.png", 40, 40), a = folder / "a.png", b = folder / "b.png";
  restored(denoiser(), {in, "-o", a, "--noise", "63.75"});
  restored(denoiser(), {in, "-o", b, "--time", "0.66666666666666663"});
  CHECK(contents(a) == contents(b));
  restored(denoiser(), {in, "-o", b});
  CHECK(contents(a) != contents(b));
}

TEST_CASE("transparency is kept, grey becomes RGB, and JPEG is written where asked for") {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 4 * 20 * 30; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 37 % 256));
  const fs::path in = folder / "alpha.png", out = folder / "alpha_out.png";
  std::ofstream(in, std::ios::binary) << png_bytes(20, 30, 4, pixels);
  restored(denoiser(), {in, "-o", out});
  CHECK(read_photograph(out).alpha == read_photograph(in).alpha);
  restored(enlarger(), {in, "-o", out});
  const Image large = read_photograph(out), small = read_photograph(in);
  REQUIRE(large.alpha.size() == 4 * small.alpha.size());
  CHECK(large.opacity(0, 0) == small.opacity(0, 0));
  check_refused(restore(denoiser(), {in, "-o", folder / "alpha.jpg"}), 2,
                "is transparent, which a JPEG file cannot hold");
  CHECK_FALSE(fs::exists(folder / "alpha.jpg"));

  const fs::path grey = folder / "grey_in.png", jpeg = folder / "grey.JPG";
  std::ofstream(grey, std::ios::binary) << png_bytes(20, 30, 1, std::vector<std::uint8_t>(600, 90));
  restored(denoiser(), {grey, "-o", jpeg, "--quality", "60"});
  CHECK(contents(jpeg).starts_with("\xff\xd8\xff"));
  CHECK(read_photograph(jpeg).width == 30);
}

TEST_CASE("of a mask only what is white is changed") {
  const fs::path in = picture("holes.png", 40, 50), out = folder / "filled.png";
  Image mask(40, 50);
  for (int y = 10; y < 20; ++y) {
    for (int x = 5; x < 45; ++x) std::fill_n(mask.pixel(y, x), 3, std::uint8_t{255});
  }
  write_png(folder / "mask.png", mask);
  restored(inpainter(), {in, "-o", out, "--mask", folder / "mask.png"});
  const Image before = read_image(in), after = read_image(out);
  int changed = 0;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 50; ++x) {
      const bool same = std::equal(before.pixel(y, x), before.pixel(y, x) + 3, after.pixel(y, x));
      if (mask.pixel(y, x)[0] == 0) CHECK(same);
      changed += !same;
    }
  }
  CHECK(changed > 300);
  // What was in the hole has no say in it.
  Image other = before;
  for (int y = 10; y < 20; ++y) {
    for (int x = 5; x < 45; ++x) std::fill_n(other.pixel(y, x), 3, std::uint8_t{3});
  }
  write_png(in, other);
  const std::string filled = contents(out);
  restored(inpainter(), {in, "-o", out, "--mask", folder / "mask.png"});
  CHECK(contents(out) == filled);
  write_png(folder / "mask.png", Image(40, 49));
  check_refused(restore(inpainter(), {in, "-o", out, "--mask", folder / "mask.png"}), 2,
                "--mask: expected 50 x 40 pixels, as the picture has, got 49 x 40");
  check_refused(restore(denoiser(), {in, "-o", out, "--mask", folder / "mask.png"}), 2,
                "--mask: is for inpaint");
}

TEST_CASE("tiles: the same picture where the network is local") {
  const fs::path in = picture("large.png", 150, 170), a = folder / "a.png", b = folder / "b.png";
  restored(enlarger(), {in, "-o", a});
  const Outcome tiled = restored(enlarger(), {in, "-o", b, "--tile", "64"});
  CHECK(tiled.output.find("tiles of 64") != std::string::npos);
  const Image whole = read_image(a), parts = read_image(b);
  int most = 0;
  for (std::size_t i = 0; i < whole.rgb.size(); ++i) {
    most = std::max(most, std::abs(whole.rgb[i] - parts.rgb[i]));
  }
  CHECK(most <= 1);  // a value at half a step may be rounded either way
  CHECK(restored(enlarger(), {in, "-o", b, "--memory", "8"}).output.find("tiles of") !=
        std::string::npos);
}

TEST_CASE("several pictures go into a folder by their names") {
  const fs::path one = picture("one.png", 20, 20, 1), two = picture("two.png", 30, 20, 2);
  const fs::path out = folder / "several";
  restored(denoiser(), {one, two, "-o", out});
  CHECK(read_image_size(out / "two.png").height == 30);
  CHECK(files_in(out) == 2);
  restored(denoiser(), {one, "-o", out});  // into the folder that is there
  fs::create_directory(folder / "other");
  fs::copy_file(one, folder / "other/one.png");
  check_refused(restore(denoiser(), {one, folder / "other/one.png", "-o", folder / "new"}), 2,
                "two files would be written to");
  check_refused(restore(denoiser(), {one, two, "-o", one}), 2, "expected a folder for 2 pictures");
  check_refused(restore(denoiser(), {one, two, "-o", one / "below"}), 2,
                "--out: cannot create " + (one / "below").string() +
                    ": a file stands where a folder above it should");
  // One that cannot be read is found before the first is written.
  std::ofstream(folder / "broken.png") << "no picture";
  check_refused(restore(denoiser(), {one, folder / "broken.png", "-o", folder / "new"}), 2,
                "broken.png is neither a PNG nor a JPEG file");
  CHECK_FALSE(fs::exists(folder / "new"));
}

TEST_CASE("wrong requests leave everything as it was") {
  const fs::path in = picture("keep.png", 20, 20), out = folder / "never.png";
  const std::string before = contents(in);
  const auto refused = [&](std::vector<std::string> more, const std::string& part) {
    more.insert(more.begin(), in.string());
    if (std::find(more.begin(), more.end(), "-o") == more.end()) {
      more.insert(more.end(), {"-o", out.string()});
    }
    check_refused(restore(denoiser(), more), 2, part);
    CHECK_FALSE(fs::exists(out));
    CHECK(contents(in) == before);
  };
  refused({"-o", in}, "would overwrite");
  fs::create_symlink(in, folder / "link.png");
  refused({"-o", folder / "link.png"}, "would overwrite");
  refused({"-o", folder / "out.gif"}, "ends in .png, .jpg or .jpeg, got");
  refused({"-o", folder / "none/out.png"}, "there is no folder");
  refused({"--time", "0"}, "--time: denoise was trained for times above 0 up to 1, got 0");
  refused({"--time", "1.5"}, "got 1.5");
  refused({"--noise", "-1"}, "--noise: expected at least 0, got -1");
  refused({"--noise", "nan"}, "--noise: expected a number, got 'nan'");
  refused({"--json", in}, "--json: would overwrite");
  refused({"--json", out}, "--json: two files would be written to");
  refused({"--noise", "5", "--time", "0.5"}, "--time");
  refused({"--tile", "100"}, "--tile: expected a multiple of 16 of at least 64, got 100");
  refused({"--quality", "0"}, "--quality: expected a whole number from 1 to 100, got '0'");
  refused({"--json", folder / "none/f.json"}, "--json: there is no folder");
  check_refused(restore(enlarger(), {in, "-o", out, "--noise", "5"}), 2,
                "--noise: super-resolve knows no noise");
  check_refused(restore(inpainter(), {in, "-o", out, "--noise", "50"}), 2,
                "--noise: inpaint was trained for times from 0 to 0.1, got noise of time 0.2817");
}

TEST_CASE("checkpoints of every kind, and what is none") {
  const fs::path in = picture("in.png", 20, 20), a = folder / "a.png", b = folder / "b.png";
  restored(denoiser(), {in, "-o", a});
  restored(denoiser() / "model.safetensors", {in, "-o", b});
  CHECK(contents(a) == contents(b));
  restored(denoiser() / "checkpoint.safetensors", {in, "-o", b});
  CHECK(contents(a) == contents(b));

  // As PyTorch writes it: weights and nothing else.
  const fs::path bare = folder / "bare.safetensors";
  const SafetensorsFile file = read_safetensors(denoiser() / "model.safetensors");
  write_safetensors(bare, file.tensors);
  check_refused(restore(bare, {in, "-o", b}), 2, "does not say which network it belongs to");
  const std::vector<std::string> named = {in,        "-o",     b,          "--task", "denoise",
                                          "--model", "resnet", "--hidden", "8",      "--blocks"};
  auto right = named, wrong = named;
  right.emplace_back("1");
  wrong.emplace_back("2");
  restored(bare, right);
  CHECK(contents(a) == contents(b));
  check_refused(restore(bare, wrong), 2, "belongs to another network; missing: blocks.1.Conv1");
  check_refused(restore(bare, {in, "-o", b, "--task", "denoise", "--model", "resnet"}), 2,
                "belongs to another network than resnet with 128 channels");
  check_refused(restore(denoiser(), {in, "-o", b, "--hidden", "16"}), 2, "--hidden");

  // An interrupted run has no model.safetensors.
  const fs::path interrupted = folder / "interrupted", empty = folder / "empty";
  fs::create_directory(interrupted);
  fs::copy_file(denoiser() / "checkpoint.safetensors", interrupted / "checkpoint.safetensors");
  restored(interrupted, {in, "-o", b});
  CHECK(contents(a) == contents(b));
  fs::create_directory(empty);
  check_refused(restore(empty, {in, "-o", b}), 2, "has neither model.safetensors nor checkpoint");
  check_refused(restore(folder / "nowhere", {in, "-o", b}), 2, "--checkpoint: there is no");
  auto metadata = file.metadata;
  for (const char* text : {"{", "{\"task\": 3}", "[]"}) {
    metadata["network"] = text;
    write_safetensors(bare, file.tensors, metadata);
    check_refused(restore(bare, {in, "-o", b}), 2, "is damaged: what it says of its network");
  }
  metadata["network"] =
      R"({"task":"denoise","scale":2,"model":"resnet","hidden":60000,"blocks":10000})";
  write_safetensors(bare, file.tensors, metadata);
  check_refused(restore(bare, {in, "-o", b}), 2,
                "belongs to another network than resnet with 60000");
}
