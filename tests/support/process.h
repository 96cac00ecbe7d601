// SPDX-License-Identifier: MIT
// Runs a program and keeps what it said.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace telescope::test {

/// A program running in the background; standard output and error go into one text.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments) {
    int ends[2];
    if (pipe(ends) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      std::vector<char*> argv;
      for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
      }
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(ends[1]);
    from_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0 && !waited_) {
      kill(SIGKILL);
      wait();
    }
    if (from_ >= 0) close(from_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void kill(int signal) const { ::kill(pid_, signal); }

  /// Waits for the end; the exit code, or 128 + the signal that ended it.
  int wait() {
    char buffer[4096];
    for (ssize_t n = 0; (n = read(from_, buffer, sizeof buffer)) > 0;) {
      output_.append(buffer, static_cast<std::size_t>(n));
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    waited_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& output() const { return output_; }

 private:
  pid_t pid_ = -1;
  int from_ = -1;
  bool waited_ = false;
  std::string output_;
};

struct Outcome {
  int code = 0;
  std::string output;
};
inline Outcome run_program(const std::vector<std::string>& arguments) {
  Process process(arguments);
  const int code = process.wait();
  return {code, process.output()};
}

}  // namespace telescope::test
