// SPDX-License-Identifier: MIT
#include "core/safetensors.h"

#include <cstring>
#include <fstream>

#include "core/file.h"
#include "support/compare.h"
#include "support/temporary_folder.h"

using namespace telescope;
using namespace telescope::test;

namespace {
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// A file with that header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(data_bytes, '\x01');
}

const TemporaryFolder folder;
const auto path = folder / "file.safetensors";

// Reason why a file of these bytes is refused; "" if it is read.
std::string refusal(const std::string& bytes) {
  write_file_atomically(path, bytes);
  const std::string text = error_of([] { read_safetensors(path); });
  if (!text.empty()) CHECK(text.rfind("safetensors: " + path.string() + ": ", 0) == 0);
  return text;
}
std::string refusal(const std::string& header, std::size_t data_bytes) {
  return refusal(file_of(header, data_bytes));
}

NamedTensors sample() {
  return {{"mask", Tensor::from<std::uint8_t>({1, 2, 3}, {3})},
          {"weight", random_tensor({2, 3, 3, 5})},
          {"exact", random_tensor({7}, DType::f64)},
          {"half", random_tensor({3, 1}).to(DType::bf16)},
          {"step", Tensor::from<std::int64_t>({-5}, {})},
          {"nothing", Tensor::empty({0, 4})},
          {"näme \"with\" \\ everything", random_tensor({1})}};
}
}  // namespace

TEST_CASE("tensors and metadata come back as they were, in order") {
  const NamedTensors tensors = sample();
  const std::map<std::string, std::string> metadata{{"step", "17"}, {"note", "a\n\"b\" é"}};
  write_safetensors(path, tensors, metadata);
  const SafetensorsFile file = read_safetensors(path);
  CHECK(file.metadata == metadata);
  REQUIRE(file.tensors.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = file.tensors[i];
    INFO(name);
    CHECK(name == tensors[i].name);
    CHECK(tensor.dtype() == tensors[i].tensor.dtype());
    CHECK(tensor.shape() == tensors[i].tensor.shape());
    CHECK(std::memcmp(tensor.raw(), tensors[i].tensor.raw(),
                      static_cast<std::size_t>(tensor.bytes())) == 0);
  }
  CHECK(file.find("weight").shape() == Shape{2, 3, 3, 5});
  CHECK(!file.find("other").defined());
}

TEST_CASE("tensors of a device are written through the host") {
  NamedTensors there = sample();
  for (NamedTensor& t : there) t.tensor = t.tensor.to({DeviceType::cuda_sim, 0});
  write_safetensors(path, there);
  const SafetensorsFile file = read_safetensors(path);
  for (const NamedTensor& expected : sample()) {
    const Tensor tensor = file.find(expected.name);
    CHECK(tensor.device().is_cpu());
    CHECK(std::memcmp(tensor.raw(), expected.tensor.raw(),
                      static_cast<std::size_t>(tensor.bytes())) == 0);
  }
}

TEST_CASE("nothing is copied, and changed elements stay out of the file") {
  write_safetensors(path, sample());
  const auto before = memory_use().current;
  const SafetensorsFile file = read_safetensors(path);
  CHECK(memory_use().current == before);
  file.find("weight").fill_zero();
  CHECK_SAME(read_safetensors(path).find("weight"), sample()[1].tensor);
}

TEST_CASE("an empty file of tensors, and tensors that outlive what they were read from") {
  write_safetensors(path, {});
  CHECK(read_safetensors(path).tensors.empty());
  write_safetensors(path, sample());
  const Tensor weight = read_safetensors(path).find("weight");
  std::filesystem::remove(path);
  CHECK_SAME(weight, sample()[1].tensor);
}

