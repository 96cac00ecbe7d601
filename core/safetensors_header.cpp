// SPDX-License-Identifier: MIT
#include "core/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/error.h"

namespace telescope::detail {
namespace {

using nlohmann::json;

// Reads the header event by event: nothing is nested deeper than the format needs, no name is
// silently taken twice, and the order of the tensors is kept.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(SafetensorsHeader& header) : header_(header) {}
  std::string reason;

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::file:
        place_ = Place::names;
        return true;
      case Place::names:
        place_ = key_ == "__metadata__" ? Place::metadata : Place::entry;
        if (place_ == Place::entry) {
          header_.entries.push_back({key_, {}, {}, 0, 0});
          fields_ = {};
        }
        return true;
      default:
        return wrong("an object");
    }
  }
  bool end_object() override {
    if (place_ == Place::entry) {
      for (const auto& [field, name] : field_names) {
        if (!(fields_ & field)) return refuse(fmt::format("{} has no \"{}\"", where(), name));
      }
    }
    place_ = place_ == Place::names ? Place::end : Place::names;
    return true;
  }

  bool key(std::string& name) override {
    if (place_ == Place::names) {
      key_ = name;
      return names_.insert(name).second || refuse("the name " + in_quotes(name) + " appears twice");
    }
    field_ = name;
    if (place_ == Place::metadata) {
      return !header_.metadata.contains(name) ||
             refuse("the metadata " + in_quotes(name) + " appear twice");
    }
    for (const auto& [field, text] : field_names) {
      if (name != text) continue;
      const bool fresh = !(fields_ & field);
      fields_ |= field;
      return fresh || refuse(fmt::format("{} has \"{}\" twice", where(), name));
    }
    return refuse(fmt::format("{} has an unknown field {}", where(), in_quotes(name)));
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::entry || field_ == "dtype") return wrong("an array");
    place_ = field_ == "shape" ? Place::shape : Place::offsets;
    offsets_ = 0;
    return true;
  }
  bool end_array() override {
    if (place_ == Place::offsets && offsets_ != 2) {
      return refuse(fmt::format("{} has {} data_offsets, expected 2", where(), offsets_));
    }
    place_ = Place::entry;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    auto* entry = header_.entries.empty() ? nullptr : &header_.entries.back();
    if (place_ == Place::shape) {
      entry->shape.push_back(value);
      return entry->shape.size() <= 64 || refuse(where() + " has more than 64 extents");
    }
    if (place_ != Place::offsets) return wrong("a number");
    if (offsets_ == 2) return refuse(where() + " has more than 2 data_offsets");
    (offsets_++ == 0 ? entry->begin : entry->end) = value;
    return true;
  }
  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      header_.metadata[field_] = value;
      return true;
    }
    if (place_ != Place::entry || field_ != "dtype") return wrong("text");
    header_.entries.back().dtype = value;
    return true;
  }

  bool null() override { return wrong("null"); }
  bool boolean(bool) override { return wrong("true or false"); }
  bool number_integer(number_integer_t value) override {
    return wrong("the negative number " + std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return wrong(in_quotes(text));
  }
  bool binary(binary_t&) override { return wrong("binary data"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return refuse(fmt::format("not JSON at byte {}", position));
  }

 private:
  enum class Place { file, names, entry, metadata, shape, offsets, end };
  static constexpr std::pair<unsigned, std::string_view> field_names[] = {
      {1, "dtype"}, {2, "shape"}, {4, "data_offsets"}};

  bool refuse(std::string why) {
    reason = std::move(why);
    return false;
  }
  bool wrong(const std::string& what) {
    if (place_ == Place::file) return refuse("expected an object, got " + what);
    return refuse(fmt::format("{} has {} where the format has none", where(), what));
  }
  std::string where() const {
    switch (place_) {
      case Place::names:
      case Place::entry:
        return "tensor " + in_quotes(key_);
      case Place::shape:
        return "the shape of tensor " + in_quotes(key_);
      case Place::offsets:
        return "the data_offsets of tensor " + in_quotes(key_);
      case Place::metadata:
        return "\"__metadata__\"";
      default:
        return "the header";
    }
  }

  SafetensorsHeader& header_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::file;
  std::string key_, field_;
  unsigned fields_ = 0;
  int offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view text) {
  SafetensorsHeader header;
  HeaderReader reader(header);
  if (!json::sax_parse(text.begin(), text.end(), &reader)) {
    raise("safetensors", "{}: bad header: {}", file, reader.reason);
  }
  return header;
}

std::string format_safetensors_header(const std::string& file, const SafetensorsHeader& header) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) root["__metadata__"] = header.metadata;
  std::string text;
  try {
    text = root.dump();
    text.pop_back();
    for (const SafetensorsEntry& entry : header.entries) {
      if (text.size() > 1) text += ',';
      const nlohmann::ordered_json value = {{"dtype", entry.dtype},
                                            {"shape", entry.shape},
                                            {"data_offsets", {entry.begin, entry.end}}};
      text += json(entry.name).dump() + ':' + value.dump();
    }
  } catch (const json::exception&) {
    raise("safetensors", "{}: a name or the metadata are not UTF-8", file);
  }
  return text + '}';
}

std::string in_quotes(std::string_view text) {
  const bool shortened = text.size() > 80;
  const json value(std::string(text.substr(0, 80)) + (shortened ? "..." : ""));
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace telescope::detail
