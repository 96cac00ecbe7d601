// SPDX-License-Identifier: MIT
// Lesson 3: differences of gradients vary less than gradients, and the finer the meshes the less.
//
//   V(g) = E|g - E g|^2, summed over all parameters:   V(grad f_l - grad f_{l+1}) << V(grad f_l)
//
// A mean over N samples has the variance V / N: what varies little needs few samples. So the dear
// differences between fine meshes need few, and only the cheap coarsest mesh needs many. Their mean,
// |E(grad f_l - grad f_{l+1})|^2, is the error that training on the coarser mesh alone would make.
//
//   build/release/apps/lessons/variance [FOLDER]      writes variance.svg
//
// The last line gives V(grad f_0 - grad f_1) / V(grad f_0), and how many times the squared mean of that
// difference grows if images are restricted by the mean of 2 x 2 pixels, which halves their noise but not
// what t tells of it, and not by injection, which leaves noise as it is.
#include <telescope.h>

#include <algorithm>

#include "apps/lessons/support/denoiser.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;

constexpr int levels = 4;

struct Statistics {
  std::vector<double> gradient, difference, mean_difference;
};

Statistics measure(Denoiser& denoiser, Samples samples, Restriction restriction) {
  Statistics s;
  std::vector<Tensor> fine = denoiser.gradients(samples);
  for (int l = 0; l + 1 < levels; ++l) {
    samples = restrict(samples, restriction);
    const std::vector<Tensor> coarse = denoiser.gradients(samples);
    std::vector<Tensor> differences;
    for (std::size_t i = 0; i < fine.size(); ++i) differences.push_back(fine[i] - coarse[i]);
    s.gradient.push_back(variance(fine));
    s.difference.push_back(variance(differences));
    s.mean_difference.push_back(squared_mean(differences));
    fine = coarse;
  }
  s.gradient.push_back(variance(fine));
  return s;
}

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    Denoiser denoiser;
    train(denoiser, single_scale(8, 30));
    const Samples samples = NoisyLeaves(3).draw({.level = {}, .count = 128, .step = 0});
    std::vector<Chart> charts;
    std::vector<Statistics> found;
    fmt::print("restriction  l  V(grad f_l)  V(difference)  |E difference|^2\n");
    for (const Restriction restriction : {Restriction::injection, Restriction::mean}) {
      const std::string name(name_of(restriction));
      const Statistics s = measure(denoiser, samples, restriction);
      for (std::size_t l = 0; l + 1 < levels; ++l) {
        fmt::print("{:12} {} {:12.4f} {:14.4f} {:17.4f}\n", name, l, s.gradient[l], s.difference[l],
                   s.mean_difference[l]);
      }
      charts.push_back({.title = "Images restricted by " + name,
                        .x_label = "finer mesh of the two, l",
                        .series = {{"V(∇f_l)", {0, 1, 2, 3}, s.gradient},
                                   {"V(∇f_l − ∇f_l+1)", {0, 1, 2}, s.difference},
                                   {"|E(∇f_l − ∇f_l+1)|²", {0, 1, 2}, s.mean_difference}},
                        .log_y = true,
                        .y_includes = {1e-3, 1},
                        .x_names = {"mesh 0", "mesh 1", "mesh 2", "mesh 3"}});
      found.push_back(s);
    }
    write_charts(folder / "variance.svg", charts);
    const double share = found[0].difference[0] / found[0].gradient[0];
    const double growth = found[1].mean_difference[0] / found[0].mean_difference[0];
    return {
        fmt::format("left of the variance: {:.3f}; the mean difference is {:.1f} times as large "
                    "where the noise is halved",
                    share, growth),
        share < 0.2 && growth > 4};
  });
}
