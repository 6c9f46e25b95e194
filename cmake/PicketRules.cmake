# The shipped rules: config/rules/*.rules become a constant table in pk_detect. The generator is the parser that reads
# operators' rules at run time, built for this machine with the limits of the board.
set(PK_RULE_GENERATOR ${CMAKE_SOURCE_DIR}/tools/gen_rules.c)
if(NOT EXISTS ${PK_RULE_GENERATOR})
    return()
endif()
find_program(PK_BUILD_CC NAMES gcc cc clang REQUIRED)
file(GLOB pk_rule_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/rules/*.rules)
file(GLOB pk_generator_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/src/base/*.c ${CMAKE_SOURCE_DIR}/src/event/*.c ${CMAKE_SOURCE_DIR}/src/detect/*.c)
file(GLOB pk_generator_headers CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/src/base/*.[hd]* ${CMAKE_SOURCE_DIR}/src/event/*.h ${CMAKE_SOURCE_DIR}/src/detect/*.h)
set(pk_generated ${CMAKE_BINARY_DIR}/generated/pk_shipped_rules.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/generated/gen_rules
    COMMAND ${PK_BUILD_CC} -std=c11 -O1 -w -ffp-contract=off -ffunction-sections -Wl,--gc-sections
        -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE}
        ${PK_RULE_GENERATOR} ${pk_generator_sources} -lm -o ${CMAKE_BINARY_DIR}/generated/gen_rules
    DEPENDS ${PK_RULE_GENERATOR} ${pk_generator_sources} ${pk_generator_headers}
        ${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE}/pk_limits.h
    COMMENT "Building the generator of the shipped rules" VERBATIM)
# File names relative to the tree: they end up in messages, and the bytes must not depend on the folder.
list(TRANSFORM pk_rule_files REPLACE "^${CMAKE_SOURCE_DIR}/" "" OUTPUT_VARIABLE pk_rule_names)
add_custom_command(OUTPUT ${pk_generated}
    COMMAND ${CMAKE_BINARY_DIR}/generated/gen_rules ${pk_generated} ${pk_rule_names}
    DEPENDS ${CMAKE_BINARY_DIR}/generated/gen_rules ${pk_rule_files}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMENT "Compiling the shipped rules" VERBATIM)
target_sources(pk_detect PRIVATE ${pk_generated})
# Every event goes through these.
if(NOT PK_BOARD_IS_SHORT_OF_FLASH)
    set(pk_busy_detect_sources)
    foreach(pk_name cond engine eval feed judge match rule window)
        list(APPEND pk_busy_detect_sources ${CMAKE_SOURCE_DIR}/src/detect/pk_${pk_name}.c)
    endforeach()
    set_source_files_properties(${pk_busy_detect_sources} ${CMAKE_SOURCE_DIR}/src/base/pk_wheel.c
        PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O2>)
endif()
