// SPDX-License-Identifier: MIT
// The program `telescope`. Exit codes: 0 done, 1 something failed while running, 2 a wrong request,
// 130 and 143 interrupted after a checkpoint.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>

#include "apps/subcommands.h"
#include "apps/text.h"
#include "apps/version.h"
#include "core/error.h"

namespace {

// A program started with closed standard streams gets their numbers for the files it opens, and
// would write its messages into them.
void open_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    [[maybe_unused]] const int opened = open("/dev/null", O_RDWR);
  }
}

int complain(int code, const std::string& message) {
  std::fprintf(stderr, "telescope: %s\n", telescope::app::one_line(message).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace telescope;
  open_standard_streams();
  CLI::App program(
      "Trains convolutional networks on several image resolutions at once "
      "(arXiv:2501.12739).",
      "telescope");
  program.require_subcommand(0, 1);  // none: see below; CLI11 would not name an unknown one
  program.set_version_flag("--version", app::version());
  const std::vector<std::pair<std::string, app::Subcommand>> subcommands = {
      {"train", app::add_train(program)},       {"compare", app::add_compare(program)},
      {"evaluate", app::add_evaluate(program)}, {"restore", app::add_restore(program)},
      {"study", app::add_study(program)},       {"profile", app::add_profile(program)},
      {"info", app::add_info(program)}};
  std::string command_line = "telescope";
  for (int i = 1; i < argc; ++i) command_line += " " + app::shell_word(argv[i]);
  try {
    program.parse(argc, argv);
    for (const auto& [name, run] : subcommands) {
      if (!program.got_subcommand(name)) continue;
      const int code = run(command_line);
      if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        raise_failure("output", "cannot write to standard output");
      }
      return code;
    }
    std::string names;
    for (const auto& subcommand : subcommands) names += " " + subcommand.first;
    return complain(2, "expected a subcommand, one of" + names + " (see telescope --help)");
  } catch (const CLI::CallForHelp& help) {
    return program.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return program.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return program.exit(version);
  } catch (const CLI::ParseError& error) {
    return complain(2, std::string(error.what()) + " (see telescope --help)");
  } catch (const Failure& failure) {
    return complain(1, failure.what());
  } catch (const Error& error) {
    return complain(2, error.what());
  } catch (const std::bad_alloc&) {
    return complain(1, "out of memory");
  } catch (const std::exception& error) {
    return complain(1, error.what());
  }
}
