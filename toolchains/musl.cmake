# Static-PIE against the musl sysroot that tools/deps built for PK_ISA. Included by toolchains/<isa>.cmake, which
# sets PK_ISA, PK_TRIPLET and PK_ISA_FLAGS.
#
# The compiler's own specs know only glibc, so nothing of them is used for headers, start files and libraries.
# Two short cuts that do not work: musl's gcc wrapper with -static-pie makes a dynamically linked file without a word;
# gcc's own -static-pie still names an interpreter on ARM. So the linker is told directly.
# The linker is lld: it writes relative relocations in the packed form musl's start code reads (ADR 0030); GNU ld can
# do so for x86 only.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${PK_ISA})

execute_process(COMMAND uname -m OUTPUT_VARIABLE pk_machine OUTPUT_STRIP_TRAILING_WHITESPACE)
if(pk_machine STREQUAL "armv7l")
    set(pk_machine armv7)
endif()
if(pk_machine STREQUAL PK_ISA)
    set(pk_tool_prefix "")
else()
    set(pk_tool_prefix ${PK_TRIPLET}-)
    find_program(pk_qemu NAMES qemu-${PK_QEMU}-static qemu-${PK_QEMU})
    if(pk_qemu)
        set(CMAKE_CROSSCOMPILING_EMULATOR ${pk_qemu})
    endif()
endif()
set(CMAKE_C_COMPILER ${pk_tool_prefix}gcc)
set(CMAKE_AR ${pk_tool_prefix}ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${pk_tool_prefix}ranlib CACHE FILEPATH "")
set(CMAKE_STRIP ${pk_tool_prefix}strip CACHE FILEPATH "")
set(CMAKE_NM ${pk_tool_prefix}nm CACHE FILEPATH "")
set(CMAKE_OBJCOPY ${pk_tool_prefix}objcopy CACHE FILEPATH "")

include(${CMAKE_CURRENT_LIST_DIR}/../cmake/PicketCache.cmake)
set(PK_SYSROOT ${PK_CACHE}/${PK_ISA}/sysroot)
if(NOT EXISTS ${PK_SYSROOT}/.stamp)
    message(FATAL_ERROR "no musl sysroot for ${PK_ISA} in ${PK_CACHE}: run tools/deps ${PK_ISA}")
endif()

foreach(pk_file IN ITEMS include crtbeginS.o crtendS.o)
    execute_process(
        COMMAND ${CMAKE_C_COMPILER} -print-file-name=${pk_file}
        OUTPUT_VARIABLE pk_path_${pk_file} OUTPUT_STRIP_TRAILING_WHITESPACE)
endforeach()

# After the ISA flags, so that a user's CFLAGS still come last.
set(CMAKE_C_FLAGS_INIT
    "${PK_ISA_FLAGS} -fPIE -nostdinc -isystem ${PK_SYSROOT}/include -isystem ${pk_path_include} -U_FORTIFY_SOURCE")
# A cross compiler looks for its linker in the folders it is told only; the folder of the real file holds nothing that
# it could take for its own.
find_program(pk_lld NAMES ld.lld)
if(NOT pk_lld)
    message(FATAL_ERROR "no ld.lld: run tools/deps ${PK_ISA}")
endif()
get_filename_component(pk_lld_folder ${pk_lld} REALPATH)
get_filename_component(pk_lld_folder ${pk_lld_folder} DIRECTORY)
set(CMAKE_C_LINK_EXECUTABLE
    "<CMAKE_C_COMPILER> <FLAGS> -static -nostdlib -nostartfiles -B${pk_lld_folder}/ -fuse-ld=lld -Wl,-pie,--no-dynamic-linker,-z,text,--pack-dyn-relocs=relr,-O2 <CMAKE_C_LINK_FLAGS> <LINK_FLAGS> -L${PK_SYSROOT}/lib ${PK_SYSROOT}/lib/rcrt1.o ${PK_SYSROOT}/lib/crti.o ${pk_path_crtbeginS.o} <OBJECTS> -o <TARGET> <LINK_LIBRARIES> -Wl,--start-group -lc -lgcc -Wl,--end-group ${pk_path_crtendS.o} ${PK_SYSROOT}/lib/crtn.o")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH ${PK_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(PK_LIBC musl)
