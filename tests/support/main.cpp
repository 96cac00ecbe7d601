// SPDX-License-Identifier: MIT
// The main function of every test program: memory guards on, checked after every test case, and
// the simulated device's memory closed to the host as a GPU's is.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest.h>

#include <cstdio>
#include <cstdlib>

#include "core/error.h"
#include "core/memory.h"
#include "support/device.h"

namespace {
struct GuardListener : doctest::IReporter {
  explicit GuardListener(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    telescope::check_memory_guards();
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("memory guards", 1, GuardListener);
}  // namespace

int main(int argc, char** argv) {
  setenv("TELESCOPE_SIM_PROTECT", "1", 0);
  try {
    (void)telescope::test::test_device();
  } catch (const telescope::Error& error) {
    std::printf("[skipped] %s\n", error.what());
    return 0;
  }
  telescope::set_memory_guards(true);
  doctest::Context context(argc, argv);
  return context.run();
}
