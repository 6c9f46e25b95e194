# pk_flags: what every object of ours is compiled with. pk_warnings: on top of it, for our sources only.
add_library(pk_flags INTERFACE)
add_library(pk_warnings INTERFACE)

target_compile_options(pk_flags INTERFACE
    # The same bytes whatever folder it is built in.
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
    -ffile-prefix-map=${PK_CACHE}=cache
    # Equal results on every ISA and compiler (DESIGN 14).
    -ffp-contract=off
    # The linker drops what nobody calls.
    -ffunction-sections -fdata-sections
    -fno-common)
target_link_options(pk_flags INTERFACE
    -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none)

# The product is linked by lld (toolchains/musl.cmake); the other trees too, for it takes a third of the time, 340 times.
if(NOT PK_LIBC STREQUAL "musl")
    target_link_options(pk_flags INTERFACE -fuse-ld=lld)
endif()

if(PK_SANITIZE)
    target_compile_options(pk_flags INTERFACE
        -fsanitize=${PK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(pk_flags INTERFACE -fsanitize=${PK_SANITIZE})
else()
    # Hostile bytes reach the agent's parsers, so the stack is guarded in the product; a board short of flash guards
    # only functions with arrays of bytes. No -fstack-clash-protection (20 KB on ARMv7): the stack check keeps every
    # frame, ours and third-party, below musl's guard of 8 KiB, so none can step over it.
    # No unwind tables: nothing unwinds.
    target_compile_options(pk_flags INTERFACE ${PK_BOARD_STACK_GUARD} ${PK_ISA_STACK_GUARD})
    if(PK_LIBC STREQUAL "musl")
        target_compile_options(pk_flags INTERFACE -fno-asynchronous-unwind-tables -fno-unwind-tables)
    endif()
endif()

target_compile_options(pk_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(pk_flags INTERFACE -fstack-usage)
endif()
