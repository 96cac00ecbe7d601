// SPDX-License-Identifier: MIT
#include "multilevel/estimator.h"

#include <cmath>

#include "layers/loss.h"
#include "layers/modules.h"
#include "layers/pointwise.h"
#include "layers/structure.h"
#include "models/resnet.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

struct Problem {
  ResNet net{{.hidden = 8, .blocks = 1, .time_hidden = 4}};
  ParameterBuffer parameters;
  SampleLoss loss = [this](const Samples& s) {
    return mse_per_sample(net(s.input, s.time), s.target);
  };

  Problem() : parameters(prepared(net)) {}
  static Module& prepared(Module& net) {
    net.initialize(3);
    net.to(DType::f64);
    // Close starts nearly at zero; give every parameter a gradient worth comparing.
    for (const NamedTensor& p : net.parameters()) {
      if (p.name == "Close.weight") p.tensor.copy_from(random_tensor(p.tensor.shape(), DType::f64));
    }
    return net;
  }
  Estimator estimator(Restriction restriction) const { return {loss, {restriction, 5}}; }
  // Gradient that `run` adds, and only that.
  template <class F>
  Tensor gradient(F&& run) {
    parameters.zero_gradients();
    run();
    return parameters.gradients().clone();
  }
};

Samples samples(std::int64_t n, std::uint64_t seed) {
  const Tensor clean = random_tensor({n, 16, 16, 3}, DType::f64, seed);
  Tensor time = Tensor::empty({n}, DType::f64), ids = Tensor::empty({n}, DType::i64);
  RandomSequence random(RandomKey(seed, "times"));
  for (std::int64_t i = 0; i < n; ++i) {
    time.data<double>()[i] = random.uniform();
    ids.data<std::int64_t>()[i] = i;
  }
  return {clean + random_tensor(clean.shape(), DType::f64, seed + 100), clean, time, ids};
}

constexpr Restriction restrictions[] = {Restriction::injection, Restriction::mean,
                                        Restriction::full_weighting};

}  // namespace

TEST_CASE("with the whole population on every level MGE is the fine gradient") {
  Problem problem;
  const Samples population = samples(6, 1);
  const auto w = std::vector<Samples>{population};
  for (const Restriction restriction : restrictions) {
    const Estimator estimator = problem.estimator(restriction);
    const Tensor fine = problem.gradient([&] { estimator.paired(w, Mesh{0}, 0); });
    const std::vector<Samples> levels(3, population);
    CHECK_NORM_CLOSE(problem.gradient([&] { estimator.paired(levels, Mesh{0}, 0); }), fine, 1e-12);
    CHECK_NORM_CLOSE(problem.gradient([&] { estimator.merged(levels, Mesh{0}, 0); }), fine, 1e-12);
  }
}

TEST_CASE("single terms, weighted by the chance of drawing them, have the fine gradient as mean") {
  Problem problem;
  const Samples population = samples(6, 1);
  const double chances[] = {0.1, 0.3, 0.6};
  for (const Restriction restriction : restrictions) {
    const Estimator estimator = problem.estimator(restriction);
    const auto w = std::vector<Samples>{population};
    const Tensor fine = problem.gradient([&] { estimator.paired(w, Mesh{0}, 0); });
    for (int way = 0; way < 3; ++way) {
      Tensor mean = Tensor::zeros(fine.shape(), DType::f64);
      for (int l = 0; l < 3; ++l) {
        const Terms term{.last_is_difference = l < 2, .weight = 1 / chances[l]};
        const std::vector<Samples> levels{
            coarsen(population, Mesh{0}, Mesh{l}, coarsening(restriction))};
        Estimate seen;
        const Tensor g = problem.gradient([&] {
          seen = way == 0   ? estimator.paired(levels, Mesh{l}, 0, term)
                 : way == 1 ? estimator.merged(levels, Mesh{l}, 0, term)
                            : estimator.measured(levels, Mesh{l}, 0, problem.parameters, 4, term);
        });
        accumulate(mean, scale(g, chances[l]));
        const MeshReport report = seen.reports().at(0);
        CHECK((report.difference == doctest::Approx(report.loss)) == (l == 2));
        CHECK(report.flop > 0);
        CHECK(report.seconds.has_value());
      }
      CHECK_NORM_CLOSE(mean, fine, 1e-12);
    }
  }
}

