// SPDX-License-Identifier: MIT
#include "multilevel/samples.h"

#include "core/autograd.h"
#include "layers/structure.h"

namespace telescope {

Samples restrict(const Samples& samples, Restriction restriction) {
  return {restrict(samples.input, restriction), restrict(samples.target, restriction), samples.time,
          samples.ids};
}

Coarsening coarsening(Restriction restriction) {
  return [restriction](const Samples& samples, Mesh) { return restrict(samples, restriction); };
}

Samples coarsen(const Samples& samples, Mesh from, Mesh to, const Coarsening& coarsening) {
  const NoGradGuard no_grad;
  Samples result = samples;
  for (Mesh mesh = from; mesh < to;) {
    mesh = mesh.coarser();
    result = coarsening(result, mesh);
  }
  return result;
}

namespace {
Tensor rows_of(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  return tensor.defined() ? tensor.rows(first, count) : Tensor();
}
Tensor joined(const Tensor& a, const Tensor& b) {
  return a.defined() || b.defined() ? concat_rows({a, b}) : Tensor();
}
}  // namespace

Samples rows(const Samples& samples, std::int64_t first, std::int64_t count) {
  return {rows_of(samples.input, first, count), rows_of(samples.target, first, count),
          rows_of(samples.time, first, count),  rows_of(samples.ids, first, count),
          rows_of(samples.noise, first, count), rows_of(samples.mask, first, count)};
}

Samples join(const Samples& a, const Samples& b) {
  return {joined(a.input, b.input), joined(a.target, b.target), joined(a.time, b.time),
          joined(a.ids, b.ids),     joined(a.noise, b.noise),   joined(a.mask, b.mask)};
}

}  // namespace telescope
