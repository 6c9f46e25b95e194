# x86_64 gateway with systemd.
set(PK_BOARD_ISA x86_64)
set(PK_BOARD_INIT systemd)
set(PK_BOARD_PROFILE small)