TEST_CASE("a term's norm and variance do not depend on its weight") {
  Problem problem;
  const Estimator estimator = problem.estimator(Restriction::injection);
  const std::vector<Samples> levels{samples(5, 1), samples(7, 2)};
  const auto measured = [&](Terms terms) {
    std::vector<MeshReport> reports;
    (void)problem.gradient([&] {
      reports = estimator.measured(levels, Mesh{0}, 0, problem.parameters, 3, terms).reports();
    });
    return reports;
  };
  const auto plain = measured({}), weighted = measured({.weight = 8});
  for (std::size_t l = 0; l < 2; ++l) {
    CHECK(*weighted[l].gradient_norm == doctest::Approx(*plain[l].gradient_norm).epsilon(1e-10));
    CHECK(*weighted[l].variance == doctest::Approx(*plain[l].variance).epsilon(1e-10));
    CHECK(weighted[l].loss == doctest::Approx(plain[l].loss).epsilon(1e-12));
  }
}

TEST_CASE("merged and measured passes equal paired passes") {
  Problem problem;
  const std::vector<Samples> levels{samples(2, 1), samples(4, 2), samples(9, 3)};
  for (const Restriction restriction : restrictions) {
    const Estimator estimator = problem.estimator(restriction);
    std::vector<MeshReport> paired, merged, measured;
    const Tensor g =
        problem.gradient([&] { paired = estimator.paired(levels, Mesh{0}, 0).reports(); });
    CHECK_NORM_CLOSE(
        problem.gradient([&] { merged = estimator.merged(levels, Mesh{0}, 0).reports(); }), g,
        1e-12);
    CHECK_NORM_CLOSE(problem.gradient([&] {
      measured = estimator.measured(levels, Mesh{0}, 0, problem.parameters, 4).reports();
    }),
                     g, 1e-12);
    for (std::size_t l = 0; l < 3; ++l) {
      CHECK(merged[l].samples == levels[l].size());
      CHECK(merged[l].loss == doctest::Approx(paired[l].loss).epsilon(1e-12));
      CHECK(merged[l].difference == doctest::Approx(paired[l].difference).epsilon(1e-10));
      CHECK(measured[l].difference == doctest::Approx(paired[l].difference).epsilon(1e-10));
      // Joined or not, it is the same work but for the restrictions, which are counted where made.
      CHECK(static_cast<double>(merged[l].flop) ==
            doctest::Approx(static_cast<double>(paired[l].flop)).epsilon(0.1));
      CHECK(measured[l].gradient_norm.has_value());
    }
    CHECK(paired[1].difference != doctest::Approx(paired[1].loss));
  }
}

namespace {

// Degraded anew on every mesh, by as much noise as the mesh is coarse.
Tensor degraded(const Samples& s, Mesh mesh) {
  return s.mask * s.target + scale(s.noise, static_cast<double>(mesh.spacing()));
}

Samples degraded_samples(std::int64_t n, std::uint64_t seed) {
  Samples s = samples(n, seed);
  s.noise = random_tensor(s.target.shape(), DType::f64, seed + 200);
  s.mask = random_tensor(s.target.shape(), DType::f64, seed + 300);
  s.input = degraded(s, Mesh{0});
  return s;
}

Samples degrade_anew(const Samples& fine, Mesh to) {
  Samples coarse = restrict(fine, Restriction::mean);
  coarse.noise = restrict(fine.noise, Restriction::injection);
  coarse.mask = restrict(fine.mask, Restriction::injection);
  coarse.input = degraded(coarse, to);
  return coarse;
}

}  // namespace

TEST_CASE("degraded on every mesh: the terms telescope, and all ways of passing are one") {
  Problem problem;
  const Estimator estimator(problem.loss, {.seed = 5, .coarsen = degrade_anew});
  const auto w = std::vector<Samples>{degraded_samples(6, 1)};
  const std::vector<Samples> all(3, w[0]);
  const Tensor fine = problem.gradient([&] { estimator.paired(w, Mesh{0}, 0); });
  CHECK_NORM_CLOSE(problem.gradient([&] { estimator.merged(all, Mesh{0}, 0); }), fine, 1e-12);

  // As in a stage that begins on mesh 1, and in one term of it.
  std::vector<Samples> levels;
  for (const std::int64_t n : {3, 5}) {
    const auto seed = static_cast<std::uint64_t>(n);
    levels.push_back(coarsen(degraded_samples(n, seed), Mesh{0}, Mesh{1}, degrade_anew));
  }
  for (const Terms& terms : {Terms{}, Terms{.last_is_difference = true, .weight = 3}}) {
    const Tensor g = problem.gradient([&] { estimator.paired(levels, Mesh{1}, 0, terms); });
    CHECK_NORM_CLOSE(problem.gradient([&] { estimator.merged(levels, Mesh{1}, 0, terms); }), g,
                     1e-12);
    CHECK_NORM_CLOSE(problem.gradient([&] {
      estimator.measured(levels, Mesh{1}, 0, problem.parameters, 2, terms);
    }),
                     g, 1e-12);
  }
}

