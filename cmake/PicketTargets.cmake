# Our libraries and programs. Sources are found by folder; an empty folder makes no target.

# pk_add_library(NAME source...): a static library of ours, or an interface library while it has no source.
function(pk_add_library name)
    if(ARGN)
        add_library(${name} STATIC ${ARGN})
        target_link_libraries(${name} PRIVATE pk_flags pk_warnings)
        set(scope PUBLIC)
    else()
        add_library(${name} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_include_directories(${name} ${scope}
        ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE})
    target_compile_definitions(${name} ${scope} PK_VERSION="${PROJECT_VERSION}" PK_BOARD="${PK_BOARD}")
endfunction()

# pk_link(NAME library...): links for whoever uses NAME, whether it has sources yet or not.
function(pk_link name)
    get_target_property(type ${name} TYPE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        target_link_libraries(${name} INTERFACE ${ARGN})
    else()
        target_link_libraries(${name} PUBLIC ${ARGN})
    endif()
endfunction()

# pk_add_folder(NAME FOLDER [library...]): the library of one folder, linked to what it may call.
function(pk_add_folder name folder)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
    # A program is its main.c and a library of everything else, so that tests can link the rest; the arena replaces
    # malloc and is linked by name.
    list(FILTER sources EXCLUDE REGEX "/(main|arena)\\.c$")
    pk_add_library(${name} ${sources})
    pk_link(${name} ${ARGN})
endfunction()

find_package(Threads REQUIRED)

# The layers of DESIGN 4. Each module is linked to those it may call and no other, so a call against the direction
# does not link in the unit test of its file.
pk_add_folder(pk_base src/base)
pk_add_folder(pk_port port pk_base)
pk_add_folder(pk_event src/event pk_port)
# m: for sqrt, where the C library does not hold it.
pk_add_folder(pk_detect src/detect pk_event m)
pk_add_folder(pk_incident src/incident pk_detect)
pk_add_folder(pk_wire src/wire pk_incident)
pk_add_folder(pk_respond src/respond pk_wire)
pk_add_folder(pk_mqtt src/mqtt pk_base)
pk_add_folder(pk_report src/report pk_respond pk_mqtt)
pk_add_folder(pk_agent src/agent pk_report)
set(PK_CORE_MODULES base event detect incident wire respond mqtt report agent)
# Where flash is short, the guard stands where foreign bytes are taken apart: base, event, wire, mqtt, report, TLS and network.
# These work on records of our own making.
if(PK_BOARD_IS_SHORT_OF_FLASH)
    file(GLOB pk_inner CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/detect/*.c ${CMAKE_SOURCE_DIR}/src/incident/*.c
        ${CMAKE_SOURCE_DIR}/src/respond/*.c ${CMAKE_SOURCE_DIR}/src/agent/*.c ${CMAKE_SOURCE_DIR}/src/roles/*.c
        ${CMAKE_SOURCE_DIR}/port/lmdb/*.c)
    set_source_files_properties(${pk_inner} PROPERTIES COMPILE_OPTIONS -fno-stack-protector)
endif()

pk_add_folder(pk_port_mbedtls port/mbedtls pk_port mbedtls)
pk_add_folder(pk_port_lmdb port/lmdb pk_port lmdb Threads::Threads)
pk_add_folder(pk_port_linux port/linux pk_port_mbedtls pk_port_lmdb Threads::Threads)
pk_add_folder(pk_port_sim port/sim pk_port_mbedtls)
pk_add_folder(pk_roles src/roles pk_agent pk_port_linux)
pk_add_folder(pk_ctl src/ctl pk_report pk_port_linux)

set(pk_picketd_main ${CMAKE_SOURCE_DIR}/src/roles/main.c)
set(pk_picketctl_main ${CMAKE_SOURCE_DIR}/src/ctl/main.c)
set(pk_arena ${CMAKE_SOURCE_DIR}/port/linux/arena.c)

# The OS interface beyond C11 that musl and glibc share; the core gets none of it.
foreach(pk_target IN ITEMS pk_port_linux pk_port_mbedtls pk_port_lmdb pk_roles pk_ctl)
    get_target_property(pk_type ${pk_target} TYPE)
    if(NOT pk_type STREQUAL "INTERFACE_LIBRARY")
        target_compile_definitions(${pk_target} PRIVATE _GNU_SOURCE)
    endif()
endforeach()

# The allocator of picketd: an object, not an archive member, so that its malloc is the one that is linked.
# Built -fno-builtin, else the compiler turns its calloc into a call of itself. Sanitizers and valgrind bring their own
# malloc, so the trees that run them keep libc's.
if(EXISTS ${pk_arena})
    add_library(pk_arena OBJECT ${pk_arena})
    target_include_directories(pk_arena PRIVATE
        ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/boards/profiles/${PK_PROFILE})
    target_compile_options(pk_arena PRIVATE -fno-builtin)
    target_compile_definitions(pk_arena PRIVATE _GNU_SOURCE
        $<$<STREQUAL:${PK_LIBC},musl>:PK_ARENA_REPLACES_MALLOC>)
    target_link_libraries(pk_arena PRIVATE pk_flags pk_warnings)
endif()

# pk_add_program(NAME main.c library): NAME stripped at the top of the tree, NAME.debug beside it for a debugger.
function(pk_add_program name main library)
    if(NOT EXISTS ${main})
        return()
    endif()
    add_executable(${name} ${main})
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    target_link_libraries(${name} PRIVATE pk_flags pk_warnings ${library})
    if(CMAKE_BUILD_TYPE STREQUAL "Release")
        add_custom_command(TARGET ${name} POST_BUILD
            COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.debug
            COMMAND ${CMAKE_STRIP} --strip-all $<TARGET_FILE:${name}>
            VERBATIM)
    endif()
endfunction()

pk_add_program(picketd ${pk_picketd_main} pk_roles)
pk_add_program(picketctl ${pk_picketctl_main} pk_ctl)
if(TARGET picketd AND TARGET pk_arena)
    target_link_libraries(picketd PRIVATE pk_arena)
endif()
# What runs all the time lies together: both processes keep fewer pages of the file in memory (ADR 0025). Only lld, which
# links the product, can do it.
if(TARGET picketd AND PK_LIBC STREQUAL "musl")
    set(pk_order ${CMAKE_SOURCE_DIR}/cmake/picketd.order)
    target_link_options(picketd PRIVATE -Wl,--symbol-ordering-file=${pk_order},--no-warn-symbol-ordering)
    set_target_properties(picketd PROPERTIES LINK_DEPENDS ${pk_order})
endif()
pk_add_program(picket-demo ${CMAKE_SOURCE_DIR}/tools/demo/picket_demo.c pk_base)
pk_add_program(bench-anomaly ${CMAKE_SOURCE_DIR}/tools/bench_anomaly.c pk_detect)
