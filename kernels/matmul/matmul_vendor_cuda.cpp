// SPDX-License-Identifier: MIT
// cuBLASLt's matrix product, the bias added as its epilogue. It takes a matrix column by column, so
// that ours are to it the transposed ones: it computes c^T = b^T a^T, and nothing is copied. The
// algorithm is the first of its heuristics, kept by shape and by how the arrays are aligned.
#include "kernels/matmul/matmul.h"

#include <algorithm>

#include "core/error.h"
#include "core/kernel_timer.h"
#include "kernels/current_device.h"
#include "kernels/precision.h"
#include "kernels/vendor/cache.h"
#include "kernels/vendor/cublaslt.h"
#include "kernels/workspace.h"

namespace telescope::kernels::vendor_cuda {
namespace {

using cublaslt::check, cublaslt::functions;

constexpr std::string_view operation = "matmul";
constexpr std::uint64_t most_workspace = 32 << 20;  // NVIDIA's advice for its newest GPUs
constexpr std::int64_t workspace_alignment = 256;   // cuBLASLt asks for it

std::string described(const MatmulShape& s) {
  return fmt::format("a product of {} x {} and {} x {}", s.m, s.k, s.k, s.n);
}

using Layout = cublaslt::Owned<cublasLtMatrixLayout_t>;
using Description = cublaslt::Owned<cublasLtMatmulDesc_t>;

// A dense row-major matrix: its rows are cuBLASLt's columns.
Layout layout(std::int64_t rows, std::int64_t columns, const std::string& what) {
  cublasLtMatrixLayout_t made = nullptr;
  check(
      functions().cublasLtMatrixLayoutCreate(&made, CUDA_R_32F, static_cast<std::uint64_t>(columns),
                                             static_cast<std::uint64_t>(rows), columns),
      operation, what);
  return {made, functions().cublasLtMatrixLayoutDestroy};
}

template <class Value>
void set(const Description& description, cublasLtMatmulDescAttributes_t attribute,
         const Value& value) {
  check(functions().cublasLtMatmulDescSetAttribute(description.get(), attribute, &value,
                                                   sizeof value),
        operation, "an attribute");
}

struct Prepared {
  Description description;
  Layout a, b, c;
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace;
};

Description describe(const MatmulShape& s, const float* bias) {
  const auto type =
      precision() == Precision::fp32 ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_FAST_TF32;
  cublasLtMatmulDesc_t made = nullptr;
  check(functions().cublasLtMatmulDescCreate(&made, type, CUDA_R_32F), operation, described(s));
  Description description{made, functions().cublasLtMatmulDescDestroy};
  const auto how = [](bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, how(s.transpose_b));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, how(s.transpose_a));
  if (bias) {
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  }
  return description;
}

Prepared prepare(cublasLtHandle_t handle, const MatmulShape& s, const float* bias,
                 std::uint32_t alignment) {
  const auto& f = functions();
  const std::string what = described(s);
  Prepared p{describe(s, bias),
             s.transpose_a ? layout(s.k, s.m, what) : layout(s.m, s.k, what),
             s.transpose_b ? layout(s.n, s.k, what) : layout(s.k, s.n, what),
             layout(s.m, s.n, what),
             {},
             0};
  cublasLtMatmulPreference_t made = nullptr;
  check(f.cublasLtMatmulPreferenceCreate(&made), operation, what);
  const cublaslt::Owned<cublasLtMatmulPreference_t> preference{made,
                                                               f.cublasLtMatmulPreferenceDestroy};
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(f.cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value),
          operation, what);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
  for (const auto which :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    prefer(which, alignment);
  }
  cublasLtMatmulHeuristicResult_t answer{};
  int count = 0;
  check(
      f.cublasLtMatmulAlgoGetHeuristic(handle, p.description.get(), p.b.get(), p.a.get(), p.c.get(),
                                       p.c.get(), preference.get(), 1, &answer, &count),
      operation, what);
  check(count > 0 ? answer.state : CUBLAS_STATUS_NOT_SUPPORTED, operation, what);
  p.algorithm = answer.algo;
  p.workspace = answer.workspaceSize;
  return p;
}

// Of all of the arrays, up to 256 bytes; null is aligned to everything.
std::uint32_t alignment_of(std::initializer_list<const void*> arrays) {
  std::uintptr_t bits = 256;
  for (const void* array : arrays) bits |= reinterpret_cast<std::uintptr_t>(array);
  return static_cast<std::uint32_t>(bits & (~bits + 1));
}

std::byte* aligned(std::byte* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return data + (workspace_alignment - address % workspace_alignment) % workspace_alignment;
}

}  // namespace

void matmul(const Stream& stream, const MatmulShape& s, const float* a, const float* b,
            const float* bias, bool accumulate, float* c) {
  if (s.m == 0 || s.n == 0) return;
  const CurrentDevice device(stream.device().index);
  const cublasLtHandle_t handle = cublaslt::handle(stream);
  const std::uint32_t alignment = alignment_of({a, b, bias, c});
  thread_local PreparedCache<Prepared, 9> cache;
  const Prepared& p = cache.get({stream.device().index, precision() == Precision::fp32, s.m, s.n,
                                 s.k, s.transpose_a, s.transpose_b, bias != nullptr, alignment},
                                [&] { return prepare(handle, s, bias, alignment); });
  if (bias) set(p.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const Workspace<std::byte> room(
      p.workspace ? static_cast<std::int64_t>(p.workspace) + workspace_alignment : 0,
      stream.device());
  const float one = 1, beta = accumulate ? 1 : 0;
  const KernelTimer timer("cublasLtMatmul", stream);
  check(functions().cublasLtMatmul(handle, p.description.get(), &one, b, p.b.get(), a, p.a.get(),
                                   &beta, c, p.c.get(), c, p.c.get(), &p.algorithm,
                                   aligned(room.data()), p.workspace,
                                   static_cast<cudaStream_t>(stream.native())),
        operation, described(s));
}

}  // namespace telescope::kernels::vendor_cuda
