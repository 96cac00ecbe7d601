// SPDX-License-Identifier: MIT
// What calls of cuBLASLt share: its functions, which are looked up when first needed, a handle for
// each thread and device, and its refusals in words.
#pragma once

#include <cublasLt.h>

#include <memory>
#include <string>
#include <type_traits>

#include "core/device.h"

namespace telescope::kernels::cublaslt {

#define TELESCOPE_CUBLASLT_FUNCTIONS(F)   \
  F(cublasLtCreate)                       \
  F(cublasLtGetStatusString)              \
  F(cublasLtGetVersion)                   \
  F(cublasLtMatmul)                       \
  F(cublasLtMatmulAlgoGetHeuristic)       \
  F(cublasLtMatmulDescCreate)             \
  F(cublasLtMatmulDescDestroy)            \
  F(cublasLtMatmulDescSetAttribute)       \
  F(cublasLtMatmulPreferenceCreate)       \
  F(cublasLtMatmulPreferenceDestroy)      \
  F(cublasLtMatmulPreferenceSetAttribute) \
  F(cublasLtMatrixLayoutCreate)           \
  F(cublasLtMatrixLayoutDestroy)

struct Functions {
#define TELESCOPE_DECLARE(name) decltype(&::name) name = nullptr;
  TELESCOPE_CUBLASLT_FUNCTIONS(TELESCOPE_DECLARE)
#undef TELESCOPE_DECLARE
};
/// All of them set if trouble() is "".
const Functions& functions();
/// Why cuBLASLt cannot be used here.
const std::string& trouble();
/// "13.1.0", "" if it cannot be used.
std::string version();

/// This thread's for the device of the stream.
cublasLtHandle_t handle(const Stream& stream);

/// Error if cuBLASLt refuses `what` ("a product of 2 x 3 and 3 x 4"), Failure if it goes wrong
/// otherwise.
void check(cublasStatus_t status, std::string_view operation, const std::string& what);

template <class Descriptor>
using Owned = std::unique_ptr<std::remove_pointer_t<Descriptor>, cublasStatus_t (*)(Descriptor)>;

}  // namespace telescope::kernels::cublaslt