TEST_CASE("elements that the file does not align are copied") {
  const std::string header = R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("x":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  REQUIRE(refusal(header, 9).empty());
  const Tensor x = read_safetensors(path).find("x");
  CHECK(reinterpret_cast<std::uintptr_t>(x.raw()) % 4 == 0);
  CHECK(x.data<float>()[1] == x.data<float>()[0]);
}

TEST_CASE("what cannot be written is an error") {
  const Tensor x = random_tensor({2});
  CHECK(contains(error_of([&] { write_safetensors(path, {{"a", x}, {"a", x}}); }), "two tensors"));
  CHECK(contains(error_of([&] { write_safetensors(path, {{"__metadata__", x}}); }), "two tensors"));
  CHECK(contains(error_of([&] { write_safetensors(path, {{"a", Tensor()}}); }), "undefined"));
  CHECK(contains(error_of([&] { write_safetensors(path, {{"\xff", x}}); }), "not UTF-8"));
  CHECK(contains(error_of([&] { write_safetensors(path, {}, {{"k", "\xff"}}); }), "not UTF-8"));
}

TEST_CASE("files that are no safetensors or were cut") {
  CHECK(contains(refusal(""), "0 bytes are too few"));
  CHECK(contains(refusal("1234567"), "7 bytes are too few"));
  CHECK(contains(refusal(std::string(8, '\xff')), "not a safetensors file"));
  CHECK(
      contains(refusal(std::string("\x20\0\0\0\0\0\0\0{}", 10)), "only 2 follow: the file is cut"));
  CHECK(contains(refusal("", 0), "not JSON"));
  CHECK(contains(refusal("{", 0), "not JSON"));
  CHECK(contains(refusal("{}x", 0), "not JSON"));
  CHECK(contains(refusal("{\"\xff\":1}", 0), "not JSON"));
  CHECK(contains(refusal("[]", 0), "bad header"));
  CHECK(contains(refusal("17", 0), "expected an object"));
  CHECK(contains(refusal("{}", 3), "3 bytes behind the last tensor"));
  CHECK(contains(refusal(std::string(1 << 20, '['), 0), "bad header"));
  CHECK(contains(refusal("{\"a\":" + std::string(1 << 20, '{'), 0), "not JSON"));
  CHECK(contains(error_of([] { read_safetensors(folder / "none"); }), "No such file"));
}

TEST_CASE("headers that do not describe tensors") {
  const auto entry = [](const std::string& fields, std::size_t bytes = 8) {
    return refusal("{\"a\":{" + fields + "}}", bytes);
  };
  const std::string dtype = R"("dtype":"F32",)", shape = R"("shape":[2],)",
                    offsets = R"("data_offsets":[0,8])";
  REQUIRE(entry(dtype + shape + offsets).empty());
  CHECK(contains(entry(dtype + offsets), "tensor \"a\" has no \"shape\""));
  CHECK(contains(entry(shape + offsets), "has no \"dtype\""));
  CHECK(contains(entry(dtype + R"("shape":[2])"), "has no \"data_offsets\""));
  CHECK(contains(entry(dtype + dtype + shape + offsets), "has \"dtype\" twice"));
  CHECK(contains(entry(dtype + shape + offsets + R"(,"x":1)"), "unknown field \"x\""));
  CHECK(
      contains(entry(R"("dtype":"F16",)" + shape + offsets), "dtype \"F16\"; this program reads"));
  CHECK(contains(entry(R"("dtype":32,)" + shape + offsets), "has a number where"));
  CHECK(contains(entry(R"("dtype":["F32"],)" + shape + offsets), "has an array where"));
  CHECK(contains(entry(dtype + R"("shape":2,)" + offsets), "has a number where"));
  CHECK(contains(entry(dtype + R"("shape":[-2],)" + offsets), "negative number -2"));
  CHECK(contains(entry(dtype + R"("shape":[2.5],)" + offsets), "has \"2.5\" where"));
  CHECK(contains(entry(dtype + R"("shape":["2"],)" + offsets), "has text where"));
  CHECK(contains(entry(dtype + R"("shape":[[2]],)" + offsets), "has an array where"));
  CHECK(contains(entry(dtype + R"("shape":[null],)" + offsets), "has null where"));
  CHECK(contains(entry(dtype + R"("shape":[1,1,1,1,1,2],)" + offsets), "has 6 extents"));
  CHECK(contains(entry(dtype + R"("shape":[3],)" + offsets), "F32 [3] does not fit its 8 bytes"));
  CHECK(contains(entry(dtype + R"("shape":[4294967296,4294967296],)" + offsets), "more elements"));
  CHECK(contains(entry(dtype + R"("shape":[9223372036854775808],)" + offsets), "an extent of"));
  CHECK(contains(entry(dtype + R"("shape":[1152921504606846975],)" + offsets), "does not fit"));
  CHECK(contains(entry(dtype + R"("shape":[18446744073709551616],)" + offsets), "has \"18446744"));
  CHECK(contains(entry(dtype + shape + R"("data_offsets":[0])"), "has 1 data_offsets"));
  CHECK(contains(entry(dtype + shape + R"("data_offsets":[0,8,8])"), "more than 2 data_offsets"));
  CHECK(contains(entry(dtype + shape + R"("data_offsets":[-8,0])"), "negative number -8"));
  CHECK(contains(entry(dtype + shape + R"("data_offsets":[8,0])"), "before it begins"));
  CHECK(contains(entry(dtype + shape + R"("data_offsets":[8,16])"), "only 8 bytes of data"));
  CHECK(contains(entry(dtype + shape + R"("data_offsets":[4,12])", 12), "belong to no tensor"));
  CHECK(contains(refusal(R"({"a":1})", 0), "tensor \"a\" has a number"));
  CHECK(contains(refusal(R"({"__metadata__":{"a":1}})", 0), "\"__metadata__\" has a number"));
  CHECK(contains(refusal(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "\"a\" appear twice"));
}

TEST_CASE("tensors that share a name or bytes") {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  CHECK(contains(refusal("{" + a + "," + a + "}", 4), "the name \"a\" appears twice"));
  const std::string b = R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]})";
  CHECK(contains(refusal("{" + a + "," + b + "}", 6), "inside another"));
  const std::string c = R"("c":{"dtype":"U8","shape":[4],"data_offsets":[6,10]})";
  CHECK(contains(refusal("{" + a + "," + c + "}", 10), "bytes 4 to 6"));
  CHECK(contains(refusal("{" + a + "}", 5), "1 bytes behind"));
  CHECK(contains(refusal("{" + a + "}", 3), "the file is cut"));
}

