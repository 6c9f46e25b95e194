# ARMv7-A hard-float gateway, 64 MB class, OpenWrt-like.
set(PK_BOARD_ISA armv7)
set(PK_BOARD_INIT procd)
set(PK_BOARD_PROFILE small)
