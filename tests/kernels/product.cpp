// SPDX-License-Identifier: MIT
// The inner kernels of matrix products, and what is built on them, on every instruction set that
// this machine has.
#include "kernels/matmul/product.h"

#include <hwy/targets.h>

#include "kernels/instruction_set.h"
#include "support/compare.h"
#include "support/conv2d.h"

using namespace telescope;
using namespace telescope::test;
using kernels::cpu::multiply, kernels::cpu::multiply_narrow, kernels::cpu::pack;
using kernels::cpu::padded_columns, kernels::cpu::Product;

namespace {

// Calls f with the best instruction set, then without that, and so on.
template <class F>
void on_every_instruction_set(const F& f) {
  const std::int64_t all = hwy::SupportedTargets();
  std::vector<std::string_view> done;
  for (std::int64_t left = all; left != 0; left &= left - 1) {  // the best is the lowest bit
    hwy::GetChosenTarget().Update(left);
    const std::string_view name = kernels::instruction_set();
    if (!done.empty() && done.back() == name) continue;  // the build has no code of its own for it
    INFO(name);
    f();
    done.push_back(name);
  }
  hwy::GetChosenTarget().Update(all);
  CHECK(!done.empty());
}

std::vector<std::int64_t> rows(std::int64_t count, std::int64_t step, std::int64_t jump) {
  std::vector<std::int64_t> at;
  for (std::int64_t i = 0; i < count; ++i) at.push_back(i * step + (jump ? i / jump * 5 : 0));
  return at;
}

template <class T>
const T* data(const Tensor& t) {
  return t.data<T>();
}

// Whole numbers: every way to compute a product gives the same. Rows of `a` are equally far apart
// but for every `jump`-th.
template <class T>
void check_product(std::int64_t m, std::int64_t n, std::int64_t runs, std::int64_t length,
                   std::int64_t jump) {
  INFO(m << " x " << n << ", " << runs << " runs of " << length << ", jump " << jump);
  const std::int64_t depth = runs * length, width = padded_columns<T>(n), a_run = length + 3;
  const auto a_row = rows(m, runs * a_run, jump), c_row = rows(m, n + 2, jump);
  const std::int64_t c_size = c_row.back() + n;
  const Tensor a = random_integers({a_row.back() + runs * a_run}, 4, dtype_of<T>, 1);
  const Tensor b = random_integers({depth * n}, 4, dtype_of<T>, 2);
  const Tensor columns = Tensor::empty({depth * n}, dtype_of<T>);
  const Tensor start = random_integers({2 * width}, 9, dtype_of<T>, 3);
  const Tensor before = random_integers({c_size}, 9, dtype_of<T>, 4);
  const auto start_row = [&] {
    std::vector<std::int64_t> at;
    for (std::int64_t i = 0; i < m; ++i) at.push_back(i % 2 * width);
    return at;
  }();
  const Tensor expected = before.clone();
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t t = 0; t < depth; ++t) {
      columns.data<T>()[j * depth + t] = b.data<T>()[t * n + j];
    }
  }
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      T sum = start.data<T>()[start_row[static_cast<std::size_t>(i)] + j];
      for (std::int64_t t = 0; t < depth; ++t) {
        sum += a.data<T>()[a_row[static_cast<std::size_t>(i)] + t / length * a_run + t % length] *
               b.data<T>()[t * n + j];
      }
      expected.data<T>()[c_row[static_cast<std::size_t>(i)] + j] += sum;
    }
  }
  const Tensor packed = Tensor::zeros({depth * width}, dtype_of<T>);
  pack(depth, n, 0, depth, data<T>(columns), 1, depth, packed.data<T>());
  const Tensor also_packed = Tensor::zeros({depth * width}, dtype_of<T>);
  pack(depth, n, 0, depth, data<T>(b), n, 1, also_packed.data<T>());
  CHECK_SAME(also_packed, packed);

  const auto check = [&](const char* way, const T* matrix, bool is_packed, auto&& compute) {
    INFO(way);
    const Tensor c = before.clone();
    compute(Product<T>{.m = m,
                       .n = n,
                       .runs = runs,
                       .length = length,
                       .a = a.data<T>(),
                       .a_row = a_row.data(),
                       .a_run = a_run,
                       .b = matrix,
                       .packed = is_packed,
                       .b_run = length * n,
                       .b_step = n,
                       .start = start.data<T>(),
                       .start_row = start_row.data(),
                       .addend = c.data<T>(),
                       .c = c.data<T>(),
                       .c_row = c_row.data()});
    CHECK_SAME(c, expected);
  };
  check("packed", data<T>(packed), true, [](const Product<T>& p) { multiply(p); });
  check("as it is", data<T>(b), false, [](const Product<T>& p) { multiply(p); });
  if (n > kernels::cpu::narrow_columns) return;
  check("narrow", data<T>(columns), false, [](const Product<T>& p) { multiply_narrow(p); });
}

}  // namespace

TEST_CASE_TEMPLATE("products of all sizes", T, float, double) {
  on_every_instruction_set([] {
    for (const std::int64_t m : {1, 2, 3, 5, 7, 8, 11, 12, 13, 25, 50}) {
      for (const std::int64_t n : {1, 2, 3, 4, 5, 15, 16, 17, 32, 33, 48, 63, 100}) {
        check_product<T>(m, n, 2, 7, m % 2 ? 0 : 3);
      }
    }
    for (const std::int64_t length : {1, 3, 15, 16, 17, 40}) {
      check_product<T>(9, 3, 3, length, 4);
      check_product<T>(50, 130, 1, length, 0);  // few rows at a time for all panels, and all rows
    }
  });
}

TEST_CASE("convolutions of all kinds on every instruction set") {
  const Conv2dShape shapes[] = {
      {2, 9, 13, 20, 35, 3, 3, 1, 1},  // winograd: tiles and vectors not full
      {1, 8, 8, 16, 80, 3, 3, 1, 1},   // threads share the output channels
      {2, 9, 8, 3, 20, 5, 5, 1, 2},    // taps make the rows of the weight gradient
      {2, 9, 8, 20, 3, 3, 3, 1, 1},    // few output channels
      {2, 9, 8, 17, 18, 3, 3, 2, 1}};
  on_every_instruction_set([&] {
    for (const Conv2dShape& s : shapes) {
      for (const auto& known : kernels::conv2d_variants()) {
        if (!known.on_cpu) continue;
        if (known.variant == Conv2dVariant::winograd && (s.r != 3 || s.stride != 1)) continue;
        INFO(description(s, known.variant));
        const Conv2dInputs in = conv2d_normals(s, DType::f32);
        const Conv2dResults got = conv2d_computed<float>(s, in, known.variant);
        const Conv2dResults expected = conv2d_reference(s, in);
        CHECK_NORM_CLOSE(got.y, expected.y, 2e-6);
        CHECK_NORM_CLOSE(got.dx, expected.dx, 2e-6);
        CHECK_NORM_CLOSE(got.dweight, expected.dweight, 2e-6);
        CHECK_NORM_CLOSE(got.dbias, expected.dbias, 2e-6);
      }
    }
  });
}
