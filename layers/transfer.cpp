// SPDX-License-Identifier: MIT
#include "layers/transfer.h"

#include <cmath>
#include <string>

#include "core/autograd.h"
#include "kernels/transfer/transfer.h"

namespace telescope {
namespace {

using kernels::Stencil;
using kernels::TransferShape;

/// A transfer operator in the form the kernels take, or its transpose. `shape` is that of the map
/// as it was made, from [h, w] to [out_h, out_w].
struct Map {
  enum class Kind { inject, pool, resample } kind = Kind::resample;
  TransferShape shape;
  double factor = 1;      // of pool
  Stencil rows, columns;  // of resample
  bool transpose = false;
};

Map transposed(Map map) {
  map.transpose = !map.transpose;
  if (map.kind == Map::Kind::resample) {
    map.rows = kernels::transposed(map.rows);
    map.columns = kernels::transposed(map.columns);
  }
  return map;
}

template <class T>
void run(const Map& map, const Stream& stream, const T* x, T* y) {
  TransferShape s = map.shape;
  switch (map.kind) {
    case Map::Kind::inject:
      return map.transpose ? kernels::inject_adjoint(stream, s, x, y)
                           : kernels::inject(stream, s, x, y);
    case Map::Kind::pool: {
      const auto factor = static_cast<Wide<T>>(map.factor);
      return map.transpose ? kernels::pool2x2_adjoint(stream, s, factor, x, y)
                           : kernels::pool2x2(stream, s, factor, x, y);
    }
    case Map::Kind::resample:
      if (map.transpose) std::swap(s.h, s.out_h), std::swap(s.w, s.out_w);
      return kernels::resample(stream, s, map.rows, map.columns, x, y);
  }
}

Tensor run(std::string_view operation, const Map& map, const Tensor& x) {
  const TransferShape& s = map.shape;
  const Shape shape = map.transpose ? Shape{s.n, s.h, s.w, s.c} : Shape{s.n, s.out_h, s.out_w, s.c};
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  dispatch_activation(x.dtype(), operation,
                      [&]<class T>() { run(map, x.stream(), x.data<T>(), y.data<T>()); });
  return y;
}

Tensor apply(std::string_view operation, const Tensor& x, Map map) {
  const Tensor y = run(operation, map, x);
  return record(operation, y, {x},
                [operation, map = std::move(map)](const Tensor& dy, Gradients& gradients) {
                  gradients.give(0, run(operation, transposed(map), dy));
                });
}

void check_image(std::string_view operation, const Tensor& x) {
  TELESCOPE_CHECK(x.defined() && x.rank() == 4, operation, "expected an image [N,H,W,C], got {}",
                  x.defined() ? x.shape().str() : "no tensor");
}

// A map from images of the shape of x to [height, width].
Map map_from(const Tensor& x, std::int64_t height, std::int64_t width) {
  Map map;
  map.shape = {x.extent(0), x.extent(1), x.extent(2), x.extent(3), height, width};
  return map;
}

// Calls make(in, out) for both dimensions.
template <class Make>
Map resample(Map map, const Make& make) {
  map.kind = Map::Kind::resample;
  map.rows = make(map.shape.h, map.shape.out_h);
  map.columns = make(map.shape.w, map.shape.out_w);
  return map;
}

// The restriction whose fine and coarse extents are those of map.shape.
Map restriction(Restriction kind, Map map) {
  switch (kind) {
    case Restriction::injection:
      map.kind = Map::Kind::inject;
      return map;
    case Restriction::mean:
    case Restriction::bilinear:  // of 2i + 1/2: the middle between two pixels
      map.kind = Map::Kind::pool;
      map.factor = 0.25;
      return map;
    case Restriction::full_weighting:
      return resample(std::move(map), kernels::full_weighting_stencil);
    case Restriction::bilinear_aligned:
      return resample(std::move(map), kernels::linear_aligned_stencil);
  }
  raise("restrict", "unknown kind {}", static_cast<int>(kind));
}

// The transpose of the restriction from the extents that map.shape leads to.
Map restriction_transposed(Restriction kind, Map map) {
  std::swap(map.shape.h, map.shape.out_h);
  std::swap(map.shape.w, map.shape.out_w);
  return transposed(restriction(kind, std::move(map)));
}

Map prolongation(Prolongation kind, Map map) {
  const TransferShape& s = map.shape;
  switch (kind) {
    case Prolongation::nearest:
      if (s.out_h == 2 * s.h && s.out_w == 2 * s.w) {
        Map mean = restriction_transposed(Restriction::mean, std::move(map));
        mean.factor = 1;
        return mean;
      }
      return resample(std::move(map), [](std::int64_t in, std::int64_t out) {
        return kernels::nearest_stencil(in, out, 2);
      });
    case Prolongation::bilinear:
      return resample(std::move(map), [](std::int64_t in, std::int64_t out) {
        return kernels::linear_stencil(in, out, 2);
      });
    case Prolongation::bilinear_aligned:
      return resample(std::move(map), kernels::linear_aligned_stencil);
    case Prolongation::injection_adjoint:
      return restriction_transposed(Restriction::injection, std::move(map));
    case Prolongation::mean_adjoint:
      return restriction_transposed(Restriction::mean, std::move(map));
    case Prolongation::full_weighting_adjoint:
      return restriction_transposed(Restriction::full_weighting, std::move(map));
    case Prolongation::bilinear_aligned_adjoint:
      return restriction_transposed(Restriction::bilinear_aligned, std::move(map));
  }
  raise("prolong", "unknown kind {}", static_cast<int>(kind));
}

std::int64_t scaled_extent(std::int64_t extent, double factor, const Tensor& x) {
  const double scaled = std::floor(static_cast<double>(extent) * factor);
  TELESCOPE_CHECK(scaled >= 1 && scaled < 0x1p31, "interpolate",
                  "input {} by a factor of {} has an extent of {:.0f}", x.shape(), factor, scaled);
  return static_cast<std::int64_t>(scaled);
}

// The value of that name among the enumerators 0 .. count-1.
template <class Kind>
Kind parse(std::string_view operation, std::string_view text, int count) {
  std::string known;
  for (int i = 0; i < count; ++i) {
    const auto kind = static_cast<Kind>(i);
    if (name_of(kind) == text) return kind;
    known.append(i ? ", " : "").append(name_of(kind));
  }
  raise(operation, "unknown kind '{}'; known: {}", text, known);
}

}  // namespace

std::string_view name_of(Restriction kind) {
  switch (kind) {
    case Restriction::injection:
      return "injection";
    case Restriction::mean:
      return "mean";
    case Restriction::full_weighting:
      return "full-weighting";
    case Restriction::bilinear:
      return "bilinear";
    case Restriction::bilinear_aligned:
      return "bilinear-aligned";
  }
  return "?";
}

std::string_view name_of(Prolongation kind) {
  switch (kind) {
    case Prolongation::nearest:
      return "nearest";
    case Prolongation::bilinear:
      return "bilinear";
    case Prolongation::bilinear_aligned:
      return "bilinear-aligned";
    case Prolongation::injection_adjoint:
      return "injection-adjoint";
    case Prolongation::mean_adjoint:
      return "mean-adjoint";
    case Prolongation::full_weighting_adjoint:
      return "full-weighting-adjoint";
    case Prolongation::bilinear_aligned_adjoint:
      return "bilinear-aligned-adjoint";
  }
  return "?";
}

Restriction parse_restriction(std::string_view text) {
  return parse<Restriction>("restriction", text, 5);
}
Prolongation parse_prolongation(std::string_view text) {
  return parse<Prolongation>("prolongation", text, 7);
}

Prolongation adjoint_of(Restriction kind) {
  switch (kind) {
    case Restriction::injection:
      return Prolongation::injection_adjoint;
    case Restriction::mean:
    case Restriction::bilinear:
      return Prolongation::mean_adjoint;
    case Restriction::full_weighting:
      return Prolongation::full_weighting_adjoint;
    case Restriction::bilinear_aligned:
      return Prolongation::bilinear_aligned_adjoint;
  }
  raise("adjoint_of", "unknown kind {}", static_cast<int>(kind));
}

std::int64_t coarse_extent(std::int64_t extent, Restriction kind) {
  TELESCOPE_CHECK(extent >= 2, "restrict", "an extent of {} cannot be halved ({})", extent,
                  name_of(kind));
  return extent / 2;
}

Tensor restrict(const Tensor& x, Restriction kind) {
  check_image("restrict", x);
  TELESCOPE_CHECK(x.extent(1) >= 2 && x.extent(2) >= 2, "restrict",
                  "input {} cannot be halved ({}): height and width must be at least 2", x.shape(),
                  name_of(kind));
  const Map map = map_from(x, coarse_extent(x.extent(1), kind), coarse_extent(x.extent(2), kind));
  return apply("restrict", x, restriction(kind, map));
}

Tensor prolong(const Tensor& x, Prolongation kind, std::int64_t height, std::int64_t width) {
  check_image("prolong", x);
  const bool also_less = kind == Prolongation::nearest;
  const auto fits = [=](std::int64_t coarse, std::int64_t fine) {
    return coarse >= 1 && (fine / 2 == coarse || (also_less && fine == 2 * coarse - 1));
  };
  TELESCOPE_CHECK(fits(x.extent(1), height) && fits(x.extent(2), width), "prolong",
                  "input {} has no next finer mesh of {}x{} ({}): an extent n becomes {}2n or 2n+1",
                  x.shape(), height, width, name_of(kind), also_less ? "2n-1, " : "");
  return apply("prolong", x, prolongation(kind, map_from(x, height, width)));
}

Tensor interpolate(const Tensor& x, double scale_factor, Interpolation mode) {
  check_image("interpolate", x);
  TELESCOPE_CHECK(std::isfinite(scale_factor) && scale_factor > 0, "interpolate",
                  "expected a positive scale factor, got {}", scale_factor);
  const std::int64_t height = scaled_extent(x.extent(1), scale_factor, x);
  const std::int64_t width = scaled_extent(x.extent(2), scale_factor, x);
  const Map map = map_from(x, height, width);
  switch (mode) {
    case Interpolation::nearest:
      if (scale_factor == 0.5)
        return apply("interpolate", x, restriction(Restriction::injection, map));
      if (scale_factor == 2)
        return apply("interpolate", x, prolongation(Prolongation::nearest, map));
      return apply("interpolate", x, resample(map, [&](std::int64_t in, std::int64_t out) {
                     return kernels::nearest_stencil(in, out, scale_factor);
                   }));
    case Interpolation::bilinear:
      if (scale_factor == 0.5) return apply("interpolate", x, restriction(Restriction::mean, map));
      return apply("interpolate", x, resample(map, [&](std::int64_t in, std::int64_t out) {
                     return kernels::linear_stencil(in, out, scale_factor);
                   }));
    case Interpolation::bilinear_aligned:
      return apply("interpolate", x, resample(map, kernels::linear_aligned_stencil));
    case Interpolation::area:
      TELESCOPE_CHECK(scale_factor <= 1, "interpolate",
                      "an area is at least a pixel: expected a "
                      "scale factor of at most 1, got {}",
                      scale_factor);
      return apply("interpolate", x, resample(map, [&](std::int64_t in, std::int64_t out) {
                     return kernels::area_stencil(in, out, scale_factor);
                   }));
  }
  raise("interpolate", "unknown mode {}", static_cast<int>(mode));
}

}  // namespace telescope
