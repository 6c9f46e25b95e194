# The shipped rules as a const table: config/rules/*.rules through the agent's own parser (tools/gen_rules.c), which runs on
# the build machine and is therefore compiled with its compiler, also when we compile for another one.
# Include after pk_core exists. Files are given sorted, without folders, so that two builds give the same bytes.
find_program(PK_HOST_CC NAMES cc gcc clang REQUIRED)
file(GLOB pk_rule_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/rules/*.rules)
list(SORT pk_rule_files)
file(GLOB pk_gen_rules_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/src/base/*.[ch] ${CMAKE_SOURCE_DIR}/src/detect/pk_rule*.[ch] ${CMAKE_SOURCE_DIR}/src/detect/pk_window.[ch])
list(APPEND pk_gen_rules_sources ${CMAKE_SOURCE_DIR}/tools/gen_rules.c)
set(pk_gen_rules_c ${pk_gen_rules_sources})
list(FILTER pk_gen_rules_c INCLUDE REGEX "[.]c$")
list(FILTER pk_gen_rules_c EXCLUDE REGEX "pk_ruleset[.]c$")
set(pk_gen_dir ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${pk_gen_dir})

add_custom_command(OUTPUT ${pk_gen_dir}/gen_rules
    COMMAND ${PK_HOST_CC} -std=c11 -O1 -ffp-contract=off -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/src
        -I${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE} -o ${pk_gen_dir}/gen_rules ${pk_gen_rules_c}
    DEPENDS ${pk_gen_rules_sources} ${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE}/pk_limits.h
    COMMENT "Building gen_rules for this machine"
    VERBATIM)
add_custom_command(OUTPUT ${pk_gen_dir}/pk_shipped_rules.c
    COMMAND ${pk_gen_dir}/gen_rules ${pk_gen_dir}/pk_shipped_rules.c ${pk_rule_files}
    DEPENDS ${pk_gen_dir}/gen_rules ${pk_rule_files}
    COMMENT "Compiling config/rules"
    VERBATIM)
target_sources(pk_core PRIVATE ${pk_gen_dir}/pk_shipped_rules.c)
