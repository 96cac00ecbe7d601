// SPDX-License-Identifier: MIT
// What a study found, in the forms it is told in.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/run_folder.h"
#include "apps/study_page.h"

namespace telescope::app {

/// Named columns and their rows: one CSV file, or a JSON array of objects.
struct Figures {
  std::vector<std::string> columns = {};
  std::vector<std::vector<CsvCell>> rows = {};
};
/// With all digits; what is not finite is left empty.
std::string to_csv(const Figures& figures);
/// What is not finite is null.
nlohmann::json to_json(const Figures& figures);

struct Findings {
  std::vector<std::string> lessons = {};             ///< what the figures teach, a sentence each
  std::vector<StudySection> sections = {};           ///< of the page
  std::vector<std::vector<std::string>> table = {};  ///< for the terminal; the first is the header
  Figures figures = {};
};

/// "3.4 times", "25 times", "180 times"; "1.05 times" close to 1.
std::string in_times(double factor);
/// "2.03 ± 0.21"; without the error where it is not known.
std::string with_error(double value, double error);
/// "injection, mean and full-weighting".
std::string enumerate(const std::vector<std::string>& words);

}  // namespace telescope::app
