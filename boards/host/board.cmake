# The machine that builds: the product for it, and what tools/run and the integration tests use.
set(PK_BOARD_INIT systemd)
set(PK_BOARD_PROFILE small)
# Text counts twice, once a process: -Os keeps both together 120 KiB smaller in memory (tests/integration/test_memory.py).
set(PK_BOARD_OPTIMIZE -Os)
