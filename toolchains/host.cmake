# The ISA of the machine that builds.
execute_process(COMMAND uname -m OUTPUT_VARIABLE pk_uname OUTPUT_STRIP_TRAILING_WHITESPACE)
if(pk_uname STREQUAL "armv7l")
    set(pk_uname armv7)
endif()
if(NOT EXISTS ${CMAKE_CURRENT_LIST_DIR}/${pk_uname}.cmake)
    message(FATAL_ERROR "no toolchain for this machine: ${pk_uname}")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/${pk_uname}.cmake)
