# The machine that builds: the product for it, and what tools/run and the integration tests use.
set(PK_BOARD_INIT systemd)
set(PK_BOARD_PROFILE small)
