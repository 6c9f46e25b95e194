# aarch64 gateway with 512 MB and more, systemd.
set(PK_BOARD_ISA aarch64)
set(PK_BOARD_INIT systemd)
set(PK_BOARD_PROFILE standard)
