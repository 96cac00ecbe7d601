// SPDX-License-Identifier: MIT
// The comparer must not let anything through: what all other tests rest on.
#include "support/compare.h"

#include <cmath>

using namespace telescope;
using namespace telescope::test;

namespace {
const Tolerance loose{0.1, 0.1};
Tensor of(std::vector<float> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Tensor::from(values, {n});
}
bool close(const Tensor& a, const Tensor& b) { return difference(a, b, loose).empty(); }
bool norm_close(const Tensor& a, const Tensor& b) { return norm_difference(a, b, 0.1).empty(); }
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("what is close is close") {
  CHECK(close(of({1, 2, 3}), of({1, 2.2f, 3})));
  CHECK(close(of({0, 0}), of({0, 0})));
  CHECK(close(of({1, 2}), of({1, 2}).to(DType::f64)));
  CHECK(norm_close(of({1, 2, 3}), of({1, 2.2f, 3})));
  CHECK(norm_close(of({0, 0}), of({0, 0})));
  CHECK(difference(of({1, 2, 3}), of({1, 2, 3}), {0, 0}).empty());
}

TEST_CASE("tolerances are bounds, not hints") {
  const Tolerance tolerance{0.5, 0.25};  // at 2: 1.25
  CHECK(difference(of({3.25f}), of({2}), tolerance).empty());
  CHECK(!difference(of({3.2501f}), of({2}), tolerance).empty());
  CHECK(!difference(of({0.7499f}), of({2}), tolerance).empty());
  CHECK(!difference(of({std::nextafter(1.f, 2.f)}), of({1}), {0, 0}).empty());
  CHECK(norm_difference(of({3, 4.5f}), of({3, 4}), 0.1).empty());  // 0.5 of 5
  CHECK(!norm_difference(of({3, 4.6f}), of({3, 4}), 0.1).empty());
}

TEST_CASE("NaN and infinity are never close, not even to themselves") {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    INFO(bad);
    for (const auto& [a, b] : {std::pair{of({1, bad}), of({1, 1})},
                               {of({1, 1}), of({1, bad})},
                               {of({1, bad}), of({1, bad})},
                               {of({bad, 1}), of({1, 1})}}) {
      CHECK(!close(a, b));
      CHECK(!norm_close(a, b));
      CHECK(!difference(a, b, {INFINITY, INFINITY}).empty());
    }
  }
}

TEST_CASE("zero is not close to what is not zero") {
  CHECK(!close(of({0, 0, 0}), of({1, 1, 1})));
  CHECK(!close(of({1, 1, 1}), of({0, 0, 0})));
  CHECK(!norm_close(of({0, 0, 0}), of({1, 1, 1})));
  CHECK(!norm_close(of({1, 1, 1}), of({0, 0, 0})));
  CHECK(!norm_close(of({0, 1e-30f}), of({0, 0})));
}

TEST_CASE("nothing is not close to nothing") {
  CHECK(difference(Tensor::empty({0, 3}), Tensor::empty({0, 3}), loose) == "nothing to compare");
  CHECK(norm_difference(Tensor::empty({0}), Tensor::empty({0}), 1) == "nothing to compare");
  CHECK(contains(difference(Tensor(), of({1}), loose), "undefined"));
  CHECK(contains(difference(of({1}), Tensor(), loose), "undefined"));
}

TEST_CASE("shapes must agree") {
  CHECK(contains(difference(of({1, 2}), of({1, 2}).reshape({2, 1}), loose),
                 "shape [2] where [2,1] was expected"));
  CHECK(contains(norm_difference(of({1}), of({1, 2}), 1), "shape [1] where [2] was expected"));
}

TEST_CASE("a failure shows the worst element") {
  const Tensor expected = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor got = Tensor::from<float>({1, 2.5, 3, 4, 9, 6}, {2, 3});
  CHECK(difference(got, expected, {0, 0.1}) ==
        "shape [2,3]: 2 of 6 elements are off; worst at [1,1]: got 9, expected 5");
  CHECK(contains(norm_difference(got, expected, 0.1), "worst at [1,1]: got 9, expected 5"));
  const Tensor nan = Tensor::from<float>({1, 2.5, NAN, 4, 9, 6}, {2, 3});
  CHECK(contains(difference(nan, expected, {0, 0.1}), "3 of 6 elements are off; worst at [0,2]"));
}

TEST_CASE("rounding grows with the number of terms and the size of the type") {
  CHECK(rounding(DType::f32, 100).rtol == doctest::Approx(8 * 0x1p-23 * 10));
  CHECK(rounding(DType::f64, 1).atol == doctest::Approx(8 * 0x1p-52));
  CHECK(rounding(DType::bf16, 4, 1).rtol == doctest::Approx(0x1p-8 + 0x1p-22));
  CHECK(rounding(DType::bf16, 4, 1).atol == doctest::Approx(0x1p-22));
  CHECK(norm_rounding(DType::bf16, 1, 3) == doctest::Approx(3 * 0x1p-8).epsilon(1e-3));
  CHECK(norm_rounding(DType::f32, 4, 3) == rounding(DType::f32, 4).rtol);
}

TEST_CASE("random tensors are neither constant nor symmetric, and repeat") {
  const Tensor x = random_tensor({4, 5});
  CHECK_SAME(x, random_tensor({4, 5}));
  CHECK(!difference(x, random_tensor({4, 5}, DType::f32, 2), loose).empty());
  for (const float value : random_integers({1000}, 2).to_vector<float>()) {
    CHECK(std::abs(value) <= 2);
    CHECK(value == std::round(value));
  }
}
