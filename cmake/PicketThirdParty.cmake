# mbedTLS and LMDB from the sources that tools/deps unpacked; compiled in each tree, with its flags.
include(${CMAKE_CURRENT_LIST_DIR}/PicketCache.cmake)
set(PK_MBEDTLS_DIR ${PK_CACHE}/src/mbedtls-3.6.6)
set(PK_LMDB_DIR ${PK_CACHE}/src/lmdb-0.9.31/libraries/liblmdb)
foreach(pk_dir IN ITEMS ${PK_MBEDTLS_DIR} ${PK_LMDB_DIR})
    if(NOT EXISTS ${pk_dir})
        message(FATAL_ERROR "${pk_dir} is missing: run tools/deps")
    endif()
endforeach()

# Not our code: no warnings. Small, except where a handshake spends its time: on x86_64 a P-256 verification takes
# 1.0 ms instead of 1.3 ms, for 8 KB of the file, which a board short of flash saves.
file(GLOB pk_mbedtls_sources ${PK_MBEDTLS_DIR}/library/*.c)
add_library(mbedtls STATIC ${pk_mbedtls_sources})
target_include_directories(mbedtls SYSTEM PUBLIC ${PK_MBEDTLS_DIR}/include ${CMAKE_SOURCE_DIR}/config/mbedtls)
target_compile_definitions(mbedtls PUBLIC MBEDTLS_CONFIG_FILE="pk_mbedtls_config.h")
if(PK_BOARD_IS_SHORT_OF_FLASH)
    target_compile_definitions(mbedtls PUBLIC PK_SHORT_OF_FLASH)
    # 5 KB: the guard stays on our own parsers, which are younger.
    set_source_files_properties(${pk_mbedtls_sources} PROPERTIES COMPILE_OPTIONS -fno-stack-protector)
endif()
target_compile_options(mbedtls PRIVATE -w -Os)
if(PK_BOARD_OPTIMIZE STREQUAL "-O2")
    set_source_files_properties(
        ${PK_MBEDTLS_DIR}/library/bignum.c ${PK_MBEDTLS_DIR}/library/bignum_core.c
        ${PK_MBEDTLS_DIR}/library/ecp_curves.c
        PROPERTIES COMPILE_OPTIONS -O2)
endif()
target_link_libraries(mbedtls PRIVATE pk_flags)

# Its page lists and the size of a transaction in memory: config/lmdb/pk_lmdb_config.h says why.
set(pk_lmdb_sources ${PK_LMDB_DIR}/mdb.c ${PK_LMDB_DIR}/midl.c)
if(PK_BOARD_IS_SHORT_OF_FLASH)
    set_source_files_properties(${pk_lmdb_sources} PROPERTIES COMPILE_OPTIONS -fno-stack-protector)
endif()
add_library(lmdb STATIC ${pk_lmdb_sources})
# The same library with every write going through the functions of config/lmdb/pk_lmdb_hooks.h; tests only.
add_library(lmdb_hooked STATIC EXCLUDE_FROM_ALL ${pk_lmdb_sources})
target_compile_options(lmdb_hooked PRIVATE "SHELL:-include ${CMAKE_SOURCE_DIR}/config/lmdb/pk_lmdb_hooks.h")
foreach(pk_target IN ITEMS lmdb lmdb_hooked)
    target_include_directories(${pk_target} SYSTEM PUBLIC ${PK_LMDB_DIR})
    target_compile_definitions(${pk_target} PRIVATE _GNU_SOURCE)
    target_compile_options(${pk_target} PRIVATE -w -Os
        "SHELL:-include ${CMAKE_SOURCE_DIR}/config/lmdb/pk_lmdb_config.h")
    target_link_libraries(${pk_target} PRIVATE pk_flags)
endforeach()