namespace {
struct Dropping : Module {
  Conv2d open{child("open"), 3, 8, 3};
  Dropout dropout{child("dropout"), 0.5};
  Conv2d close{child("close"), 8, 3, 3};
  Tensor operator()(const Tensor& x) const { return close(dropout(silu(open(x)))); }
};
}  // namespace

TEST_CASE("dropout belongs to a sample: all ways of passing see the same masks") {
  Dropping net;
  net.to(DType::f64);
  const ParameterBuffer parameters(net);
  const Estimator estimator(
      [&](const Samples& s) { return mse_per_sample(net(s.input), s.target); },
      {Restriction::injection, 5});
  const auto gradient = [&](auto run) {
    parameters.zero_gradients();
    run();
    return parameters.gradients().clone();
  };
  const std::vector<Samples> levels{samples(2, 1), samples(4, 2), samples(6, 3)};
  const Tensor paired = gradient([&] { estimator.paired(levels, Mesh{0}, 7); });
  CHECK_NORM_CLOSE(gradient([&] { estimator.merged(levels, Mesh{0}, 7); }), paired, 1e-12);
  CHECK_NORM_CLOSE(gradient([&] { estimator.measured(levels, Mesh{0}, 7, parameters, 2); }), paired,
                   1e-12);
  // Another step drops others, and in evaluation nothing is dropped.
  CHECK(!norm_difference(gradient([&] { estimator.paired(levels, Mesh{0}, 8); }), paired, 1e-3)
             .empty());
  net.eval();
  const Tensor whole = gradient([&] { estimator.paired(levels, Mesh{0}, 7); });
  CHECK(!norm_difference(whole, paired, 1e-3).empty());
  CHECK_NORM_CLOSE(gradient([&] { estimator.paired(levels, Mesh{0}, 8); }), whole, 1e-12);
}

TEST_CASE("gradients are added to what is there") {
  Problem problem;
  const std::vector<Samples> levels{samples(2, 1), samples(4, 2)};
  const Estimator estimator = problem.estimator(Restriction::injection);
  const Tensor once = problem.gradient([&] { estimator.merged(levels, Mesh{0}, 0); });
  const Tensor twice = problem.gradient([&] {
    estimator.merged(levels, Mesh{0}, 0);
    estimator.measured(levels, Mesh{0}, 0, problem.parameters, 2);
  });
  CHECK_NORM_CLOSE(twice, scale(once, 2), 1e-12);
}

TEST_CASE("norm and variance of a level's term, from micro-batches") {
  Problem problem;
  const Estimator estimator = problem.estimator(Restriction::injection);
  const std::vector<Samples> levels{samples(6, 1), samples(6, 2)};
  std::vector<MeshReport> reports;
  (void)problem.gradient(
      [&] { reports = estimator.measured(levels, Mesh{0}, 0, problem.parameters, 6).reports(); });
  // By hand for the coarsest level: gradients of single samples, restricted once.
  std::vector<Tensor> single;
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::vector<Samples> one{restrict(rows(levels[1], i, 1), Restriction::injection)};
    single.push_back(problem.gradient([&] { estimator.paired(one, Mesh{1}, 0); }));
  }
  Tensor mean = Tensor::zeros(single[0].shape(), DType::f64);
  for (const Tensor& g : single) accumulate(mean, scale(g, 1.0 / 6));
  const auto square = [](const Tensor& g) {
    double total = 0;
    for (const double v : g.to_vector<double>()) total += v * v;
    return total;
  };
  double variance = 0;
  for (const Tensor& g : single) variance += square(g - mean) / 5;
  CHECK(*reports[1].gradient_norm == doctest::Approx(std::sqrt(square(mean))).epsilon(1e-10));
  CHECK(*reports[1].variance == doctest::Approx(variance).epsilon(1e-9));
  // One sample has no variance.
  (void)problem.gradient([&] {
    reports = estimator.measured({samples(1, 4)}, Mesh{0}, 0, problem.parameters, 4).reports();
  });
  CHECK_FALSE(reports[0].variance.has_value());
}

