// SPDX-License-Identifier: MIT
#include "kernels/vendor/onednn.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
#include <omp.h>
#endif

#include "core/parallel.h"
#include "kernels/workspace.h"

namespace telescope::kernels::onednn {

std::string version() {
  const dnnl_version_t* const v = dnnl_version();
  return fmt::format("{}.{}.{}", v->major, v->minor, v->patch);
}

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::memory array(const dnnl::memory::desc& desc, const float* data) {
  return {desc, engine(), const_cast<float*>(data)};
}

void execute(const dnnl::primitive& primitive, const dnnl::memory::desc& scratch,
             Arguments arguments) {
  const Workspace<std::byte> memory(static_cast<std::int64_t>(scratch.get_size()));
  arguments.insert_or_assign(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratch, engine(), memory.data()));
  dnnl::stream stream(engine());
  primitive.execute(stream, arguments);
  stream.wait();
}

int use_our_threads() {
  const int threads = thread_count();
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  omp_set_num_threads(threads);
#endif
  return threads;
}

std::string words(const dnnl::error& error) {
  const char* why = "it failed while running";
  if (error.status == dnnl_unimplemented) why = "it has no code for this";
  if (error.status == dnnl_invalid_arguments) why = "it does not accept such extents";
  if (error.status == dnnl_out_of_memory) why = "it found no memory";
  return fmt::format("{} ({})", why, error.message);
}

}  // namespace telescope::kernels::onednn
