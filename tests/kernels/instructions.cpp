// SPDX-License-Identifier: MIT
// What kernels are made of, held against plain loops: the wrappers of kernels/simt and the built-ins
// of CUDA. On `cuda` this confirms that the GPU does what the simulator believes it does.
#include "tests/kernels/instructions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <string_view>

#include "core/philox.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using namespace telescope::kernels;

namespace {

// Elements of any type in memory of the test's device.
template <class T>
class Array {
 public:
  explicit Array(const std::vector<T>& values) : size_(values.size()) {
    std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    const Shape shape{static_cast<std::int64_t>(bytes.size())};
    tensor_ = Tensor::from(bytes, shape).to(test_device());
  }
  explicit Array(std::size_t n) : Array(std::vector<T>(n)) {}

  T* data() const { return reinterpret_cast<T*>(tensor_.raw()); }
  std::vector<T> values() const {
    const auto bytes = tensor_.to_vector<std::uint8_t>();
    std::vector<T> result(size_);
    std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }

 private:
  std::size_t size_;
  Tensor tensor_;
};

bool on_cpu() {  // which has no warps; asked before main()
  const char* const name = std::getenv("TELESCOPE_DEVICE");
  return !name || std::string_view(name) == "cpu";
}

// Calls a function of instructions.h on the test's device.
#define ON_TEST_DEVICE(function, ...)                           \
  [&] {                                                         \
    const Stream stream = test_stream();                        \
    switch (stream.device().type) {                             \
      case DeviceType::cuda:                                    \
        TELESCOPE_CALL_CUDA(function, stream, __VA_ARGS__);     \
      case DeviceType::cuda_sim:                                \
        TELESCOPE_CALL_CUDA_SIM(function, stream, __VA_ARGS__); \
      case DeviceType::cpu:                                     \
        break;                                                  \
    }                                                           \
  }()

std::uint16_t half_bits(int whole) {  // |whole| < 2048
  if (whole == 0) return 0;
  const unsigned size = static_cast<unsigned>(std::abs(whole));
  const unsigned exponent = static_cast<unsigned>(std::bit_width(size)) - 1;
  const unsigned mantissa = (size << 10 >> exponent) & 1023u;
  return static_cast<std::uint16_t>((whole < 0 ? 0x8000u : 0u) | (exponent + 15) << 10 | mantissa);
}

// Two warps' matrices of whole numbers from -9 to 9, of a 16-bit type or of words.
template <class Word, class Encode>
void check_products(Factors factors, int k, const Encode& encode) {
  RandomSequence random(RandomKey(5, "products"));
  const auto size = [](int n) { return static_cast<std::size_t>(n); };
  std::vector<int> a(size(2 * 16 * k)), b(size(2 * k * 8)), d(size(2 * 16 * 8));
  for (auto* matrix : {&a, &b, &d}) {
    for (int& element : *matrix) element = static_cast<int>(random.below(19)) - 9;
  }
  std::vector<Word> as, bs;
  for (const int element : a) as.push_back(encode(element));
  for (const int element : b) bs.push_back(encode(element));
  const std::vector<float> before(d.begin(), d.end());
  const Array<Word> a_there(as), b_there(bs);
  const Array<float> d_there(before);
  ON_TEST_DEVICE(multiply_matrices, factors, a_there.data(), b_there.data(), d_there.data());
  for (int w = 0; w < 2; ++w) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 8; ++j) {
        int& sum = d[size((w * 16 + i) * 8 + j)];
        for (int p = 0; p < k; ++p) {
          sum += a[size((w * 16 + i) * k + p)] * b[size((w * k + p) * 8 + j)];
        }
      }
    }
  }
  CHECK(d_there.values() == std::vector<float>(d.begin(), d.end()));
}

