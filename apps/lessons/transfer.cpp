// SPDX-License-Identifier: MIT
// Lesson 1: how an image goes down to a coarser mesh and up again.
//
//   y = R x,   x' = P y;   adjoint if <R x, y> = c <x, P y> for all x and y
//
// Four pairs of R and P take a picture down and up. Its left half holds leaves, its right half rings
// that become finer towards the middle of that half. What is too fine for the coarse mesh must be
// filtered out by R, or it comes back as rings that are not there (aliasing).
//
//   build/release/apps/lessons/transfer [FOLDER]      writes transfer.svg
//
// The last line says how far <R x, y> is from <x, P y> / 4, as a share of it, for the two pairs that are
// adjoint; and what R leaves of a wave of 3/8 turns a pixel, which the coarse mesh cannot show: cos^k of
// 3/16 turns, with k = 0 for injection, 1 for the mean, 2 for full weighting.
#include <telescope.h>

#include <algorithm>
#include <cmath>

#include "apps/builtin.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;

constexpr int side = 128;
constexpr double turn = 2 * M_PI;

struct Pair {
  Restriction restriction;
  Prolongation prolongation;
  double factor;  // of P, so that constants stay what they are
  Tensor down(const Tensor& x) const { return restrict(x, restriction); }
  Tensor up(const Tensor& y) const { return factor * prolong(y, prolongation, side, side); }
};
constexpr Pair pairs[] = {{Restriction::injection, Prolongation::nearest, 1},
                          {Restriction::mean, Prolongation::nearest, 1},
                          {Restriction::mean, Prolongation::bilinear, 1},
                          {Restriction::full_weighting, Prolongation::full_weighting_adjoint, 4}};

// The pixels from column `first` on are f(row, column), whatever the picture was.
template <class F>
void paint(const Tensor& x, int first, F f) {
  for (int i = 0; i < side; ++i) {
    for (int j = first; j < side; ++j) {
      std::fill_n(x.data<float>() + (i * side + j) * 3, 3, static_cast<float>(f(i, j)));
    }
  }
}

double dot(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }
double root_mean_square(const Tensor& x) { return std::sqrt(dot(x, x) / double(x.numel())); }

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    const Tensor x = app::to_tensor(app::draw_dead_leaves(1, 12, side, side)), wave = x.clone();
    paint(x, side / 2, [](int i, int j) {
      return std::cos(M_PI * (std::pow(i - side / 2, 2) + std::pow(2 * j - side, 2)) / (2 * side));
    });
    paint(wave, 0, [](int, int j) { return std::cos(turn * 3 / 8 * j); });
    const Tensor noise = random_normal(x.shape(), {1, "noise"});
    const Tensor y = random_normal({1, side / 2, side / 2, 3}, {1, "coarse"});

    std::vector<std::vector<Panel>> sheet;
    std::vector<double> c, left;
    fmt::print("{:15} {:23} {:>8} {:>9} {:>6} {:>6}\n", "R", "P", "c", "|PRx - x|", "noise",
               "wave");
    for (const Pair& pair : pairs) {
      const std::string r(name_of(pair.restriction)), p(name_of(pair.prolongation));
      const Tensor down = pair.down(x), up = pair.up(down);
      c.push_back(dot(pair.down(noise), y) / dot(noise, pair.up(y)));
      left.push_back(root_mean_square(pair.down(wave)) / root_mean_square(wave));
      fmt::print("{:15} {:23} {:8.5f} {:9.4f} {:6.3f} {:6.3f}\n", r, p, c.back(),
                 root_mean_square(up - x), root_mean_square(pair.down(noise)), left.back());
      sheet.push_back({{"x", app::to_image(x)},
                       {"R x: " + r, app::to_image(down)},
                       {"P R x: " + p, app::to_image(up)},
                       {"P R x - x", app::to_image(up - x)}});
    }
    write_sheet(folder / "transfer.svg", sheet);
    const double error = std::max(std::abs(4 * c[1] - 1), std::abs(4 * c[3] - 1));
    const double expected = std::cos(turn * 3 / 16);
    return {fmt::format("adjoint to {:.1e}; left of the wave: {:.3f} by injection, {:.3f} by the "
                        "mean, {:.3f} by full weighting",
                        error, left[0], left[1], left[3]),
            error < 1e-5 && std::abs(left[0] - 1) < 1e-3 && std::abs(left[1] - expected) < 1e-3 &&
                std::abs(left[3] - expected * expected) < 1e-3};
  });
}
