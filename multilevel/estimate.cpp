// SPDX-License-Identifier: MIT
#include "multilevel/estimate.h"

#include <numeric>

#include "core/autograd.h"
#include "layers/structure.h"

namespace telescope {

void Estimate::add_losses(const Tensor& losses, std::size_t level, Side side, double share) {
  parts_.push_back({level, side, share, static_cast<std::size_t>(losses.numel())});
  losses_.push_back(losses);
}

void Estimate::add_time(std::size_t level, Event start, Event end) {
  times_.push_back({level, std::move(start), std::move(end)});
}

void Estimate::close() {
  const NoGradGuard no_grad;
  packed_ = concat_rows(losses_).to(DType::f64);
  losses_.clear();
}

std::vector<MeshReport> Estimate::reports(const std::vector<double>& losses) const {
  std::vector<MeshReport> reports = reports_;
  auto next = losses.begin();
  for (const Part& part : parts_) {
    const auto end = next + static_cast<std::ptrdiff_t>(part.count);
    const double mean = std::accumulate(next, end, 0.0) / static_cast<double>(part.count);
    next = end;
    MeshReport& report = reports[part.level];
    if (part.side == Side::fine) report.loss += part.share * mean;
    report.difference += (part.side == Side::fine ? part.share : -part.share) * mean;
  }
  for (const Time& time : times_) {
    auto& seconds = reports[time.level].seconds;
    seconds = seconds.value_or(0) + seconds_between(time.start, time.end);
  }
  return reports;
}

}  // namespace telescope
