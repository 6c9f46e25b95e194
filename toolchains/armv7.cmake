set(PK_ISA armv7)
set(PK_TRIPLET arm-linux-gnueabihf)
set(PK_QEMU arm)
# Hard-float VFPv3-D16, the least an ARMv7-A gateway has; Thumb-2 for size.
set(PK_ISA_FLAGS "-march=armv7-a+fp -mthumb -mfloat-abi=hard")
# The stack guard is read where musl keeps it for each thread, 8 bytes below the thread pointer: through the global offset
# table each guarded function is 20 bytes longer. tests/port/test_guard.c shows that it bites.
set(PK_ISA_STACK_GUARD -mtp=cp15 -mstack-protector-guard=tls -mstack-protector-guard-offset=-8)
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