// Zeros, denormals, halfway between two numbers of `kept` bits of mantissa and beside that, the
// largest, infinities, NaN; then any bits.
std::vector<float> awkward_floats(int kept) {
  std::vector<std::uint32_t> words = {
      0, 1, 0x7fffffu, 0x800000u, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fc00000u, 0x7fffffffu};
  const std::uint32_t half = 1u << (22 - kept);
  for (const std::uint32_t base : {0u, 0x400000u, 0x3f800000u, 0x40490000u, 0x7f000000u}) {
    for (std::uint32_t step = 0; step < 4; ++step) {
      const std::uint32_t tie = base + step * 2 * half + half;
      for (const std::uint32_t word : {tie - 1, tie, tie + 1}) words.push_back(word);
    }
  }
  for (const std::uint32_t word : {0x7f7fefffu, 0x7f7ff000u, 0x7f7f7fffu, 0x7f7f8000u}) {
    words.push_back(word);
  }
  RandomSequence random(RandomKey(6, "floats"));
  while (words.size() < 1000) words.push_back(random.word() & 0x7fffffffu);
  std::vector<float> floats;
  for (const std::uint32_t word : words) {
    floats.push_back(std::bit_cast<float>(word));
    floats.push_back(std::bit_cast<float>(word | 0x80000000u));
  }
  return floats;
}

// The multiple of an ulp of 10 bits that is nearest, ties away from zero; NaN stays NaN.
float rounded_to_tf32(float x) {
  if (!std::isfinite(x)) return x;
  int exponent = 0;
  (void)std::frexp(x, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 1, -126) - 10);
  const double rounded = std::floor(std::fabs(static_cast<double>(x)) / ulp + 0.5) * ulp;
  return std::copysign(rounded > std::numeric_limits<float>::max()
                           ? std::numeric_limits<float>::infinity()
                           : static_cast<float>(rounded),
                       x);
}

std::vector<float> deviates(std::size_t n, std::uint64_t seed) {
  RandomSequence random(RandomKey(seed, "instructions"));
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}
std::vector<float> whole_numbers(std::size_t n) {
  RandomSequence random(RandomKey(7, "instructions"));
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.below(201)) - 100;
  return values;
}

void check_close(float got, double expected, double relative) {
  CHECK(std::fabs(static_cast<double>(got) - expected) <= relative * std::fabs(expected));
}

}  // namespace

TEST_SUITE_BEGIN("instructions" * doctest::skip(on_cpu()));

TEST_CASE("tensor cores: products of small matrices, added to what is there") {
  check_products<float>(Factors::tf32, 8, [](int x) { return static_cast<float>(x); });
  check_products<bfloat16>(Factors::bf16, 16,
                           [](int x) { return bfloat16(static_cast<float>(x)); });
  check_products<std::uint16_t>(Factors::f16, 16, half_bits);
}

TEST_CASE("tensor cores: matrices from shared memory, as they are and transposed") {
  std::vector<std::uint16_t> rows(32 * 8);
  std::iota(rows.begin(), rows.end(), std::uint16_t{1000});
  const Array<std::uint16_t> from(rows);
  for (const bool transposed : {false, true}) {
    CAPTURE(transposed);
    const Array<std::uint32_t> words(128);
    ON_TEST_DEVICE(load_matrices, transposed, from.data(), words.data());
    std::vector<std::uint32_t> expected;
    for (std::size_t lane = 0; lane < 32; ++lane) {
      for (std::size_t m = 0; m < 4; ++m) {
        const std::size_t g = lane / 4, t = lane % 4;
        const auto at = [&](std::size_t r, std::size_t c) { return rows[(8 * m + r) * 8 + c]; };
        const auto low = transposed ? at(2 * t, g) : at(g, 2 * t);
        const auto high = transposed ? at(2 * t + 1, g) : at(g, 2 * t + 1);
        expected.push_back(low | std::uint32_t{high} << 16);
      }
    }
    CHECK(words.values() == expected);
  }
}

