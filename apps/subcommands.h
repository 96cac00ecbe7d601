// SPDX-License-Identifier: MIT
// The subcommands of `telescope`: each adds itself to the command line and returns what to run.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace telescope::app {

/// Takes the whole command line, for reports, and returns the exit code: 0, 130 after Ctrl-C, 143
/// after SIGTERM. Errors are thrown.
using Subcommand = std::function<int(const std::string& command_line)>;

Subcommand add_train(CLI::App& program);
Subcommand add_compare(CLI::App& program);
Subcommand add_evaluate(CLI::App& program);
Subcommand add_restore(CLI::App& program);
Subcommand add_study(CLI::App& program);
Subcommand add_profile(CLI::App& program);
Subcommand add_info(CLI::App& program);

}  // namespace telescope::app
