set(PK_ISA aarch64)
set(PK_TRIPLET aarch64-linux-gnu)
set(PK_QEMU aarch64)
# Calls instead of inline exclusive loops would need libgcc's run-time LSE probe, which reads the aux vector
# through glibc.
set(PK_ISA_FLAGS "-march=armv8-a -mno-outline-atomics")
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
