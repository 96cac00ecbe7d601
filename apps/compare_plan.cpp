// SPDX-License-Identifier: MIT
#include "apps/compare_plan.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/text.h"
#include "multilevel/budget.h"

namespace telescope::app {
namespace {

// A measured step takes small passes, and must not weigh on the seconds of strategies of few steps.
constexpr std::int64_t kMeasureEvery = 20;
constexpr std::int64_t kMostSeeds = 10000;

}  // namespace

void resolve(Comparison& c) {
  resolve(c.options);
  check(c.budget);
  const AllocationOptions allocation = allocation_of(c.options);
  TELESCOPE_CHECK(
      !c.budget.work_units || allocation.kind == Allocation::planned || !allocation.seconds,
      "--allocation-cost", "expected work-units under a budget of work units, got seconds");
  TELESCOPE_CHECK(c.seeds >= 1 && c.seeds <= kMostSeeds, "--seeds", "expected 1 to {}, got {}",
                  kMostSeeds, c.seeds);
  TELESCOPE_CHECK(!c.strategies.empty(), "--strategies", "expected at least one");
  auto sorted = c.strategies;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  TELESCOPE_CHECK(twice == sorted.end(), "--strategies", "'{}' is named twice", *twice);
  for (const std::string& name : c.strategies) {
    RunOptions options = c.options;
    options.strategy = name;
    (void)schedule_of(options);
  }
}

std::vector<RunOptions> plans_of(const Comparison& c, bool measures, const Pictures& pictures,
                                 const Machine& machine) {
  std::vector<RunOptions> plans;
  for (const std::string& strategy : c.strategies) {
    RunOptions options = c.options;
    options.strategy = strategy;
    if (!measures) options.measure_every = kMeasureEvery;
    options = within_budget(options, c.budget, pictures, machine);
    const Schedule schedule = schedule_of(options);
    std::fprintf(stderr, "plan: %s, %ld steps, %s WU\n", strategy.c_str(),
                 static_cast<long>(schedule.steps()), format_count(work_units(schedule)).c_str());
    plans.push_back(options);
  }
  return plans;
}

nlohmann::json to_json(const Comparison& c) {
  nlohmann::json json = to_json(c.options);
  json["strategies"] = c.strategies;
  json["seeds"] = c.seeds;
  json["budget"] = to_json(c.budget);
  json["command-line"] = valid_utf8(c.command_line);
  json["plans"] = nlohmann::json::array();
  for (const RunOptions& plan : c.plans) json["plans"].push_back(to_json(plan));
  return json;
}

Comparison comparison_from_json(const nlohmann::json& json, const std::string& file) {
  Comparison c;
  c.options = options_from_json(json, file);
  try {
    c.strategies = json.at("strategies").get<std::vector<std::string>>();
    c.seeds = json.at("seeds");
    c.budget = budget_from_json(json.at("budget"));
    c.command_line = json.at("command-line");
    for (const auto& plan : json.at("plans")) c.plans.push_back(options_from_json(plan, file));
  } catch (const nlohmann::json::exception&) {
    raise(file, "is not the configuration of a comparison");
  }
  TELESCOPE_CHECK(c.plans.size() == c.strategies.size(), file, "has {} plans for {} strategies",
                  c.plans.size(), c.strategies.size());
  return c;
}

void check_same(const CLI::App& command, const Comparison& given, const Comparison& stored) {
  check_same(command, given.options, stored.options);
  auto here = to_json(given), there = to_json(stored);
  for (auto* json : {&here, &there}) json->update(json->at("budget"));
  for (const char* name : {"strategies", "seeds", "budget-wu", "budget-seconds", "target"}) {
    const bool same = command.count("--" + std::string(name)) == 0 || here[name] == there[name];
    TELESCOPE_CHECK(same, "--resume",
                    "the comparison was started with --{} {}, got {}; leave it out, or start "
                    "another one",
                    name, there[name].dump(), here[name].dump());
  }
}

}  // namespace telescope::app