TEST_CASE("asynchronous copies of 4, 8 and 16 bytes end in zeros where less is read") {
  for (const int bytes : {4, 8, 16}) {
    CAPTURE(bytes);
    const auto size = static_cast<std::size_t>(bytes);
    std::vector<std::uint8_t> in(64 * size), expected(64 * size);
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] = static_cast<std::uint8_t>(1 + i * 7 % 250);
      if (i % size < i / size % (size + 1)) expected[i] = in[i];
    }
    const Array<std::uint8_t> from(in), to(in.size());
    ON_TEST_DEVICE(copy_parts, bytes, from.data(), to.data());
    CHECK(to.values() == expected);
  }
}

TEST_CASE("asynchronous copies are there after the wait for their group") {
  const auto in = deviates(3 * 256, 1);
  const Array<float> from(in), to(in.size());
  ON_TEST_DEVICE(copy_in_groups, from.data(), to.data());
  CHECK(to.values() == in);
}

TEST_CASE("loads and stores of 2 to 16 bytes") {
  for (const int bytes : {2, 4, 8, 16}) {
    CAPTURE(bytes);
    std::vector<std::uint8_t> in(static_cast<std::size_t>(64 * bytes));
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint8_t>(i * 7 % 251);
    const Array<std::uint8_t> from(in), to(in.size());
    ON_TEST_DEVICE(copy_packs, bytes, 64, from.data(), to.data());
    CHECK(to.values() == in);
  }
}

TEST_CASE("shared memory: two variables, and more than 48 KiB where a launch asks for it") {
  const Array<std::uint32_t> variables(4);
  ON_TEST_DEVICE(use_variables, variables.data());
  CHECK(variables.values() == std::vector<std::uint32_t>{11, 11, 22, 0});
  for (const std::size_t words : {100u, 24u * 1024u, 12u * 1024u}) {  // 400 bytes, 96 and 48 KiB
    CAPTURE(words);
    constexpr std::size_t blocks = 3;
    std::vector<std::uint32_t> in(blocks * words), expected;
    std::iota(in.begin(), in.end(), 17u);
    for (std::size_t b = 0; b < blocks; ++b) {
      for (std::size_t i = 0; i < words; ++i) expected.push_back(in[(b + 1) * words - 1 - i]);
    }
    const Array<std::uint32_t> from(in), to(in.size());
    ON_TEST_DEVICE(reverse_words, static_cast<int>(blocks), static_cast<int>(words), from.data(),
                   to.data());
    CHECK(to.values() == expected);
  }
}

TEST_CASE("lanes of a warp: shuffles and votes") {
  constexpr int lanes = LaneResults::lanes;
  const auto x = deviates(lanes, 2);
  const Array<float> there(x);
  const Array<LaneResults> results(1);
  ON_TEST_DEVICE(exchange_lanes, there.data(), results.data());
  const LaneResults got = results.values()[0];
  for (int i = 0; i < lanes; ++i) {
    CAPTURE(i);
    const int warp = i / 32 * 32, lane = i % 32;
    const auto of = [&](int other) { return x[static_cast<std::size_t>(warp + other)]; };
    CHECK(got.from_lane_5[i] == of(5));
    CHECK(got.partner[i] == of(lane ^ 9));
    CHECK(got.next[i] == of(lane + 3 < 32 ? lane + 3 : lane));
    CHECK(got.previous[i] == of(lane >= 3 ? lane - 3 : lane));
    CHECK(got.wide[i] == static_cast<double>(of(lane ^ 1)) / 3);
    CHECK(got.longs[i] == (1ll << 40) + warp + (lane + 1) % 32);
    CHECK(got.odd[i] == 0xaaaaaaaau);
    CHECK(got.any[i] == (warp == 32 ? 1 : 0));
    CHECK(got.all[i] == (warp == 0 ? 1 : 0));
    CHECK(got.in_halves[i] == of(lane < 16 ? (lane + 1) % 16 : lane));
  }
}

