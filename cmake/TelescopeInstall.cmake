# SPDX-License-Identifier: MIT
# Installs the libraries, their headers and the files find_package(telescope) reads.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY TELESCOPE_LIBRARIES)
get_property(folders GLOBAL PROPERTY TELESCOPE_FOLDERS)
install(TARGETS ${libraries} EXPORT telescope-targets)
foreach(folder IN LISTS folders)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/telescope FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/include/telescope.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/telescope)

set(destination ${CMAKE_INSTALL_LIBDIR}/cmake/telescope)
install(EXPORT telescope-targets NAMESPACE telescope:: DESTINATION ${destination})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/telescope-config.cmake.in
                              ${PROJECT_BINARY_DIR}/telescope-config.cmake
                              INSTALL_DESTINATION ${destination})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/telescope-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/telescope-config.cmake
              ${PROJECT_BINARY_DIR}/telescope-config-version.cmake DESTINATION ${destination})
