# The shipped log patterns: config/patterns/*.patterns become constant tables in pk_event. The generator
# is the parser of the run time, built for this machine.
find_program(PK_BUILD_CC NAMES gcc cc clang REQUIRED)
set(PK_PATTERN_GENERATOR ${CMAKE_SOURCE_DIR}/tools/gen_patterns.c)
file(GLOB pk_pattern_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/patterns/*.patterns)
file(GLOB pk_pattern_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/base/*.c)
file(GLOB pk_pattern_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/base/*.[hd]* ${CMAKE_SOURCE_DIR}/src/event/*.h)
list(APPEND pk_pattern_sources
    ${CMAKE_SOURCE_DIR}/src/event/pk_intern.c ${CMAKE_SOURCE_DIR}/src/event/pk_pattern.c
    ${CMAKE_SOURCE_DIR}/src/event/pk_pattern_parse.c ${CMAKE_SOURCE_DIR}/src/event/pk_patterns.c)
set(pk_patterns_generated ${CMAKE_BINARY_DIR}/generated/pk_shipped_patterns.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/generated/gen_patterns
    COMMAND ${PK_BUILD_CC} -std=c11 -O1 -w -ffunction-sections -Wl,--gc-sections
        -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE}
        ${PK_PATTERN_GENERATOR} ${pk_pattern_sources} -o ${CMAKE_BINARY_DIR}/generated/gen_patterns
    DEPENDS ${PK_PATTERN_GENERATOR} ${pk_pattern_sources} ${pk_pattern_headers}
    COMMENT "Building the generator of the shipped patterns" VERBATIM)
# File names relative to the tree: they end up in messages.
list(TRANSFORM pk_pattern_files REPLACE "^${CMAKE_SOURCE_DIR}/" "" OUTPUT_VARIABLE pk_pattern_names)
add_custom_command(OUTPUT ${pk_patterns_generated}
    COMMAND ${CMAKE_BINARY_DIR}/generated/gen_patterns ${pk_patterns_generated} ${pk_pattern_names}
    DEPENDS ${CMAKE_BINARY_DIR}/generated/gen_patterns ${pk_pattern_files}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMENT "Compiling the shipped patterns" VERBATIM)
target_sources(pk_event PRIVATE ${pk_patterns_generated})
# Every byte of every log and of every event goes through these.
if(NOT PK_BOARD_IS_SHORT_OF_FLASH)
    file(GLOB pk_busy_sources CONFIGURE_DEPENDS
        ${CMAKE_SOURCE_DIR}/src/event/pk_log*.c ${CMAKE_SOURCE_DIR}/src/event/pk_pattern*.c
        ${CMAKE_SOURCE_DIR}/src/event/pk_event_json.c ${CMAKE_SOURCE_DIR}/src/event/pk_int*.c
        ${CMAKE_SOURCE_DIR}/src/event/pk_textring.c
        ${CMAKE_SOURCE_DIR}/src/base/pk_json.c ${CMAKE_SOURCE_DIR}/src/base/pk_hash.c ${CMAKE_SOURCE_DIR}/src/base/pk_copy.c
        ${CMAKE_SOURCE_DIR}/src/base/pk_text.c ${CMAKE_SOURCE_DIR}/src/base/pk_decimal.c)
    set_source_files_properties(${pk_busy_sources} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O2>)
endif()
