# ARMv7-A hard-float gateway, 64 MB class, OpenWrt-like.
set(PK_BOARD_ISA armv7)
set(PK_BOARD_INIT procd)
set(PK_BOARD_PROFILE small)
# Flash is short (ADR 0030): -Os takes 53 KB off picketd, its five exceptions 5 KB more, the plain guard 29 KB against
# -strong, the last line 9 KB of mbedTLS.
set(PK_BOARD_OPTIMIZE
    "-Os -fno-tree-forwprop -fno-tree-loop-im -fno-move-loop-invariants -fno-tree-tail-merge -fno-schedule-insns2")
set(PK_BOARD_STACK_GUARD -fstack-protector)
set(PK_BOARD_IS_SHORT_OF_FLASH TRUE)