TEST_CASE("no damage to a file does worse than an error") {
  write_safetensors(path, sample(), {{"k", "v"}});
  const std::string good = read_text_file(path);
  RandomSequence random(RandomKey(1, "fuzz"));
  const auto any = [&](std::size_t n) {
    return static_cast<std::size_t>(random.below(static_cast<std::uint32_t>(n)));
  };
  const std::string_view alphabet("{}[]\",:0129-e.\\ \t\0\xff", 19);
  std::size_t header = 0;
  std::memcpy(&header, good.data(), 8);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = good;
    for (std::size_t changes = 1 + any(3); changes > 0; --changes) {
      const std::size_t at = any(any(4) ? 8 + header : bytes.size());
      switch (any(4)) {
        case 0:
          bytes[at] = static_cast<char>(random.word());
          break;
        case 1:
          bytes[at] = alphabet[any(alphabet.size())];
          break;
        case 2:
          bytes.erase(at, 1 + any(9));
          break;
        default:
          bytes.insert(at, bytes.substr(any(bytes.size()), any(30)));
      }
      if (bytes.size() <= 8 + header) bytes.resize(8 + header);
    }
    if (any(4) == 0) bytes.resize(any(bytes.size()));
    std::filesystem::remove(path);  // to overwrite would wait for the disk
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      for (const auto& [name, tensor] : read_safetensors(path).tensors) tensor.clone();
    } catch (const Error& error) {
      ++refused;
      CHECK(contains(error.what(), path.string()));
    }
  }
  CHECK(refused > 3000);
}
