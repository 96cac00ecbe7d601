# SPDX-License-Identifier: MIT
# The CUDA compiler, and what it compiles for: A100 and H100 directly, anything newer from PTX.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(nvcc nvcc PATHS /usr/local/cuda/bin NO_CACHE)
  if(nvcc)
    set(CMAKE_CUDA_COMPILER ${nvcc})
  endif()
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-virtual 90a-real)
endif()
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
# CMake 3.25 does not know that nvcc has C++20.
string(APPEND CMAKE_CUDA_FLAGS " -std=c++20")
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.4)
  message(FATAL_ERROR "telescope needs the CUDA toolkit 12.4 or newer, found ${CMAKE_CUDA_COMPILER_VERSION}; "
                      "build without it (-DTELESCOPE_CUDA=OFF)")
endif()