TEST_CASE("sums and maxima of warps and blocks") {
  const auto x = whole_numbers(1024);  // exact in any order
  const Array<float> there(x), warp_sums(1024), warp_maxima(1024), sums(1024), maxima(1024);
  const Array<double> all(1024);
  ON_TEST_DEVICE(reduce_threads, there.data(), warp_sums.data(), warp_maxima.data(), sums.data(),
                 maxima.data(), all.data());
  const auto expect = [&](std::size_t width, bool sum) {
    std::vector<float> result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto first = x.begin() + static_cast<std::ptrdiff_t>(i / width * width);
      const auto last = first + static_cast<std::ptrdiff_t>(width);
      result[i] = sum ? std::accumulate(first, last, 0.f) : *std::max_element(first, last);
    }
    return result;
  };
  CHECK(warp_sums.values() == expect(32, true));
  CHECK(warp_maxima.values() == expect(32, false));
  CHECK(sums.values() == expect(128, true));
  CHECK(maxima.values() == expect(128, false));
  for (const double sum : all.values())
    CHECK(sum == 3 * static_cast<double>(expect(1024, true)[0]));
}

TEST_CASE("sums of rounded numbers have the order of the butterfly") {
  const auto x = deviates(1024, 3);
  const Array<float> there(x), warp_sums(1024), warp_maxima(1024), sums(1024), maxima(1024);
  const Array<double> all(1024);
  ON_TEST_DEVICE(reduce_threads, there.data(), warp_sums.data(), warp_maxima.data(), sums.data(),
                 maxima.data(), all.data());
  std::vector<float> of_warps = x;
  for (std::size_t bits = 16; bits > 0; bits /= 2) {
    const std::vector<float> before = of_warps;
    for (std::size_t i = 0; i < x.size(); ++i) of_warps[i] = before[i] + before[i ^ bits];
  }
  std::vector<float> of_blocks(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t block = i / 128 * 128;
    of_blocks[i] =
        of_warps[block] + of_warps[block + 32] + of_warps[block + 64] + of_warps[block + 96];
  }
  CHECK(warp_sums.values() == of_warps);
  CHECK(sums.values() == of_blocks);
}

TEST_CASE("atomic additions and maxima lose nothing") {
  constexpr int n = 3000;
  const Array<int> sums(3), most(1);
  const Array<unsigned long long> count(std::vector<unsigned long long>{1ull << 40});
  const Array<float> whole(1);
  ON_TEST_DEVICE(count_together, n, sums.data(), count.data(), most.data(), whole.data());
  CHECK(sums.values() == std::vector<int>{1498500, 1499500, 1500500});
  CHECK(count.values()[0] == (1ull << 40) + n);
  CHECK(most.values()[0] == n - 1);
  CHECK(whole.values()[0] == 2.f * n);
}

TEST_CASE("rounding to tf32, bit for bit") {
  const auto x = awkward_floats(10);
  const Array<float> there(x);
  const Array<std::uint32_t> y(x.size());
  ON_TEST_DEVICE(round_to_tf32, static_cast<int>(x.size()), there.data(), y.data());
  const auto got = y.values();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float value = std::bit_cast<float>(got[i] & 0xffffe000u);  // all that tensor cores read
    INFO("of the bits ", std::bit_cast<std::uint32_t>(x[i]));
    if (std::isnan(x[i])) {
      CHECK(std::isnan(value));
    } else {
      CHECK(std::bit_cast<std::uint32_t>(value) ==
            std::bit_cast<std::uint32_t>(rounded_to_tf32(x[i])));
    }
  }
}

TEST_CASE("rounding to bf16, bit for bit as on the host") {
  const auto x = awkward_floats(7);
  const Array<float> there(x), back(x.size());
  const Array<bfloat16> y(x.size());
  ON_TEST_DEVICE(round_to_bf16, static_cast<int>(x.size()), there.data(), y.data(), back.data());
  const auto got = y.values();
  const auto widened = back.values();
  for (std::size_t i = 0; i < x.size(); ++i) {
    INFO("of the bits ", std::bit_cast<std::uint32_t>(x[i]));
    CHECK(got[i].bits == bfloat16(x[i]).bits);
    CHECK(std::bit_cast<std::uint32_t>(widened[i]) == std::uint32_t{got[i].bits} << 16);
  }
}

