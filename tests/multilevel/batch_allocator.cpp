// SPDX-License-Identifier: MIT
#include "multilevel/batch_allocator.h"

#include <cmath>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

using Values = std::vector<double>;

// What a step would report where variances are known but for some noise, factors from 1/2 to 3/2.
std::vector<MeshReport> reports(const Values& variances, std::uint64_t step, double noise = 1) {
  RandomSequence random(RandomKey(11, "noise", step));
  std::vector<MeshReport> meshes;
  for (const double variance : variances) {
    MeshReport mesh{.mesh = Mesh{static_cast<int>(meshes.size())}, .samples = 4};
    mesh.variance = variance * (1 + noise * (random.uniform() - 0.5));
    meshes.push_back(mesh);
  }
  return meshes;
}

// The plans of all steps, taken as a trainer takes them.
std::vector<std::string> plans(const Schedule& schedule, const AllocationOptions& options,
                               const Values& variances, double noise = 1) {
  BatchAllocator allocator(schedule, options);
  std::vector<std::string> all;
  for (std::int64_t step = 0; step < schedule.steps(); ++step) {
    all.push_back(allocator.plan(step).str());
    const auto levels = static_cast<std::size_t>(schedule.stage_at(step).plan.levels());
    const bool measures = allocator.measures(step);
    if (step + 1 < schedule.steps()) allocator.advance(step + 1);
    if (measures) {
      const Values finest_first(variances.end() - static_cast<std::ptrdiff_t>(levels),
                                variances.end());
      allocator.observe(reports(finest_first, static_cast<std::uint64_t>(step), noise));
    }
  }
  return all;
}

// With these, 4,16,64 would be best for the 16.25 WU of 8,16,20.
const Values known{16 * 1.25, 256 * 0.3125, 4096 * 0.0625};
const BatchPlan start({8, 16, 20}), best({4, 16, 64});

}  // namespace

TEST_CASE("the problem of these tests") {
  REQUIRE(work_units(start) == 16.25);
  REQUIRE(work_units(best) == 14);
  REQUIRE(optimal_plan(known, level_costs({}, 3), 14) == best);
}

TEST_CASE("planned batches are the schedule's, and nothing is measured") {
  const auto all = plans(mge(start, 40), {}, known);
  for (const auto& plan : all) CHECK(plan == "8,16,20");
  const Schedule schedule = mge(start, 40);
  const BatchAllocator allocator(schedule, {});
  for (int step = 0; step < 40; ++step) CHECK_FALSE(allocator.measures(step));
}

TEST_CASE("optimal batches come after the pilot, and stay") {
  const AllocationOptions options{.kind = Allocation::optimal, .pilot = 3};
  const auto all = plans(mge(start, 40), options, known, 0);
  const std::string expected = optimal_plan(known, level_costs({}, 3), work_units(start)).str();
  for (std::size_t step = 0; step < 40; ++step) {
    INFO(step);
    CHECK(all[step] == (step < 4 ? "8,16,20" : expected));
  }
}

TEST_CASE("adaptive batches find the optimal plan through noise, and follow when it moves") {
  const Schedule schedule = mge(start, 1000);
  BatchAllocator allocator(schedule, {.kind = Allocation::adaptive});
  const Values costs = level_costs({}, 3), later{known[0] * 64, known[1], known[2]};
  for (std::int64_t step = 0; step < 999; ++step) {
    const Values& variances = step < 500 ? known : later;
    if (step == 499 || step == 998) {
      const BatchPlan ideal = optimal_plan(variances, costs, 16.25), plan = allocator.plan(step);
      INFO(plan.str() << " for " << ideal.str());
      CHECK(predicted_variance(variances, plan) <= 1.06 * predicted_variance(variances, ideal));
      CHECK(work_units(plan) <= 16.25);
      CHECK(predicted_variance(variances, start) > 1.1 * predicted_variance(variances, ideal));
    }
    const bool measures = allocator.measures(step);
    allocator.advance(step + 1);
    if (measures) allocator.observe(reports(variances, static_cast<std::uint64_t>(step)));
  }
}

