// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_variant.h"

#include <atomic>

#include "core/error.h"
#include "kernels/conv2d/conv2d.h"

namespace telescope::kernels {
namespace {

constexpr Conv2dVariantName names[] = {
    {Conv2dVariant::automatic, "automatic", true, true},
    {Conv2dVariant::direct, "direct", true, false},
    {Conv2dVariant::winograd, "winograd", true, false},
    {Conv2dVariant::naive, "naive", false, true},
    {Conv2dVariant::tiled, "tiled", false, true},
    {Conv2dVariant::implicit_gemm, "implicit_gemm", false, true},
    {Conv2dVariant::tensor_core, "tensor_core", false, true},
};

std::atomic<Conv2dVariant> current{Conv2dVariant::automatic};

const Conv2dVariantName& entry(Conv2dVariant variant) {
  return names[static_cast<std::size_t>(variant)];
}

bool takes(Conv2dVariant variant, const Conv2dShape& shape, DType dtype) {
  return variant != Conv2dVariant::winograd ||
         (dtype == DType::f32 && shape.r == 3 && shape.s == 3 && shape.stride == 1);
}

template <class Keep>
std::string listed(const Keep& keep) {
  std::string list;
  for (const auto& known : names) {
    if (keep(known)) list += (list.empty() ? "" : ", ") + std::string(known.name);
  }
  return list;
}

}  // namespace

std::span<const Conv2dVariantName> conv2d_variants() { return names; }

std::string_view name_of(Conv2dVariant variant) { return entry(variant).name; }

Conv2dVariant parse_conv2d_variant(std::string_view name) {
  for (const auto& known : names) {
    if (name == known.name) return known.variant;
  }
  raise("conv2d variant", "expected one of {}, got '{}'", listed([](const auto&) { return true; }),
        name);
}

bool runs_on(Conv2dVariant variant, const Device& device) {
  return device.is_cpu() ? entry(variant).on_cpu : entry(variant).on_gpu;
}

bool allowed(Conv2dVariant variant, Precision precision) {
  return variant != Conv2dVariant::tensor_core || precision != Precision::fp32;
}

std::string conv2d_variants_of(const Device& device) {
  return listed([&](const auto& known) {
    return known.variant != Conv2dVariant::automatic && runs_on(known.variant, device);
  });
}

Conv2dVariant conv2d_variant() { return current; }
void set_conv2d_variant(Conv2dVariant variant) { current = variant; }

Conv2dVariant conv2d_variant_for(const Conv2dShape& shape, DType dtype) {
  const Conv2dVariant variant = current;
  return takes(variant, shape, dtype) ? variant : Conv2dVariant::automatic;
}

void check_conv2d_variant(Conv2dVariant variant, const Device& device, const Conv2dShape& shape,
                          DType dtype) {
  TELESCOPE_CHECK(runs_on(variant, device), "conv2d", "{} has the variants {}, asked for {}",
                  device.str(), conv2d_variants_of(device), name_of(variant));
  TELESCOPE_CHECK(takes(variant, shape, dtype), "conv2d",
                  "the variant winograd is for f32, kernels of 3 x 3 and a stride of 1, asked for "
                  "{}, {} x {} and {}",
                  telescope::name_of(dtype), shape.r, shape.s, shape.stride);
  TELESCOPE_CHECK(allowed(variant, precision()) || dtype != DType::f32, "conv2d",
                  "the variant {} rounds factors to tf32, which the precision fp32 does not allow",
                  name_of(variant));
}

}  // namespace telescope::kernels
