// SPDX-License-Identifier: MIT
// What kernels include. The same .cu file is compiled twice: by nvcc for GPUs, in the namespace
// kernels::cuda, and as C++ for the simulator, in the namespace kernels::cuda_sim, where CUDA's
// built-ins are functions of this folder. Device code opens
//   namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
#pragma once

#if defined(__CUDACC__)
#define TELESCOPE_CUDA_NAMESPACE cuda
#define TELESCOPE_UNROLL _Pragma("unroll")
#include <cuda_runtime.h>
#else
#define TELESCOPE_CUDA_NAMESPACE cuda_sim
#define TELESCOPE_UNROLL
#include "kernels/simt/builtins.h"
#endif

#include "kernels/simt/async_copy.h"
#include "kernels/simt/collectives.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/map.h"
#include "kernels/simt/memory.h"
#include "kernels/simt/tensor_core.h"
#include "kernels/simt/variants.h"