TEST_CASE("batches change at their moments only, and where it is worth it") {
  const AllocationOptions options{
      .kind = Allocation::adaptive, .pilot = 2, .measure_every = 3, .change_every = 10};
  const Schedule schedule = mge(start, 300);
  BatchAllocator allocator(schedule, options);
  int changes = 0;
  for (std::int64_t step = 0; step < 299; ++step) {
    const auto before = allocator.state().batches;
    // Variances that wander by an order of magnitude.
    if (allocator.measures(step)) {
      allocator.observe(reports(
          {known[0] * std::exp(2 * std::sin(0.05 * static_cast<double>(step))), known[1], known[2]},
          static_cast<std::uint64_t>(step)));
    }
    allocator.advance(step + 1);
    if (allocator.state().batches == before) continue;
    ++changes;
    CHECK((step + 1 == 3 || (step + 1) % 10 == 0));
  }
  CHECK(changes > 3);
  CHECK(changes < 30);
  // A schedule that has nearly the best plan keeps it.
  const BatchPlan near({4, 14, 72});
  REQUIRE(optimal_plan(known, level_costs({}, 3), work_units(near)) != near);
  for (const auto& plan : plans(mge(near, 100), options, known, 0)) CHECK(plan == near.str());
}

TEST_CASE("a step that measures has two samples of every level at least") {
  const Schedule schedule = mge(BatchPlan({1, 1, 9}), 100);
  BatchAllocator allocator(schedule, {.kind = Allocation::adaptive, .pilot = 1});
  CHECK(allocator.plan(0).str() == "2,2,9");
  CHECK(allocator.plan(1).str() == "1,1,9");
  CHECK(allocator.plan(10).str() == "2,2,9");
  // And none does that could not change its stage any more.
  CHECK(allocator.measures(70));
  for (int step = 71; step < 100; ++step) CHECK_FALSE(allocator.measures(step));
  const Schedule longer = mge(start, 101);  // whose last step may begin with other batches
  CHECK(BatchAllocator(longer, {.kind = Allocation::adaptive}).measures(90));
  const Schedule as_long_as_its_pilot = mge(start, 4);
  for (int step = 0; step < 4; ++step) {
    CHECK_FALSE(BatchAllocator(as_long_as_its_pilot, {.kind = Allocation::optimal, .pilot = 3})
                    .measures(step));
  }
}

TEST_CASE("a run costs no more than the schedule, where batches of one are measured as two") {
  RandomSequence random(RandomKey(12, "budgets"));
  int ones = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const BatchPlan own({1 + random.below(4), 1 + random.below(9), 1 + random.below(30)});
    const Values variances{std::pow(10.0, -4.0 * random.uniform()), 1, 4};
    const Schedule schedule = mge(own, 60 + random.below(200));
    const AllocationOptions options{.kind = Allocation::adaptive};
    double spent = 0;
    for (const auto& plan : plans(schedule, options, variances)) {
      const auto first = plan.find(','), second = plan.find(',', first + 1);
      spent += work_units(BatchPlan({std::stoll(plan), std::stoll(plan.substr(first + 1)),
                                     std::stoll(plan.substr(second + 1))}));
      ones += plan.starts_with("1,") && own[0] > 1;
    }
    INFO(own.str());
    const double most = BatchAllocator(schedule, options).most_work_units();
    CHECK(spent <= most);
    if (own[0] > 1 && own[1] > 1 && own[2] > 1) CHECK(most == work_units(schedule));
  }
  CHECK(ones > 500);
  // By hand: 5 steps of a pilot and one more of 2,2,2 rather than 1,2,3.
  const Schedule schedule = mge(BatchPlan({1, 2, 3}), 21);
  CHECK(BatchAllocator(schedule, {.kind = Allocation::adaptive}).most_work_units() ==
        work_units(schedule) + 6 * 1.25);
  CHECK(BatchAllocator(schedule, {}).most_work_units() == work_units(schedule));
}

