// SPDX-License-Identifier: MIT
// The program `telescope`. Exit codes: 0 done, 1 something failed while running, 2 a wrong request,
// 130 and 143 interrupted after a checkpoint.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>

#include "apps/subcommands.h"
#include "apps/version.h"
#include "core/error.h"

int main(int argc, char** argv) {
  using namespace telescope;
  CLI::App program(
      "Trains convolutional networks on several image resolutions at once "
      "(arXiv:2501.12739).",
      "telescope");
  program.require_subcommand(1);
  program.set_version_flag("--version", app::version());
  const std::vector<std::pair<std::string, app::Subcommand>> subcommands = {
      {"train", app::add_train(program)},
      {"compare", app::add_compare(program)},
      {"info", app::add_info(program)}};
  std::string command_line = "telescope";
  for (int i = 1; i < argc; ++i) command_line += std::string(" ") + argv[i];
  try {
    program.parse(argc, argv);
    for (const auto& [name, run] : subcommands) {
      if (program.got_subcommand(name)) return run(command_line);
    }
  } catch (const CLI::CallForHelp& help) {
    return program.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return program.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return program.exit(version);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "telescope: %s (see telescope --help)\n", error.what());
    return 2;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "telescope: %s\n", failure.what());
    return 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "telescope: %s\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "telescope: out of memory\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "telescope: %s\n", error.what());
    return 1;
  }
  return 0;
}
