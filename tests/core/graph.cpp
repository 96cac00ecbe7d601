// SPDX-License-Identifier: MIT
// Recorded device work: what a replay does, what a recording refuses, and reading back without
// waiting.
#include "core/graph.h"

#include "core/event.h"
#include "core/host_copy.h"
#include "kernels/pointwise/pointwise.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {

Tensor sum_of(const Tensor& a, const Tensor& b) {
  const Tensor y = empty_on_device(a.shape());
  kernels::binary(test_stream(), kernels::Binary::add, a.numel(), a.data<float>(), b.data<float>(),
                  y.data<float>());
  return y;
}

bool cannot_run() {
  if (!test_device().is_cpu()) return false;
  CHECK(!Graph::supported(Device{}));
  CHECK(error_of([] { Graph(Device{}, [] {}); }) == "graph: cpu has no graphs");
  return true;
}

}  // namespace

TEST_CASE("a replay computes anew what was recorded, on what the inputs hold then") {
  if (cannot_run()) return;
  const Tensor a = on_device(random_integers({1000}, 9)), b = on_device(random_integers({1000}, 9));
  Tensor y;
  const Work before = work_done();
  const Graph graph(test_device(), [&] {
    // The sum in the middle is freed at once; its memory must not serve others between replays.
    const Tensor twice = sum_of(a, a);
    y = sum_of(twice, b);
  });
  CHECK(work_done().flop == before.flop);
  CHECK(graph.bytes() >= 2 * a.bytes());
  for (std::uint64_t seed = 2; seed < 5; ++seed) {
    const Tensor fresh = random_integers({1000}, 9, DType::f32, seed);
    a.copy_from(on_device(fresh));
    const Tensor others = Tensor::full({1000}, 1e9, DType::f32, test_device());
    const Work replayed = work_done();
    graph.replay();
    CHECK(work_done().flop - replayed.flop == 2000);
    const Tensor expected = on_host(sum_of(sum_of(a, a), b));
    CHECK_SAME(y, expected);
    CHECK_SAME(others, Tensor::full({1000}, 1e9));
  }
}

TEST_CASE("a recording takes nothing from the host and gives nothing to it") {
  if (cannot_run()) return;
  const Tensor host = Tensor::full({10}, 1), device = on_device(host);
  const auto message = [&](auto&& work) {
    return error_of([&] { const Graph graph(test_device(), work); });
  };
  CHECK(message([&] { device.copy_from(host); }).starts_with("copy: 40 bytes from the host"));
  CHECK(
      message([&] { (void)device.to_vector<float>(); }).starts_with("copy: 40 bytes to the host"));
  // A refused recording leaves the stream as it was.
  CHECK_SAME(sum_of(device, device), Tensor::full({10}, 2));
}

TEST_CASE("events that were recorded into a graph tell its time") {
  if (cannot_run()) return;
  const Tensor a = on_device(random_tensor({100000}));
  Event start, end;
  const Graph graph(test_device(), [&] {
    start.record(test_stream());
    (void)sum_of(a, a);
    end.record(test_stream());
  });
  graph.replay();
  CHECK(seconds_between(start, end) > 0);
}

TEST_CASE("a copy for the host holds what was there when it was asked for") {
  const Tensor x = on_device(Tensor::full({3}, 1));
  const HostCopy early(x);
  x.copy_from(on_device(Tensor::full({3}, 2)));
  const HostCopy late(x);
  CHECK(early.values<float>() == std::vector<float>{1, 1, 1});
  CHECK(late.values<float>() == std::vector<float>{2, 2, 2});
  CHECK(HostCopy().values<float>().empty());
  CHECK(error_of([&] { (void)early.values<double>(); }) ==
        "host copy: elements are f32, asked for f64");
}