TEST_CASE("every stage begins with its own plan; one level has nothing to share") {
  const Schedule schedule = full_multiscale(start, 20);  // 20, 10, 5 steps
  const auto all = plans(schedule, {.kind = Allocation::optimal, .pilot = 2}, known, 0);
  for (std::size_t step = 0; step < 35; ++step) {
    INFO(step << ": " << all[step]);
    if (step < 20) CHECK(all[step] == "20");
    if (step >= 20 && step < 23) CHECK(all[step] == "16,20");
    if (step >= 23 && step < 30) CHECK(all[step] != "16,20");
    if (step >= 30 && step < 33) CHECK(all[step] == "8,16,20");
    if (step >= 33) CHECK(all[step] != "8,16,20");
  }
}

TEST_CASE("by seconds: a plan costs the measured seconds of the schedule's") {
  const Schedule schedule = mge(BatchPlan({8, 8}), 20);
  BatchAllocator allocator(schedule, {.kind = Allocation::optimal, .pilot = 1, .seconds = true});
  auto meshes = reports({4, 64}, 0, 0);
  meshes[0].samples = meshes[1].samples = 8;
  meshes[0].seconds = 8;   // a second a sample
  meshes[1].seconds = 16;  // as much for each of both sides: costs are 2 and 1
  allocator.observe(meshes);
  meshes[1].seconds = 160;  // something else ran beside it
  allocator.observe(meshes);
  allocator.advance(2);
  const BatchPlan plan = allocator.plan(2);
  CHECK(plan == optimal_plan(Values{4, 64}, Values{2, 1}, 24));
  CHECK(plan.str() == "3,18");
}

TEST_CASE("measurements that are not numbers are passed over") {
  const Schedule schedule = mge(start, 20);
  BatchAllocator allocator(schedule, {.kind = Allocation::adaptive});
  allocator.observe(reports({1, NAN, 1}, 0));
  auto one_sample = reports({1, 1, 1}, 0);
  one_sample[0].variance.reset();
  allocator.observe(one_sample);
  CHECK(allocator.state().measurements == 0);
  allocator.observe(reports({1, 2, 3}, 0, 0));
  allocator.observe(reports({3, 2, 1}, 0, 0));
  CHECK(allocator.state().variances == Values{2, 2, 2});
}

TEST_CASE("a restored allocator goes on as the other did") {
  const Schedule schedule = mge(start, 200);
  const AllocationOptions options{.kind = Allocation::adaptive};
  BatchAllocator whole(schedule, options), second(schedule, options);
  for (std::int64_t step = 0; step < 199; ++step) {
    const bool measures = whole.measures(step);
    if (step == 93) second.restore(whole.state(), step);
    for (BatchAllocator* each : {&whole, &second}) {
      if (each == &second && step < 93) continue;
      each->advance(step + 1);
      if (measures) each->observe(reports(known, static_cast<std::uint64_t>(step)));
    }
    if (step >= 93) CHECK(second.plan(step + 1) == whole.plan(step + 1));
  }
  CHECK(second.state().variances == whole.state().variances);
  CHECK(error_of([&] {
          second.restore({.batches = {1, 2}}, 5);
        }) == "allocation: the stage of step 5 has 3 levels, what was measured for it 2");
}

TEST_CASE("what cannot be allocated") {
  CHECK(error_of([] {
          const Schedule schedule = random_resizing(start, 5);
          const BatchAllocator allocator(schedule, {.kind = Allocation::adaptive});
        }) ==
        "allocation: optimal and adaptive batches need all levels in every step, "
        "'random-resizing' draws one");
  CHECK(error_of([] {
          const Schedule schedule = mge(start, 5);
          const BatchAllocator allocator(schedule, {.measure_every = 0});
        }) ==
        "allocation: expected pilot, measure_every, change_every and memory of at least 1, got 5, "
        "0, 20 and 10");
}
