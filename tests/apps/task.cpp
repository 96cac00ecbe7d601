// SPDX-License-Identifier: MIT
#include "apps/task.h"

#include <cmath>
#include <set>

#include "layers/blur.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/pointwise.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

namespace {

// A mean square that differs from zero by more than chance.
bool differ(const Tensor& a, const Tensor& b) { return !difference(a, b, {}).empty(); }

Samples at_time(const Task& task, const Tensor& clean, double t) {
  return task.degrade(clean, Tensor::full({clean.extent(0)}, t), {1, "n", 0});
}

}  // namespace

TEST_CASE("denoise mixes image and noise by the time of each image, the same for the same key") {
  const Task task("denoise");
  const Tensor clean = random_tensor({3, 8, 8, 3});
  const Samples samples = task.degrade(clean, {1, "noise", 5});
  CHECK_SAME(samples.target, clean);
  for (const float t : samples.time.to_vector<float>()) CHECK((t >= 0 && t < 1));
  CHECK_SAME(task.degrade(clean, {1, "noise", 5}).input, samples.input);
  CHECK(differ(task.degrade(clean, {1, "noise", 6}).input, samples.input));
  CHECK(differ(task.degrade(clean, {2, "noise", 5}).input, samples.input));

  // At t = 1 nothing is added, at t = 0 nothing is left: a mean and a deviation of noise.
  CHECK_SAME(at_time(task, clean, 1).input, clean);
  const Tensor noise = at_time(task, Tensor::full({16, 8, 8, 3}, 9), 0).input;
  double sum = 0, square = 0;
  for (const double v : noise.to(DType::f64).to_vector<double>()) sum += v, square += v * v;
  CHECK(std::abs(sum / 3072) < 5 / std::sqrt(3072.0));
  CHECK(square / 3072 == doctest::Approx(1).epsilon(5 * std::sqrt(2 / 3072.0)));
}

TEST_CASE("deblur blurs by three pixels and adds a little noise") {
  const Task task("deblur");
  const Tensor clean = random_tensor({3, 16, 16, 3});
  CHECK_SAME(at_time(task, clean, 0).input, gaussian_blur(clean, 3));
  CHECK_SAME(at_time(task, clean, 0.05).input,
             mix(at_time(task, clean, 1).input, gaussian_blur(clean, 3), Tensor::full({3}, 0.05)));
  for (const float t : task.degrade(clean, {1, "n", 0}).time.to_vector<float>()) {
    CHECK((t >= 0 && t < 0.1f));
  }
}

TEST_CASE("inpaint takes boxes out, and says nothing of where") {
  const Task task("inpaint");
  const Tensor clean = Tensor::full({4, 16, 16, 3}, 0.5);
  const Samples samples = at_time(task, clean, 0);
  int missing = 0;
  for (const float v : samples.input.to_vector<float>()) {
    CHECK((v == 0 || v == 0.5));
    missing += v == 0;
  }
  CHECK(missing > 4 * 16 * 16 * 3 / 50);
  CHECK(missing < 4 * 16 * 16 * 3 * 3 / 4);
  CHECK_SAME(samples.target, clean);
  CHECK(differ(at_time(task, clean, 0.05).input, samples.input));
}

TEST_CASE("super-resolve shows the means of pixels") {
  const Tensor clean = random_tensor({2, 12, 24, 3});
  for (const std::int64_t scale : {2, 3, 4}) {
    const Task task("super-resolve", scale);
    const Samples samples = task.degrade(clean, {1, "n", 0});
    CHECK(samples.input.shape() == Shape{2, 12 / scale, 24 / scale, 3});
    CHECK_SAME(samples.target, clean);
    CHECK_FALSE(samples.time.defined());
    CHECK(task.degrade_evenly(clean, 4, {1, "n", 0}).size() == 2);  // all draws would be alike
    double sum = 0;
    for (std::int64_t i = 0; i < scale * scale; ++i) {
      sum += clean.data<float>()[(i / scale * 24 + i % scale) * 3];
    }
    CHECK(samples.input.data<float>()[0] == doctest::Approx(sum / double(scale * scale)));
  }
  CHECK(Task("denoise").scale() == 1);
}

TEST_CASE("for validation every picture has a time in every part of the task's") {
  const Tensor clean = random_tensor({5, 2, 2, 3});
  for (const auto& [name, longest] : {std::pair{"denoise", 1.0}, {"deblur", 0.1}}) {
    const Samples samples = Task(name).degrade_evenly(clean, 4, {1, "v", 0});
    REQUIRE(samples.size() == 20);
    std::set<std::pair<std::int64_t, int>> parts;
    for (std::int64_t i = 0; i < 20; ++i) {
      CHECK_SAME(samples.target.rows(i, 1), clean.rows(i % 5, 1));
      parts.insert({i % 5, static_cast<int>(samples.time.data<float>()[i] / longest * 4)});
    }
    CHECK(parts.size() == 20);
    CHECK(differ(samples.input.rows(0, 5), samples.input.rows(5, 5)));
  }
}

