set(PK_ISA armv7)
set(PK_TRIPLET arm-linux-gnueabihf)
set(PK_QEMU arm)
# Hard-float VFPv3-D16, the least an ARMv7-A gateway has; Thumb-2 for size.
set(PK_ISA_FLAGS "-march=armv7-a+fp -mthumb -mfloat-abi=hard")
include(${CMAKE_CURRENT_LIST_DIR}/musl.cmake)
