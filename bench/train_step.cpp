// SPDX-License-Identifier: MIT
// Seconds and peak memory of one training step of ResNet: forward, backward, Adam.
//   train_step HIDDEN BLOCKS SIZE BATCH STEPS
// prints one line of JSON: median seconds a step after a warm-up step, the peak of the process's
// resident memory, and the loss of the last step. bench/compare_step.py runs it beside PyTorch.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "core/parallel.h"
#include "core/profile.h"
#include "layers/loss.h"
#include "layers/optimizer.h"
#include "layers/parameters.h"
#include "layers/random.h"
#include "models/resnet.h"

using namespace telescope;

namespace {

long peak_resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "expected: train_step HIDDEN BLOCKS SIZE BATCH STEPS\n");
    return 2;
  }
  const auto argument = [&](int i) { return std::atol(argv[i]); };
  const std::int64_t size = argument(3), batch = argument(4), steps = argument(5);
  ResNet net({.hidden = argument(1), .blocks = argument(2)});
  const ParameterBuffer parameters(net);
  Adam adam(parameters.values(), parameters.gradients());
  const Tensor x = random_normal({batch, size, size, 3}, {1, "x"});
  const Tensor target = random_normal(x.shape(), {1, "target"});
  const Tensor t = random_uniform({batch}, {1, "t"});

  std::vector<double> seconds;
  double value = 0;
  const long before = peak_resident_kib();
  for (std::int64_t step = 0; step <= steps; ++step) {
    const double start = now_seconds();
    parameters.zero_gradients();
    const Tensor loss = mse_loss(net(x, t), target);
    value = loss.item();
    loss.backward();
    adam.step(1e-4);
    if (step > 0) seconds.push_back(now_seconds() - start);  // the first step warms up
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf(
      "{\"seconds\": %.6f, \"peak_kib\": %ld, \"before_kib\": %ld, \"loss\": %.6f, "
      "\"threads\": %d}\n",
      seconds[seconds.size() / 2], peak_resident_kib(), before, value, thread_count());
  return 0;
}
