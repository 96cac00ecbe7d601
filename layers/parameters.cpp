// SPDX-License-Identifier: MIT
#include "layers/parameters.h"

#include <algorithm>

namespace telescope {
namespace {

constexpr std::int64_t alignment = 64;

// [a, b, c, d] -> [a, d, b, c] (channels from last to second), or back.
template <class T>
void permute(const Shape& nhwc, const T* in, T* out, bool to_channels_second) {
  const std::int64_t n = nhwc[0], pixels = nhwc[1] * nhwc[2], c = nhwc[3];
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t p = 0; p < pixels; ++p) {
      for (std::int64_t k = 0; k < c; ++k) {
        const std::int64_t last = (i * pixels + p) * c + k, second = (i * c + k) * pixels + p;
        if (to_channels_second) {
          out[second] = in[last];
        } else {
          out[last] = in[second];
        }
      }
    }
  }
}

// Both on the host.
void permute(const Tensor& in, const Tensor& out, const Shape& nhwc, bool to_channels_second) {
  dispatch_float(in.dtype(), "layout", [&]<class T>() {
    permute(nhwc, in.data<T>(), out.data<T>(), to_channels_second);
  });
}

Shape pytorch_shape(const Shape& shape) {
  return shape.rank() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

std::string list_of(const std::vector<std::string>& names, std::string_view title) {
  if (names.empty()) return "";
  std::string text = fmt::format("; {}: {}", title, names.front());
  const std::size_t shown = std::min<std::size_t>(names.size(), 4);
  for (std::size_t i = 1; i < shown; ++i) text += ", " + names[i];
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

ParameterBuffer::ParameterBuffer(const Module& module) : named_(module.parameters()) {
  TELESCOPE_CHECK(!named_.empty(), "ParameterBuffer", "the module has no parameters");
  const DType dtype = named_.front().tensor.dtype();
  const Device device = named_.front().tensor.device();
  std::int64_t bytes = 0;
  for (const NamedTensor& p : named_) {
    TELESCOPE_CHECK(p.tensor.dtype() == dtype, "ParameterBuffer", "{} is {}, expected {}", p.name,
                    name_of(p.tensor.dtype()), name_of(dtype));
    TELESCOPE_CHECK(p.tensor.device() == device, "ParameterBuffer", "{} is on {}, expected {}",
                    p.name, p.tensor.device().str(), device.str());
    offsets_.push_back(bytes);
    bytes += (p.tensor.bytes() + alignment - 1) / alignment * alignment;
  }
  values_ = Tensor::zeros({bytes / size_of(dtype)}, dtype, device);
  gradients_ = Tensor::zeros(values_.shape(), dtype, device);
  const auto places = slices(values_), gradients = slices(gradients_);
  for (std::size_t i = 0; i < named_.size(); ++i) {
    places[i].tensor.copy_from(named_[i].tensor);
    named_[i].tensor.rebind(values_.storage(), offsets_[i]);
    named_[i].tensor.set_grad(gradients[i].tensor);
  }
}

NamedTensors ParameterBuffer::slices(const Tensor& flat) const {
  TELESCOPE_CHECK(flat.shape() == values_.shape() && flat.dtype() == values_.dtype(),
                  "ParameterBuffer", "expected {} {}, got {} {}", name_of(values_.dtype()),
                  values_.shape(), name_of(flat.dtype()), flat.shape());
  NamedTensors all;
  for (std::size_t i = 0; i < named_.size(); ++i) {
    all.push_back({named_[i].name, Tensor::view(flat.storage(), flat.storage_offset() + offsets_[i],
                                                named_[i].tensor.shape(), flat.dtype())});
  }
  return all;
}

NamedTensors to_pytorch_layout(const NamedTensors& tensors) {
  NamedTensors all;
  for (const auto& [name, tensor] : tensors) {
    Tensor copy = Tensor::empty(pytorch_shape(tensor.shape()), tensor.dtype());
    if (tensor.rank() == 4) {
      permute(tensor.detach().to(Device{}), copy, tensor.shape(), true);
    } else {
      copy.copy_from(tensor.detach());
    }
    all.push_back({name, copy});
  }
  return all;
}

void load_pytorch_layout(const NamedTensors& target, const NamedTensors& source,
                         std::string_view what) {
  std::map<std::string_view, Tensor> by_name;
  for (const NamedTensor& s : source) by_name[s.name] = s.tensor;
  std::vector<std::string> missing, wrong, unexpected;
  for (const NamedTensor& t : target) {
    const auto found = by_name.find(t.name);
    if (found == by_name.end()) {
      missing.push_back(t.name);
      continue;
    }
    const Shape expected = pytorch_shape(t.tensor.shape());
    if (!(found->second.shape() == expected)) {
      wrong.push_back(
          fmt::format("{} is {}, expected {}", t.name, found->second.shape(), expected));
    }
  }
  for (const NamedTensor& s : source) {
    const bool known = std::any_of(target.begin(), target.end(),
                                   [&](const NamedTensor& t) { return t.name == s.name; });
    if (!known) unexpected.push_back(s.name);
  }
  TELESCOPE_CHECK(missing.empty() && wrong.empty() && unexpected.empty(), what,
                  "belongs to another network{}{}{}", list_of(missing, "missing"),
                  list_of(wrong, "wrong shape"), list_of(unexpected, "unexpected"));
  for (const NamedTensor& t : target) {
    Tensor from = by_name[t.name].to(Device{}).to(t.tensor.dtype());
    if (t.tensor.rank() == 4) {
      const Tensor permuted = Tensor::empty(t.tensor.shape(), from.dtype());
      permute(from, permuted, t.tensor.shape(), false);
      from = permuted;
    }
    t.tensor.detach().copy_from(from);
  }
}

}  // namespace telescope
