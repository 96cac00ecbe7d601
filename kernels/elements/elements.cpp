// SPDX-License-Identifier: MIT
#include "kernels/elements/elements.h"

namespace telescope::kernels {

namespace cuda {
const ElementOperations& element_kernels();
}
namespace cuda_sim {
const ElementOperations& element_kernels();
}

bool register_element_kernels() {
#if defined(TELESCOPE_CUDA)
  register_element_operations(DeviceType::cuda, cuda::element_kernels());
#endif
#if defined(TELESCOPE_CUDA_SIM)
  register_element_operations(DeviceType::cuda_sim, cuda_sim::element_kernels());
#endif
  return true;
}

}  // namespace telescope::kernels
