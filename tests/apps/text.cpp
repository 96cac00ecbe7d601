// SPDX-License-Identifier: MIT
#include "apps/text.h"

#include <doctest.h>

#include <cmath>
#include <limits>

using namespace telescope::app;

namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("words as a shell takes them") {
  CHECK(shell_word("--batch") == "--batch");
  CHECK(shell_word("runs/größe_1,2.png") == "runs/größe_1,2.png");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("my photos") == "'my photos'");
  CHECK(shell_word("a'b") == "'a'\\''b'");
  for (const char* special : {"$HOME", "a;b", "*", "~", "a\nb", "a&b", "a\\b", "#"}) {
    CHECK(shell_word(special) == "'" + std::string(special) + "'");
  }
}

TEST_CASE("numbers as people read them") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(28750) == "28,750");
  CHECK(format_count(1437.5) == "1,437.5");
  CHECK(format_count(-1234567) == "-1,234,567");
  CHECK(format_count(999.96) == "1,000");
  CHECK(format_count(-0.04) == "0");
  CHECK(format_count(kNan) == "-");

  CHECK(format_value(0.07412) == "0.07412");
  CHECK(format_value(17.351) == "17.35");
  CHECK(format_value(123456) == "123456");
  CHECK(format_value(2.5e-7) == "2.5e-07");
  CHECK(format_value(-3.2e9) == "-3.2e+09");
  CHECK(format_value(0) == "0");
  CHECK(format_value(kNan) == "-");
  CHECK(format_value(kInfinity) == "inf");

  CHECK(format_bytes(0) == "0 bytes");
  CHECK(format_bytes(1023) == "1023 bytes");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(201.0 * 1024 * 1024) == "201 MiB");
  CHECK(format_bytes(kNan) == "-");

  CHECK(format_seconds(0.84) == "0.84 s");
  CHECK(format_seconds(9.996) == "10.0 s");
  CHECK(format_seconds(42.31) == "42.3 s");
  CHECK(format_seconds(125) == "2 min 05 s");
  CHECK(format_seconds(3599.7) == "1 h 00 min");
  CHECK(format_seconds(11220) == "3 h 07 min");
  CHECK(format_seconds(kInfinity) == "-");

  CHECK(format_factor(16.69) == "16.7×");
  CHECK(format_factor(1) == "1.00×");
  CHECK(format_factor(334.2) == "334×");
  CHECK(format_factor(kNan) == "-");
  CHECK(format_factor_spread(3.64, 0.41, 3) == "3.64 ± 0.41×");
  CHECK(format_factor_spread(3.64, 0, 3) == "3.64×");
  CHECK(format_factor_spread(3.64, 0.41, 1) == "3.64×");
  CHECK(format_factor_spread(kNan, kNan, 3) == "-");

  CHECK(format_spread(0.07412, 0.00131, 3) == "0.0741 ± 0.0013");
  CHECK(format_spread(0.07412, kNan, 1) == "0.07412");
  CHECK(format_spread(0.07412, 0.0013, 1) == "0.07412");
}

TEST_CASE("text is safe wherever it goes") {
  CHECK(escape_html("<b a=\"1\" c='2'>&") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
  CHECK(escape_html(std::string_view("a\0b\x1b[c", 6)) == "ab[c");
  CHECK(csv_field("plain") == "plain");
  CHECK(csv_field("a,\"b\"\n") == "\"a,\"\"b\"\"\n\"");
}

TEST_CASE("what is not UTF-8 is replaced, what is stays") {
  CHECK(valid_utf8("aé±×😀") == "aé±×😀");
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(valid_utf8("a\xFFz") == "a" + bad + "z");
  CHECK(valid_utf8("\xC3") == bad);                                // cut
  CHECK(valid_utf8("\xC0\xAF") == bad + bad);                      // overlong
  CHECK(valid_utf8("\xED\xA0\x80") == bad + bad + bad);            // a surrogate
  CHECK(valid_utf8("\xF4\x90\x80\x80") == bad + bad + bad + bad);  // beyond U+10FFFF
  CHECK(valid_utf8("").empty());
}

TEST_CASE("base64 with every length of tail (RFC 4648)") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xFF\xFE\xFD") == "//79");
}

TEST_CASE("columns line up, whatever bytes a letter takes") {
  CHECK(align_columns({{"name", "x"}, {"a ± b", "10"}, {"c"}}) ==
        "name    x\n"
        "a ± b  10\n"
        "c\n");
  CHECK(align_columns({{"a", "b", "c"}, {"1", "-", "-"}, {"2", "-", "3"}}) ==
        "a  c\n"
        "1  -\n"
        "2  3\n");
  CHECK(display_width("±×") == 2);
  CHECK(clip("±×a", 2) == "±×");
  CHECK(clip("ab", 5) == "ab");
  CHECK(clip("ab", 0).empty());
}
