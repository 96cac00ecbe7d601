// SPDX-License-Identifier: MIT
// Lesson 7: write a CUDA kernel, run it without a GPU, and see what a missing barrier does.
//
//   y[i,j] = sum_{a,b in {-1,0,1}} w_a w_b x[i+a, j+b],   w = (1, 2, 1) / 4
//
// The multigrid smoother of lesson 1's full weighting, before it leaves out three pixels of four.
// kernel.h says what it computes, kernel_cuda.cu computes it on a GPU and on the simulator `cuda-sim`,
// and smooth() below is the plain loop that both are held against.
//
//   build/release/apps/lessons/kernel [FOLDER]        writes kernel.svg
//
// To step through it, thread by thread, without a GPU (apt-get install gdb):
//
//   cmake --preset debug && cmake --build --preset debug --target lesson.kernel
//   OMP_NUM_THREADS=1 TELESCOPE_SIM_SEED=0 gdb build/debug/apps/lessons/kernel
//   (gdb) start
//   (gdb) break kernel_cuda.cu:31 if threadIdx.x == 0 && threadIdx.y == 0
//   (gdb) continue
//   (gdb) print pixels[9]     not a number yet: only the first thread has loaded its pixels
//   (gdb) next                over the barrier, where it waits for all others
//   (gdb) print pixels[9]     now they are there
//
// The last line says how many pixels differ, on any device, between kernel and loop, and how many are
// not a number where the barrier was forgotten.
#include "apps/lessons/kernel.h"

#include <telescope.h>

#include <cmath>
#include <cstdlib>

#include "apps/builtin.h"
#include "apps/lessons/support/draw.h"
#include "apps/lessons/support/lesson.h"

using namespace telescope;
using namespace telescope::lessons;
using kernels::Barrier;

constexpr int height = 90, width = 120;

void kernels::cpu::smooth(const Stream&, Barrier, int h, int w, const float* x, float* y) {
  const auto mirrored = [](int i, int n) { return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i; };
  for (int i = 0; i < h; ++i) {
    for (int j = 0; j < w; ++j) {
      float sum = 0;
      for (int a = -1; a <= 1; ++a) {
        for (int b = -1; b <= 1; ++b) {
          sum += float((2 - std::abs(a)) * (2 - std::abs(b))) *
                 x[mirrored(i + a, h) * w + mirrored(j + b, w)];
        }
      }
      y[i * w + j] = sum / 16;
    }
  }
}

std::vector<float> smooth(const std::vector<float>& image, Device device, Barrier barrier) {
  const Tensor x = Tensor::from(image, {height, width}).to(device);
  const Tensor y = Tensor::zeros(x.shape(), DType::f32, device);
  kernels::smooth(x.stream(), barrier, height, width, x.data<float>(), y.data<float>());
  return y.to_vector<float>();
}

int main(int argc, char** argv) {
  return run_lesson(argc, argv, [](const std::filesystem::path& folder) -> Conclusion {
    const app::Image leaves = app::draw_dead_leaves(1, 3, height, width);
    std::vector<float> x(height * width);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = float(leaves.rgb[3 * i]) / 255;

    const std::vector<float> expected = smooth(x, {}, Barrier::right);
    std::vector<float> y;
    std::int64_t wrong = 0;
    for (const DeviceInfo& info : devices()) {
      y = smooth(x, info.device, Barrier::right);
      for (std::size_t i = 0; i < y.size(); ++i) wrong += !(std::abs(y[i] - expected[i]) < 1e-6);
      fmt::print("{}: {}\n", info.device.str(), info.name);
    }

    const Device simulator = parse_device("cuda-sim");
    const std::vector<float> torn = smooth(x, simulator, Barrier::forgotten);
    const auto lost =
        std::count_if(torn.begin(), torn.end(), [](float v) { return std::isnan(v); });
    std::string error;
    try {
      smooth(x, simulator, Barrier::missed);
    } catch (const Error& caught) {
      error = caught.what();
    }
    fmt::print("missed barrier: {}\n", error);
    write_sheet(folder / "kernel.svg", {{{"x", grey(x, width)},
                                         {"smoothed by the kernel", grey(y, width)},
                                         {"the barrier forgotten", grey(torn, width)}}});
    return {fmt::format("{} pixels differ from the loop; without the barrier {} are not a number",
                        wrong, lost),
            wrong == 0 && lost > 0 && error.find("barrier at kernel_cuda.cu:") != error.npos};
  });
}