TEST_CASE("micro-batches of unequal sizes measure the variance without bias") {
  Problem problem;
  const Estimator estimator = problem.estimator(Restriction::injection);
  const Samples five = samples(5, 1);
  const auto variance = [&](const Samples& batch, std::int64_t parts) {
    std::vector<MeshReport> reports;
    (void)problem.gradient([&] {
      reports = estimator.measured({batch}, Mesh{0}, 0, problem.parameters, parts).reports();
    });
    return *reports[0].variance;
  };
  // Over all ways to part five samples into two and three, its mean is that of single samples.
  double mean = 0;
  for (std::int64_t a = 0; a < 5; ++a) {
    for (std::int64_t b = a + 1; b < 5; ++b) {
      Samples order = join(rows(five, a, 1), rows(five, b, 1));
      for (std::int64_t i = 0; i < 5; ++i) {
        if (i != a && i != b) order = join(order, rows(five, i, 1));
      }
      mean += variance(order, 2) / 10;
    }
  }
  CHECK(mean == doctest::Approx(variance(five, 5)).epsilon(1e-10));
}

TEST_CASE("MGE is unbiased: its mean over random batches is the gradient of the population") {
  Problem problem;
  const std::int64_t population_size = 12, trials = 600;
  const Samples population = samples(population_size, 9);
  const Estimator estimator = problem.estimator(Restriction::injection);
  const Tensor truth = problem.gradient([&] { estimator.paired({population}, Mesh{0}, 0); });

  RandomSequence random(RandomKey(17, "trials"));
  const auto batch = [&](std::int64_t n) {
    Samples drawn;
    for (std::int64_t i = 0; i < n; ++i) {
      const Samples one = rows(population, random.below(population_size), 1);
      drawn = i ? join(drawn, one) : one;
    }
    return drawn;
  };
  const std::int64_t n = truth.numel();
  std::vector<double> sum(static_cast<std::size_t>(n)), squares(static_cast<std::size_t>(n));
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    const Tensor g = problem.gradient([&] {
      estimator.merged({batch(1), batch(2), batch(4)}, Mesh{0}, trial);
    });
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += g.data<double>()[i];
      squares[i] += g.data<double>()[i] * g.data<double>()[i];
    }
  }
  std::int64_t random_parameters = 0;
  double worst = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double mean = sum[i] / trials;
    const double variance = squares[i] / trials - mean * mean;
    if (variance < 1e-20) continue;  // padding between parameters
    ++random_parameters;
    worst =
        std::max(worst, std::abs(mean - truth.data<double>()[i]) / std::sqrt(variance / trials));
  }
  CHECK(random_parameters > 1000);
  CHECK_MESSAGE(worst < 5, "standard errors: " << worst);
  CHECK(worst > 1);  // of a thousand means, some must stray
}

TEST_CASE("samples that are all the same have no variance, and never a negative one") {
  Problem problem;
  const Estimator estimator = problem.estimator(Restriction::injection);
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const Samples one = samples(1, seed), same = join(join(one, one), one);
    std::vector<MeshReport> reports;
    (void)problem.gradient([&] {
      reports = estimator.measured({same, same}, Mesh{0}, 0, problem.parameters, 3).reports();
    });
    for (const MeshReport& report : reports) CHECK(*report.variance >= 0);
  }
}

TEST_CASE("a level without samples, and times for one of two batches only, are errors") {
  Problem problem;
  const Estimator estimator = problem.estimator(Restriction::injection);
  const std::vector<Samples> levels{samples(2, 1), rows(samples(2, 1), 0, 0)};
  CHECK(error_of([&] { estimator.merged(levels, Mesh{0}, 0); }) ==
        "estimator: level 1 has no samples");
  CHECK(error_of([&] { estimator.measured(levels, Mesh{0}, 0, problem.parameters, 2); }) ==
        "estimator: level 1 has no samples");
  Samples timeless = samples(2, 1);
  timeless.time = {};
  CHECK(error_of([&] { join(timeless, samples(2, 2)); }).starts_with("concat_rows: "));
}
