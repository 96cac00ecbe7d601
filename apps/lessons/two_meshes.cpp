// SPDX-License-Identifier: MIT
// Lesson 2: the gradient on a coarse mesh is almost that on the fine one, at a quarter of the price.
//
//   cos(g_l, g_{l+1}) = <g_l, g_{l+1}> / (|g_l| |g_{l+1}|),   g_l = grad f_l(x; theta)
//
// A denoiser is trained a little on 32 x 32 pixels. Then 96 noisy images are restricted to 16, 8 and 4
// pixels, noise and all, and the gradients of the very same network on all four meshes are compared:
// those of every image by itself, and those of the mean over the images.
//
//   build/release/apps/lessons/two_meshes [FOLDER]    writes two_meshes.svg
//
// The last line gives cosine and ratio of norms of the mean gradients on mesh 0 and mesh 1. Equal
// gradients have 1 and 1.
#include <telescope.h>

#include <algorithm>
#include <cmath>

#include "apps/lessons/support/denoiser.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;

double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }
double norm(const Tensor& a) { return std::sqrt(dot(a, a)); }
double cosine(const Tensor& a, const Tensor& b) { return dot(a, b) / (norm(a) * norm(b)); }

// The cosines of all images from the least to the greatest, over their rank between 0 and 1.
Series cosines(std::string name, const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  Series series{std::move(name), {}, {}};
  for (std::size_t i = 0; i < a.size(); ++i) {
    series.x.push_back((double(i) + 0.5) / double(a.size()));
    series.y.push_back(cosine(a[i], b[i]));
  }
  std::sort(series.y.begin(), series.y.end());
  return series;
}

// The weights of one convolution: their gradients on two meshes against each other.
Series components(const Denoiser& denoiser, const Tensor& a, const Tensor& b) {
  const Tensor x = denoiser.parameters.slices(a)[2].tensor,
               y = denoiser.parameters.slices(b)[2].tensor;
  Series series{denoiser.parameters.named()[2].name, {}, {}, Mark::points};
  for (std::int64_t k = 0; k < x.numel(); k += 4) {
    series.x.push_back(x.data<float>()[k]);
    series.y.push_back(y.data<float>()[k]);
  }
  return series;
}

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    Denoiser denoiser;
    train(denoiser, single_scale(8, 30));
    std::vector<Samples> meshes{NoisyLeaves(3).draw({.level = {}, .count = 96, .step = 0})};
    for (int l = 0; l < 3; ++l) meshes.push_back(restrict(meshes.back(), Restriction::injection));

    Chart each{.title = "Every image by itself",
               .x_label = "share of the images",
               .y_label = "cosine of its gradients on two meshes"};
    std::vector<Tensor> fine = denoiser.gradients(meshes[0]);
    for (std::size_t l = 0; l < 3; ++l) {
      const std::vector<Tensor> coarse = denoiser.gradients(meshes[l + 1]);
      each.series.push_back(cosines(fmt::format("meshes {} and {}", l, l + 1), fine, coarse));
      fine = coarse;
    }
    const Tensor g0 = denoiser.gradient(meshes[0]), g1 = denoiser.gradient(meshes[1]);
    const Chart all{.title = "The mean over all images",
                    .x_label = "derivative by a weight, on mesh 0",
                    .y_label = "the same on mesh 1",
                    .series = {components(denoiser, g0, g1)}};
    write_charts(folder / "two_meshes.svg", {each, all});
    const double angle = cosine(g0, g1), ratio = norm(g1) / norm(g0);
    return {fmt::format("mesh 0 and mesh 1: cosine {:.3f}, ratio of norms {:.3f}", angle, ratio),
            angle > 0.9 && ratio > 0.7 && ratio < 1.4};
  });
}
