# SPDX-License-Identifier: MIT
# One library per folder of the house, and the settings they all share.
include(GNUInstallDirs)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

add_library(telescope_settings INTERFACE)
target_compile_features(telescope_settings INTERFACE cxx_std_20)
# Without contraction a*b+c rounds the same on every instruction set; kernels that want a fused
# multiply-add ask for it by name.
set(warnings -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
target_compile_options(telescope_settings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:${warnings};-Wpedantic;-ffp-contract=off>)
# nvcc writes C++ that is not pedantic; constexpr functions of the standard library run in kernels;
# nvcc cannot check fmt's format strings while it compiles.
list(JOIN warnings "," cuda_warnings)
target_compile_options(telescope_settings INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:-DFMT_CONSTEVAL=;-DFMT_USE_CONSTEXPR=1;--expt-relaxed-constexpr;-Xcompiler=${cuda_warnings},-ffp-contract=off>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns wrongly about std::string's operator+ (GCC bug 105651).
  target_compile_options(telescope_settings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(TELESCOPE_WERROR)
  target_compile_options(telescope_settings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Werror> "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Werror>")
endif()
if(TELESCOPE_SANITIZE)
  target_compile_options(telescope_settings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${TELESCOPE_SANITIZE};-fno-sanitize-recover=all>
    $<$<COMPILE_LANGUAGE:CXX>:-fno-omit-frame-pointer>)
  target_link_options(telescope_settings INTERFACE -fsanitize=${TELESCOPE_SANITIZE})
endif()

# telescope_library(NAME core SOURCES a.cpp ... USES telescope::x ... PRIVATE lib ...)
function(telescope_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;USES;PRIVATE" ${ARGN})
  set(target telescope_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(telescope::${ARG_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_NAME} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/telescope>)
  target_link_libraries(${target} PUBLIC ${ARG_USES}
                        PRIVATE $<BUILD_INTERFACE:telescope_settings> ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY TELESCOPE_LIBRARIES ${target})
  set_property(GLOBAL APPEND PROPERTY TELESCOPE_FOLDERS ${ARG_NAME})
endfunction()

# Writes telescope.h, which includes every public header of the folders given, and the target
# telescope::telescope, which links all of them.
function(telescope_umbrella)
  set(lines "// SPDX-License-Identifier: MIT\n// Everything a program that trains networks needs.\n#pragma once\n")
  foreach(folder IN LISTS ARGN)
    file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
         ${PROJECT_SOURCE_DIR}/${folder}/*.h)
    foreach(header IN LISTS headers)
      string(APPEND lines "#include \"${header}\"\n")
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include/telescope.h CONTENT "${lines}" @ONLY)
  add_library(telescope_telescope INTERFACE)
  add_library(telescope::telescope ALIAS telescope_telescope)
  set_target_properties(telescope_telescope PROPERTIES EXPORT_NAME telescope)
  foreach(folder IN LISTS ARGN)
    target_link_libraries(telescope_telescope INTERFACE telescope::${folder})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY TELESCOPE_LIBRARIES telescope_telescope)
endfunction()
