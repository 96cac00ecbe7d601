// SPDX-License-Identifier: MIT
#include "core/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <set>

#include "core/file.h"
#include "core/safetensors_header.h"

namespace telescope {
namespace {

using detail::SafetensorsEntry;
using detail::SafetensorsHeader;

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr std::array<std::pair<std::string_view, DType>, 5> dtype_names{{{"F32", DType::f32},
                                                                         {"F64", DType::f64},
                                                                         {"BF16", DType::bf16},
                                                                         {"U8", DType::u8},
                                                                         {"I64", DType::i64}}};

// Longest header accepted, the limit of the format's own library.
constexpr std::uint64_t most_header = 100'000'000;

template <class... Args>
[[noreturn]] void bad(const std::string& file, fmt::format_string<Args...> format, Args&&... args) {
  raise("safetensors", "{}: {}", file, fmt::vformat(format, fmt::make_format_args(args...)));
}

DType parse_dtype(const std::string& file, const SafetensorsEntry& entry) {
  for (const auto& [name, dtype] : dtype_names) {
    if (entry.dtype == name) return dtype;
  }
  bad(file, "tensor {} has the dtype {}; this program reads F32, F64, BF16, U8 and I64",
      detail::in_quotes(entry.name), detail::in_quotes(entry.dtype));
}

Shape parse_shape(const std::string& file, const SafetensorsEntry& entry) {
  const auto name = detail::in_quotes(entry.name);
  if (entry.shape.size() > Shape::max_rank) {
    bad(file, "tensor {} has {} extents, at most {} are supported", name, entry.shape.size(),
        Shape::max_rank);
  }
  std::vector<std::int64_t> extents;
  for (const std::uint64_t extent : entry.shape) {
    if (extent > std::numeric_limits<std::int64_t>::max() / 8) {
      bad(file, "tensor {} has an extent of {}", name, extent);
    }
    extents.push_back(static_cast<std::int64_t>(extent));
  }
  try {
    return Shape(std::span<const std::int64_t>(extents));
  } catch (const Error& error) {
    bad(file, "tensor {}: {}", name, error.what());
  }
}

// The bytes of tensors follow each other without gap or overlap and fill the data exactly.
void check_layout(const std::string& file, std::vector<const SafetensorsEntry*> entries,
                  std::uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t end = 0;
  for (const SafetensorsEntry* entry : entries) {
    const auto name = detail::in_quotes(entry->name);
    if (entry->end < entry->begin) {
      bad(file, "tensor {} ends at byte {} before it begins at {}", name, entry->end, entry->begin);
    }
    if (entry->end > data_bytes) {
      bad(file, "tensor {} ends at byte {}, but there are only {} bytes of data: the file is cut",
          name, entry->end, data_bytes);
    }
    if (entry->begin < end) {
      bad(file, "tensor {} begins at byte {} inside another that ends at {}", name, entry->begin,
          end);
    }
    if (entry->begin > end) {
      bad(file, "bytes {} to {} before tensor {} belong to no tensor", end, entry->begin, name);
    }
    end = entry->end;
  }
  if (end != data_bytes) bad(file, "{} bytes behind the last tensor", data_bytes - end);
}

Tensor make_tensor(const std::string& file, const SafetensorsEntry& entry, const Storage& storage,
                   std::size_t data_start) {
  const DType dtype = parse_dtype(file, entry);
  const Shape shape = parse_shape(file, entry);
  const auto size = static_cast<std::uint64_t>(size_of(dtype));
  const auto numel = static_cast<std::uint64_t>(shape.numel());
  const std::uint64_t held = entry.end - entry.begin;
  if (numel > std::numeric_limits<std::uint64_t>::max() / size || numel * size != held) {
    bad(file, "tensor {} {} {} does not fit its {} bytes", detail::in_quotes(entry.name),
        entry.dtype, shape, held);
  }
  const std::size_t offset = data_start + static_cast<std::size_t>(entry.begin);
  if (offset % size == 0) {
    return Tensor::view(storage, static_cast<std::int64_t>(offset), shape, dtype);
  }
  Tensor tensor = Tensor::empty(shape, dtype);
  std::memcpy(tensor.raw(), storage.data() + offset, static_cast<std::size_t>(held));
  return tensor;
}

}  // namespace

Tensor SafetensorsFile::find(std::string_view name) const {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  return {};
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const auto mapped = MappedFile::open(path);
  const std::string file = path.string();
  if (mapped->size() < 8) {
    bad(file, "{} bytes are too few for a safetensors file", mapped->size());
  }
  std::uint64_t length = 0;
  std::memcpy(&length, mapped->data(), 8);
  if (length > most_header) {
    bad(file, "not a safetensors file, or damaged: a header of {} bytes (at most {} are allowed)",
        length, most_header);
  }
  if (length > mapped->size() - 8) {
    bad(file, "the header has {} bytes, but only {} follow: the file is cut", length,
        mapped->size() - 8);
  }
  const auto data_start = static_cast<std::size_t>(8 + length);
  const SafetensorsHeader header = detail::parse_safetensors_header(
      file, std::string_view(reinterpret_cast<const char*>(mapped->data()) + 8, length));

  std::vector<const SafetensorsEntry*> entries;
  for (const SafetensorsEntry& entry : header.entries) entries.push_back(&entry);
  check_layout(file, std::move(entries), mapped->size() - data_start);

  const Storage storage = Storage::borrow(mapped->data(), mapped->size(), mapped);
  SafetensorsFile result;
  result.metadata = header.metadata;
  for (const SafetensorsEntry& entry : header.entries) {
    result.tensors.push_back({entry.name, make_tensor(file, entry, storage, data_start)});
  }
  return result;
}

namespace {

std::string_view dtype_name(DType dtype) {
  for (const auto& [name, value] : dtype_names) {
    if (value == dtype) return name;
  }
  return "";
}

std::vector<SafetensorsEntry> describe(const std::string& file, const NamedTensors& tensors) {
  std::vector<SafetensorsEntry> entries;
  std::set<std::string_view> names{"__metadata__"};
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) bad(file, "tensor {} is undefined", detail::in_quotes(name));
    if (!names.insert(name).second) bad(file, "two tensors named {}", detail::in_quotes(name));
    SafetensorsEntry entry;
    entry.name = name;
    entry.dtype = dtype_name(tensor.dtype());
    for (const std::int64_t extent : tensor.shape()) {
      entry.shape.push_back(static_cast<std::uint64_t>(extent));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string file = path.string();
  SafetensorsHeader header{describe(file, tensors), metadata};

  std::vector<std::size_t> order(tensors.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size_of(tensors[a].tensor.dtype()) > size_of(tensors[b].tensor.dtype());
  });
  std::vector<Tensor> on_host;  // kept until they are written
  std::vector<Bytes> parts(2);
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    on_host.push_back(tensors[i].tensor.detach().to(Device{}));
    const auto bytes = static_cast<std::size_t>(on_host.back().bytes());
    header.entries[i].begin = end;
    header.entries[i].end = end += bytes;
    parts.emplace_back(on_host.back().raw(), bytes);
  }

  std::string text = detail::format_safetensors_header(file, header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  if (length > most_header) bad(file, "a header of {} bytes; at most {}", length, most_header);
  parts[0] = std::as_bytes(std::span(&length, 1));
  parts[1] = std::as_bytes(std::span(text.data(), text.size()));
  write_file_atomically(path, parts, "tensors");
}

}  // namespace telescope
