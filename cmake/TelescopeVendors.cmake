# SPDX-License-Identifier: MIT
# The vendors' libraries, which compute some operations where `--backend vendor` asks for it. All are
# optional, and used where they are found. oneDNN is linked against. cuDNN and cuBLASLt are loaded
# when first called: a program built with them starts where they are not installed.
option(TELESCOPE_ONEDNN "Use oneDNN on the CPU where it is found (libdnnl-dev)" ON)

set(TELESCOPE_WITH_ONEDNN OFF)
set(TELESCOPE_WITH_CUDNN OFF)
set(TELESCOPE_WITH_CUBLASLT OFF)
if(TELESCOPE_ONEDNN)
  # Not by its own CMake package, which stops where OpenCL's headers are missing.
  find_path(TELESCOPE_DNNL_INCLUDE oneapi/dnnl/dnnl_version.h DOC "Headers of oneDNN")
  find_library(TELESCOPE_DNNL_LIBRARY dnnl DOC "oneDNN")
  find_package(OpenMP QUIET COMPONENTS CXX)  # tells oneDNN the number of threads
  if(TELESCOPE_DNNL_INCLUDE AND TELESCOPE_DNNL_LIBRARY AND OpenMP_CXX_FOUND)
    file(STRINGS ${TELESCOPE_DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h version
         REGEX "^#define DNNL_VERSION_MAJOR 2$")  # 3 has another interface
    if(version)
      set(TELESCOPE_WITH_ONEDNN ON)
    endif()
  endif()
endif()
if(TELESCOPE_CUDA)
  find_path(TELESCOPE_CUDNN_INCLUDE cudnn_version.h HINTS ${CUDAToolkit_INCLUDE_DIRS}
            DOC "Headers of cuDNN")
  find_path(TELESCOPE_CUBLASLT_INCLUDE cublasLt.h HINTS ${CUDAToolkit_INCLUDE_DIRS}
            DOC "Headers of cuBLASLt")
  if(TELESCOPE_CUDNN_INCLUDE)
    file(STRINGS ${TELESCOPE_CUDNN_INCLUDE}/cudnn_version.h version REGEX "^#define CUDNN_MAJOR 9$")
    if(version)
      set(TELESCOPE_WITH_CUDNN ON)
    endif()
  endif()
  if(TELESCOPE_CUBLASLT_INCLUDE)
    set(TELESCOPE_WITH_CUBLASLT ON)
  endif()
endif()

# Files that include kernels/vendor/<library>.h are a part of `target` where that library is found.
# Only files that include something from kernels/vendor see the settings: all others are compiled
# the same with libraries and without.
function(telescope_vendors target)
  get_target_property(sources ${target} SOURCES)
  set(lacking)
  set(definitions)
  foreach(library IN ITEMS onednn cudnn cublaslt)
    string(TOUPPER TELESCOPE_WITH_${library} have)
    if(${have})
      list(APPEND definitions ${have}=1)
    else()
      list(APPEND lacking ${library})
    endif()
  endforeach()
  set(folders)
  if(TELESCOPE_WITH_ONEDNN)
    list(APPEND folders ${TELESCOPE_DNNL_INCLUDE})
    target_link_libraries(${target} PRIVATE $<LINK_ONLY:OpenMP::OpenMP_CXX>
      $<BUILD_INTERFACE:${TELESCOPE_DNNL_LIBRARY}> $<INSTALL_INTERFACE:dnnl>)
  endif()
  if(TELESCOPE_WITH_CUDNN)
    list(APPEND folders ${TELESCOPE_CUDNN_INCLUDE})
  endif()
  if(TELESCOPE_WITH_CUBLASLT)
    list(APPEND folders ${TELESCOPE_CUBLASLT_INCLUDE})
  endif()
  if(TELESCOPE_WITH_CUDNN OR TELESCOPE_WITH_CUBLASLT)
    # Where the toolkit's libraries lie, for machines whose loader does not look there.
    list(APPEND definitions TELESCOPE_VENDOR_FOLDER="${CUDAToolkit_LIBRARY_DIR}")
    target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
  else()
    list(APPEND lacking dynamic_library)
  endif()

  # Named again, the compiler's own folders would come in the wrong order.
  list(REMOVE_ITEM folders ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})

  foreach(source IN LISTS sources)
    if(NOT source MATCHES "\\.cpp$")
      continue()
    endif()
    file(STRINGS ${source} includes REGEX "^#include \"kernels/vendor/")
    if(NOT includes)
      continue()
    endif()
    set_source_files_properties(${source} PROPERTIES
      COMPILE_DEFINITIONS "${definitions}" INCLUDE_DIRECTORIES "${folders}")
    if(source MATCHES "vendor/vendor\\.cpp$")  # includes what there is
      continue()
    endif()
    foreach(library IN LISTS lacking)
      if(includes MATCHES "vendor/${library}\\.h")
        list(REMOVE_ITEM sources ${source})
      endif()
    endforeach()
  endforeach()
  set_property(TARGET ${target} PROPERTY SOURCES ${sources})
endfunction()
