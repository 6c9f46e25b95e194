# x86_64 gateway with 512 MB and more, systemd.
set(PK_BOARD_ISA x86_64)
set(PK_BOARD_INIT systemd)
set(PK_BOARD_PROFILE standard)
# Text counts twice, once a process: -Os keeps both together 120 KiB smaller in memory (tests/integration/test_memory.py).
set(PK_BOARD_OPTIMIZE -Os)