TEST_CASE("degraded on the finest mesh, samples are restricted as they are") {
  const Tensor clean = random_tensor({2, 16, 16, 3});
  for (const std::string_view name : task_names()) {
    INFO(name);
    const Task task(name);
    const Samples fine = task.degrade(clean, {1, "n", 0});
    CHECK_FALSE(fine.noise.defined());
    const Samples coarse = task.coarsening(Restriction::injection)(fine, Mesh{1});
    CHECK_SAME(coarse.input, restrict(fine.input, Restriction::injection));
    CHECK_SAME(coarse.target, restrict(clean, Restriction::injection));
  }
}

TEST_CASE("degraded on every mesh, the coarse image is that of the coarse clean one") {
  const Tensor clean = random_tensor({2, 16, 16, 3});
  const auto both = [&](std::string_view name, Restriction restriction) {
    const Task task(name, 2, Placement::every_mesh);
    const Samples fine = task.degrade(clean, {1, "n", 0});
    CHECK_SAME(fine.input, Task(name).degrade(clean, {1, "n", 0}).input);  // mesh 0 is the same
    return std::pair{fine, task.coarsening(restriction)(fine, Mesh{1})};
  };
  // By injection, pixel by pixel, there is no difference; a mean leaves the deviation of noise.
  const auto [fine, coarse] = both("denoise", Restriction::injection);
  CHECK_SAME(coarse.input, restrict(fine.input, Restriction::injection));
  const auto [f, c] = both("denoise", Restriction::mean);
  CHECK_SAME(c.input, mix(restrict(clean, Restriction::mean),
                          restrict(f.noise, Restriction::injection), f.time));
  const auto [sharp, blurred] = both("deblur", Restriction::mean);
  CHECK_SAME(blurred.input, mix(blurred.noise, gaussian_blur(blurred.target, 1.5), sharp.time));
  const auto [whole, gaps] = both("inpaint", Restriction::mean);
  for (const float m : gaps.mask.to_vector<float>()) CHECK((m == 0 || m == 1));
  CHECK_SAME(gaps.input, mix(gaps.noise, gaps.mask * gaps.target, whole.time));
  const auto [large, small] = both("super-resolve", Restriction::injection);
  CHECK_CLOSE(small.input, restrict(restrict(clean, Restriction::injection), Restriction::mean),
              (Tolerance{1e-6, 1e-6}));
}

TEST_CASE("partners of a set of pairs are the input of super-resolution, and of nothing else") {
  const Tensor clean = random_tensor({2, 8, 8, 3}), low = random_tensor({2, 4, 4, 3});
  const auto input = [&](const Task& task, const Tensor& partners) {
    return task.with_partners(task.degrade(clean, {1, "n", 0}), partners).input;
  };
  const Task task("super-resolve");
  const Tensor own = task.degrade(clean, {1, "n", 0}).input;
  CHECK_SAME(input(task, low), low);
  CHECK_SAME(input(task, {}), own);
  CHECK_SAME(input(Task("super-resolve", 2, Placement::every_mesh), low), own);
  CHECK_SAME(input(Task("denoise"), low), Task("denoise").degrade(clean, {1, "n", 0}).input);
  CHECK(error_of([&] { input(Task("super-resolve", 4), low); }) ==
        "--scale: expected pairs of scale 4, got [2,4,4,3] for [2,8,8,3]");
}

TEST_CASE("losses, and similarity of images as it is defined") {
  const Tensor a = random_tensor({2, 13, 12, 3}), b = random_tensor({2, 13, 12, 3}, DType::f32, 7);
  CHECK_SAME(loss_per_sample(Loss::mse, a, b), mse_per_sample(a, b));
  const Tensor one = Tensor::full(a.shape(), 1);
  const Tensor similarity = ssim_per_sample(scale(a + one, 0.5), scale(b + one, 0.5));
  CHECK_SAME(ssim_of_images(a, b), similarity);
  CHECK_SAME(loss_per_sample(Loss::ssim, a, b), Tensor::full({2}, 1) - similarity);
  // What was stored as bf16 is not rounded again.
  const Tensor stored = a.to(DType::bf16);
  CHECK_SAME(ssim_of_images(stored, b), ssim_of_images(stored.to(DType::f32), b));
  check_gradients(
      [](const std::vector<Tensor>& in) { return loss_per_sample(Loss::ssim, in[0], in[1]); },
      {random_tensor({2, 4, 5, 1}, DType::f64, 1), random_tensor({2, 4, 5, 1}, DType::f64, 2)});
}

TEST_CASE("names of tasks, losses and places") {
  CHECK(task_names().size() == 4);
  CHECK(Task("super-resolve").usual_loss() == Loss::ssim);
  CHECK(parse_loss("ssim") == Loss::ssim);
  CHECK(parse_placement("every-mesh") == Placement::every_mesh);
  CHECK(error_of([] { Task("paint"); }) ==
        "--task: expected denoise, deblur, inpaint or super-resolve, got 'paint'");
  CHECK(error_of([] { Task("super-resolve", 7); }) == "--scale: expected 2, 3 or 4, got 7");
  CHECK(error_of([] { Task("denoise", 3); }) ==
        "--scale: is for super-resolve; denoise keeps the size of an image");
  CHECK(error_of([] { parse_loss("l1"); }) == "--loss: expected mse or ssim, got 'l1'");
}
