// SPDX-License-Identifier: MIT
#include "apps/trace.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/kernel_table.h"
#include "apps/text.h"

namespace telescope::app {
namespace {

using Json = nlohmann::ordered_json;

// Finest mesh first, what has no mesh before all, and streams behind the thread that feeds them.
struct TrackKey {
  std::size_t mesh_length = 0;  // "mesh10" behind "mesh9"
  std::string mesh;
  std::size_t track = 0;
  friend auto operator<=>(const TrackKey&, const TrackKey&) = default;
};

TrackKey key_of(const ProfileEvent& event, const std::vector<ScopeTotal>& totals) {
  const std::string mesh = mesh_of_path(totals[event.scope].path);
  return {mesh.size(), mesh, event.track};
}

std::string name_of(const TrackKey& key, const ProfileEvents& recorded) {
  const ProfileTrack& track = recorded.tracks[key.track];
  const auto threads = std::count_if(recorded.tracks.begin(), recorded.tracks.end(),
                                     [](const ProfileTrack& t) { return t.stream.empty(); });
  const std::string where = !track.stream.empty() ? track.stream
                            : threads > 1         ? fmt::format("cpu thread {}", track.thread)
                                                  : "cpu";
  return fmt::format("{} · {}", key.mesh.empty() ? "step" : key.mesh, where);
}

Json metadata(const char* what, int tid, const char* key, const Json& value) {
  return {{"name", what}, {"ph", "M"}, {"pid", 1}, {"tid", tid}, {"args", {{key, value}}}};
}

}  // namespace

std::string chrome_trace(const std::vector<ScopeTotal>& totals, const ProfileEvents& recorded) {
  std::map<TrackKey, int> tids;
  double first = recorded.events.empty() ? 0 : recorded.events.front().start;
  for (const ProfileEvent& event : recorded.events) {
    tids[key_of(event, totals)] = 0;
    first = std::min(first, event.start);
  }
  Json events = Json::array();
  events.push_back(metadata("process_name", 0, "name", "telescope"));
  int next = 0;
  for (auto& [key, tid] : tids) {
    tid = ++next;
    events.push_back(metadata("thread_name", tid, "name", name_of(key, recorded)));
    events.push_back(metadata("thread_sort_index", tid, "sort_index", tid));
  }
  for (const ProfileEvent& event : recorded.events) {
    const std::string& path = totals[event.scope].path;
    Json args{{"path", path}};
    if (event.own.flop > 0) args["flop"] = event.own.flop;
    if (event.own.bytes > 0) args["bytes"] = event.own.bytes;
    events.push_back({{"name", path.substr(path.rfind('/') + 1)},
                      {"ph", "X"},
                      {"pid", 1},
                      {"tid", tids.at(key_of(event, totals))},
                      {"ts", 1e6 * (event.start - first)},
                      {"dur", 1e6 * (event.end - event.start)},
                      {"args", args}});
  }
  const Json trace{{"displayTimeUnit", "ns"},
                   {"otherData", {{"dropped_events", recorded.dropped}}},
                   {"traceEvents", events}};
  return trace.dump() + "\n";
}

}  // namespace telescope::app
