# SPDX-License-Identifier: MIT
# Installs the build into a folder of its own, then configures, builds and runs a user's project
# against it; then configures the same project with Telescope as a part of it.
#   cmake -DBUILD=<build folder> -DSOURCE=<root> -DCXX=<compiler> -P install.cmake
set(work "${BUILD}/tests/house/install")
set(user "${SOURCE}/tests/house/user")
file(REMOVE_RECURSE "${work}")

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT rc EQUAL 0)
    message(FATAL_ERROR "${what} failed (${rc}):\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()
set(options -G Ninja -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_COMPILER=${CXX}"
    "-DCMAKE_CXX_FLAGS=${FLAGS}")

run("installing" ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${work}/prefix")
run("configuring a user's project" ${CMAKE_COMMAND} -S "${user}" -B "${work}/user" ${options}
    "-DCMAKE_PREFIX_PATH=${work}/prefix")
run("building a user's project" ${CMAKE_COMMAND} --build "${work}/user")
run("running a user's project" "${work}/user/user")
if(NOT output STREQUAL "0.5\nreshape: [3] has 3 elements, [2] has 2\n")
  message(FATAL_ERROR "a user's project says:\n${output}")
endif()

# The installed headers must not lean on the source or build folder.
file(GLOB_RECURSE files "${work}/prefix/*.cmake")
foreach(name IN LISTS files)
  file(READ "${name}" text)
  string(FIND "${text}" "${SOURCE}/" at)
  string(FIND "${text}" "${work}/prefix" own)
  if(NOT at EQUAL -1 AND own EQUAL -1)
    message(FATAL_ERROR "${name} names ${SOURCE}, which a user does not have")
  endif()
endforeach()

run("configuring with add_subdirectory" ${CMAKE_COMMAND} -S "${user}" -B "${work}/subdirectory"
    ${options} "-DTELESCOPE_FOLDER=${SOURCE}")
run("building core with add_subdirectory" ${CMAKE_COMMAND} --build "${work}/subdirectory"
    --target telescope_core)
