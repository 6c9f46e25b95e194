# ARMv7-A hard-float gateway, 64 MB class, OpenWrt-like.
set(PK_BOARD_ISA armv7)
set(PK_BOARD_INIT procd)
set(PK_BOARD_PROFILE small)
# Flash is short: -Os takes 53 KB off picketd, the plain guard 29 KB against -strong.
set(PK_BOARD_OPTIMIZE -Os)
set(PK_BOARD_STACK_GUARD -fstack-protector)
set(PK_BOARD_IS_SHORT_OF_FLASH TRUE)
