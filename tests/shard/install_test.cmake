# install_test.cmake -- install the development files, and build a program against nothing but them.
#   cmake -DBUILD=... -DSOURCE=... -DWORK=... -DCC=... -P install_test.cmake
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${output}")
  endif()
  message(STATUS "${output}")
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component devel --prefix ${WORK}/installed)
file(GLOB_RECURSE pc ${WORK}/installed/*/shoal.pc)
get_filename_component(pc_folder ${pc} DIRECTORY)
# Moved afterwards: shoal.pc says where things are relative to itself.
file(RENAME ${WORK}/installed ${WORK}/moved)
string(REPLACE "${WORK}/installed" "${WORK}/moved" pc_folder ${pc_folder})
set(ENV{PKG_CONFIG_PATH} ${pc_folder})
foreach(app embedded_app embedded_ask_app)
  run(sh -c "${CC} -std=c17 -Wall -Wextra -Werror -o ${WORK}/${app} ${SOURCE}/${app}.c $(pkg-config --cflags --libs shoal)")
  run(${WORK}/${app})
endforeach()
# The headers say nothing that C++ does not understand.
foreach(header shoal client)
  file(WRITE ${WORK}/${header}.cpp "#include <shoal/${header}.h>\nint main() { return 0; }\n")
  execute_process(COMMAND sh -c "command -v c++" RESULT_VARIABLE no_compiler OUTPUT_QUIET)
  if(no_compiler EQUAL 0)
    run(sh -c "c++ -std=c++11 -Wall -Wextra -pedantic -Werror -fsyntax-only ${WORK}/${header}.cpp $(pkg-config --cflags shoal)")
  endif()
endforeach()
