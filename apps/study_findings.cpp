// SPDX-License-Identifier: MIT
#include "apps/study_findings.h"

#include <fmt/core.h>

#include <cmath>

#include "apps/text.h"

namespace telescope::app {
namespace {

struct ToJson {
  nlohmann::json operator()(std::monostate) const { return nullptr; }
  nlohmann::json operator()(std::int64_t value) const { return value; }
  nlohmann::json operator()(double value) const {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
  }
  nlohmann::json operator()(const std::string& text) const { return valid_utf8(text); }
};

struct ToCsv {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const {
    return std::isfinite(value) ? fmt::format("{}", value) : "";
  }
  std::string operator()(const std::string& text) const { return csv_field(text); }
};

}  // namespace

std::string to_csv(const Figures& figures) {
  std::string out;
  for (const std::string& name : figures.columns) out += (out.empty() ? "" : ",") + csv_field(name);
  for (const auto& row : figures.rows) {
    out += '\n';
    for (std::size_t i = 0; i < row.size(); ++i)
      out += (i ? "," : "") + std::visit(ToCsv(), row[i]);
  }
  return out + '\n';
}

nlohmann::json to_json(const Figures& figures) {
  nlohmann::json out = nlohmann::json::array();
  for (const auto& row : figures.rows) {
    nlohmann::json object = nlohmann::json::object();
    for (std::size_t i = 0; i < row.size(); ++i) {
      object[figures.columns.at(i)] = std::visit(ToJson(), row[i]);
    }
    out.push_back(object);
  }
  return out;
}

std::string in_times(double factor) {
  const int digits = factor < 1.25 ? 2 : factor < 9.95 ? 1 : 0;
  return fmt::format("{:.{}f} times", factor, digits);
}

std::string with_error(double value, double error) {
  if (!std::isfinite(value)) return "-";
  if (!std::isfinite(error)) return format_value(value);
  // Two digits of the error, and as many behind the point of the value.
  const int power = error > 0 ? static_cast<int>(std::floor(std::log10(error))) : 0;
  if (power < -4 || power > 4) return fmt::format("{:.3g} ± {:.2g}", value, error);
  const int digits = std::max(0, 1 - power);
  return fmt::format("{:.{}f} ± {:.{}f}", value, digits, error, digits);
}

std::string enumerate(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  }
  return out;
}

}  // namespace telescope::app
