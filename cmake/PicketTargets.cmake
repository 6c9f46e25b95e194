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

set(PK_CORE_MODULES base event detect incident wire mqtt respond report agent)
set(pk_core_globs ${PK_CORE_MODULES})
list(TRANSFORM pk_core_globs REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/src/\\1/*.c")
# port/*.c is about the contracts themselves, so it obeys the core's rules.
file(GLOB pk_core_sources CONFIGURE_DEPENDS ${pk_core_globs} ${CMAKE_SOURCE_DIR}/port/*.c)
file(GLOB pk_linux_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/port/*.c ${CMAKE_SOURCE_DIR}/port/linux/*.c ${CMAKE_SOURCE_DIR}/port/mbedtls/*.c ${CMAKE_SOURCE_DIR}/port/lmdb/*.c)
file(GLOB pk_sim_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/port/sim/*.c)
file(GLOB pk_roles_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/roles/*.c)
file(GLOB pk_ctl_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/ctl/*.c)

# A program is main.c and a library of everything else, so that tests can link the rest.
set(pk_picketd_main ${CMAKE_SOURCE_DIR}/src/roles/main.c)
set(pk_picketctl_main ${CMAKE_SOURCE_DIR}/src/ctl/main.c)
set(pk_arena ${CMAKE_SOURCE_DIR}/port/linux/arena.c)
list(REMOVE_ITEM pk_roles_sources ${pk_picketd_main})
list(REMOVE_ITEM pk_ctl_sources ${pk_picketctl_main})
list(REMOVE_ITEM pk_linux_sources ${pk_arena})

find_package(Threads REQUIRED)

pk_add_library(pk_core ${pk_core_sources})
pk_add_library(pk_port_linux ${pk_linux_sources})
pk_link(pk_port_linux pk_core mbedtls lmdb Threads::Threads)
pk_add_library(pk_port_sim ${pk_sim_sources})
pk_link(pk_port_sim pk_core)
pk_add_library(pk_roles ${pk_roles_sources})
pk_link(pk_roles pk_port_linux)
pk_add_library(pk_ctl ${pk_ctl_sources})
pk_link(pk_ctl pk_port_linux)
# The OS interface beyond C11 that musl and glibc share; the core gets none of it.
foreach(pk_target IN ITEMS pk_port_linux pk_roles pk_ctl)
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
