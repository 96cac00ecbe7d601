// SPDX-License-Identifier: MIT
// oneDNN's matrix product. A transposed matrix is the same numbers with its strides exchanged, so
// nothing is copied.
#include "kernels/matmul/matmul.h"
#include "kernels/vendor/cache.h"
#include "kernels/vendor/onednn.h"

namespace telescope::kernels::vendor_cpu {
namespace {

using dnnl::memory;
using onednn::array;

struct Prepared {
  dnnl::matmul primitive;
  memory::desc a, b, bias, c, scratch;
};

memory::desc matrix(std::int64_t rows, std::int64_t columns, bool transposed) {
  const memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
  return {{rows, columns}, memory::data_type::f32, strides};
}

Prepared prepare(const MatmulShape& s, bool with_bias, bool accumulate) {
  const auto a = matrix(s.m, s.k, s.transpose_a), b = matrix(s.k, s.n, s.transpose_b);
  const auto bias = with_bias ? matrix(1, s.n, false) : memory::desc();
  const auto c = matrix(s.m, s.n, false);
  dnnl::primitive_attr attributes = onednn::attributes();
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul::primitive_desc described({a, b, bias, c}, attributes, onednn::engine());
  return {dnnl::matmul(described), a, b, bias, c, described.scratchpad_desc()};
}

}  // namespace

void matmul(const Stream&, const MatmulShape& s, const float* a, const float* b, const float* bias,
            bool accumulate, float* c) {
  if (s.m == 0 || s.n == 0) return;
  const std::string shape = fmt::format("a product of {} x {} and {} x {}", s.m, s.k, s.k, s.n);
  onednn::refusable("matmul", shape, [&](int threads) {
    thread_local PreparedCache<Prepared, 8> cache;
    const Prepared& p = cache.get(
        {threads, s.m, s.n, s.k, s.transpose_a, s.transpose_b, bias != nullptr, accumulate},
        [&] { return prepare(s, bias != nullptr, accumulate); });
    onednn::Arguments arguments{{DNNL_ARG_SRC, array(p.a, a)},
                                {DNNL_ARG_WEIGHTS, array(p.b, b)},
                                {DNNL_ARG_DST, array(p.c, c)}};
    if (bias) arguments.emplace(DNNL_ARG_BIAS, array(p.bias, bias));
    onednn::execute(p.primitive, p.scratch, std::move(arguments));
  });
}

}  // namespace telescope::kernels::vendor_cpu
