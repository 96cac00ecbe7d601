# SPDX-License-Identifier: MIT
# Puts text files into a program. telescope_embed(<target> <name>=<file> ...) generates
#   namespace telescope::app::assets { extern const std::string_view <name>; }
# for each file; the build writes them anew when a file changes.
# Run as a script (-DNAME -DINPUT -DOUTPUT), it writes one of them.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" text)
  string(FIND "${text}" ")__asset\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${INPUT} holds the characters that end a C++ string here")
  endif()
  file(WRITE "${OUTPUT}" "// Made from ${INPUT}\n#include <string_view>\n"
       "namespace telescope::app::assets {\nextern const std::string_view ${NAME};\n"
       "const std::string_view ${NAME} = R\"__asset(" "${text}" ")__asset\";\n}\n")
  return()
endif()

function(telescope_embed target)
  foreach(pair IN LISTS ARGN)
    string(REGEX MATCH "^([^=]*)=(.*)$" matched "${pair}")
    set(output ${CMAKE_CURRENT_BINARY_DIR}/assets/${CMAKE_MATCH_1}.cpp)
    cmake_path(ABSOLUTE_PATH CMAKE_MATCH_2 OUTPUT_VARIABLE input)
    set(script ${PROJECT_SOURCE_DIR}/cmake/TelescopeEmbed.cmake)
    add_custom_command(OUTPUT ${output} VERBATIM DEPENDS ${input} ${script}
      COMMAND ${CMAKE_COMMAND} -DNAME=${CMAKE_MATCH_1} -DINPUT=${input} -DOUTPUT=${output}
              -P ${script})
    target_sources(${target} PRIVATE ${output})
  endforeach()
endfunction()