TEST_CASE("arithmetic: what is exact, and how far the quick functions are off") {
  constexpr std::size_t n = 500;
  const auto x = deviates(n, 8), y = deviates(n, 9);
  const Array<float> xs(x), ys(y);
  const Array<ArithmeticResults> results(n);
  ON_TEST_DEVICE(calculate, static_cast<int>(n), xs.data(), ys.data(), results.data());
  const auto got = results.values();
  for (std::size_t i = 0; i < n; ++i) {
    CAPTURE(x[i]);
    CAPTURE(y[i]);
    const ArithmeticResults& r = got[i];
    const auto bits = std::bit_cast<unsigned>(x[i]), other = std::bit_cast<unsigned>(y[i]);
    const unsigned right = bits >> other % 32, left = bits << other % 32;
    CHECK(r.high == static_cast<unsigned>(std::uint64_t{bits} * other >> 32));
    CHECK(r.ones == static_cast<unsigned>(std::popcount(bits)));
    CHECK(r.zeros == std::countl_zero(right));
    CHECK(r.first == (left ? std::countr_zero(left) + 1 : 0));
    CHECK(r.smaller == std::min(static_cast<int>(bits), static_cast<int>(other)));
    CHECK(r.larger == std::max(static_cast<int>(bits), static_cast<int>(other)));
    CHECK(r.as_bits == other);
    CHECK(r.as_float == y[i]);
    CHECK(r.added == x[i] + y[i]);
    CHECK(r.subtracted == x[i] - y[i]);
    CHECK(r.multiplied == x[i] * y[i]);
    CHECK(r.divided == x[i] / y[i]);
    CHECK(r.root == std::sqrt(std::fabs(x[i])));
    CHECK(r.fused == std::fma(x[i], y[i], x[i]));
    // The bounds of the CUDA C++ Programming Guide, "Mathematical Functions", in ulps of 2^-23.
    const double a = static_cast<double>(x[i]), b = static_cast<double>(y[i]), ulp = 0x1p-23;
    check_close(r.quick_quotient, a / b, 2 * ulp);
    check_close(r.quick_exp, std::exp(a), (2 + std::floor(std::fabs(1.173 * a))) * ulp);
    CHECK(std::fabs(static_cast<double>(r.quick_log) - std::log(std::fabs(a))) <=
          std::max(0x1p-21, 3 * ulp * std::fabs(std::log(std::fabs(a)))));
    check_close(r.inverse_root, 1 / std::sqrt(std::fabs(a)), 2 * ulp);
    check_close(r.exponential, std::exp(a), 2 * ulp);
  }
}

TEST_CASE("blocks of a grid in three dimensions know their place") {
  const unsigned nx = 5, ny = 3, nz = 2;
  const Array<std::uint32_t> places(nx * ny * nz);
  ON_TEST_DEVICE(number_blocks, nx, ny, nz, places.data());
  std::vector<std::uint32_t> expected;
  for (std::uint32_t block = 0; block < nx * ny * nz; ++block) {
    expected.push_back(block * 1000 + 4 * 3 * 2 - 1);
  }
  CHECK(places.values() == expected);
}

TEST_CASE("a launch that no device can start is refused by name, and harms nothing") {
  const Array<float> x(std::vector<float>(2048, 1.f));
  const std::string text = error_of([&] { ON_TEST_DEVICE(start_too_large, x.data()); });
  CHECK(text.find("large_kernel") != text.npos);
  CHECK(text.find("2048") != text.npos);
  CHECK(x.values() == std::vector<float>(2048, 1.f));
}

TEST_SUITE_END();
