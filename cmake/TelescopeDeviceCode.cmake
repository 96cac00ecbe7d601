# SPDX-License-Identifier: MIT
# Device code is compiled twice: by nvcc where TELESCOPE_CUDA is on, and as C++ for the simulator where
# TELESCOPE_CUDA_SIM is.

# Every .cu file below the calling folder goes into `target`, with the simulator.
function(telescope_device_code target)
  file(GLOB device_code CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} */*.cu)
  telescope_device_sources(${target} ${device_code})
  if(TELESCOPE_CUDA_SIM)
    target_link_libraries(${target} PRIVATE Boost::context)
  else()
    file(GLOB simulator CONFIGURE_DEPENDS simt/*.cpp)
    get_target_property(sources ${target} SOURCES)
    list(REMOVE_ITEM sources ${simulator})
    set_property(TARGET ${target} PROPERTY SOURCES ${sources})
  endif()
endfunction()

# telescope_device_sources(<target> <file>_cuda.cu ...): these, of the calling folder.
function(telescope_device_sources target)
  if(TELESCOPE_CUDA)
    target_sources(${target} PRIVATE ${ARGN})
    target_compile_definitions(${target} PRIVATE TELESCOPE_CUDA=1)
  endif()
  if(NOT TELESCOPE_CUDA_SIM)
    return()
  endif()
  target_compile_definitions(${target} PRIVATE TELESCOPE_CUDA_SIM=1)
  foreach(file IN LISTS ARGN)
    # A C++ file of one line, since one file cannot have two languages.
    string(REGEX REPLACE "_cuda\\.cu$" "_cuda_sim.cpp" name ${file})
    set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/simulated/${name})
    file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${CMAKE_CURRENT_SOURCE_DIR}/${file}\"\n" @ONLY)
    target_sources(${target} PRIVATE ${wrapper})
  endforeach()
endfunction()
