// SPDX-License-Identifier: MIT
// oneDNN's softmax.
#include "kernels/softmax/softmax.h"
#include "kernels/vendor/cache.h"
#include "kernels/vendor/onednn.h"

namespace telescope::kernels::vendor_cpu {
namespace {

using dnnl::memory;
using onednn::array, onednn::attributes, onednn::engine;

struct Prepared {
  dnnl::primitive primitive;
  memory::desc rows, scratch;
};

Prepared prepare(std::int64_t rows, std::int64_t columns, bool backward) {
  const memory::desc all({rows, columns}, memory::data_type::f32, memory::format_tag::ab);
  const dnnl::softmax_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, all, /*softmax_axis=*/1}, attributes(), engine());
  if (!backward) return {dnnl::softmax_forward(forward), all, forward.scratchpad_desc()};
  const dnnl::softmax_backward::primitive_desc back({all, all, /*softmax_axis=*/1}, attributes(),
                                                    engine(), forward);
  return {dnnl::softmax_backward(back), all, back.scratchpad_desc()};
}

const Prepared& prepared(std::int64_t rows, std::int64_t columns, bool backward, int threads) {
  thread_local PreparedCache<Prepared, 4> cache;
  return cache.get({rows, columns, backward, threads},
                   [&] { return prepare(rows, columns, backward); });
}

std::string described(std::int64_t rows, std::int64_t columns) {
  return fmt::format("{} rows of {}", rows, columns);
}

}  // namespace

void softmax(const Stream&, std::int64_t rows, std::int64_t columns, const float* x, float* y) {
  if (rows == 0 || columns == 0) return;
  onednn::refusable("softmax", described(rows, columns), [&](int threads) {
    const Prepared& p = prepared(rows, columns, false, threads);
    onednn::execute(p.primitive, p.scratch,
                    {{DNNL_ARG_SRC, array(p.rows, x)}, {DNNL_ARG_DST, array(p.rows, y)}});
  });
}

void softmax_backward(const Stream&, std::int64_t rows, std::int64_t columns, const float* y,
                      const float* dy, float* dx) {
  if (rows == 0 || columns == 0) return;
  onednn::refusable("softmax_backward", described(rows, columns), [&](int threads) {
    const Prepared& p = prepared(rows, columns, true, threads);
    onednn::execute(p.primitive, p.scratch,
                    {{DNNL_ARG_DST, array(p.rows, y)},
                     {DNNL_ARG_DIFF_DST, array(p.rows, dy)},
                     {DNNL_ARG_DIFF_SRC, array(p.rows, dx)}});
  });
}

}  // namespace telescope::kernels::vendor_cpu
