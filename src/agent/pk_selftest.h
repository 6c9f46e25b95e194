#ifndef PK_SELFTEST_H
#define PK_SELFTEST_H
/* Known-answer tests a gateway can run in the field: `picketd --selftest`. */
#include "port/port.h"

/* One line a test into *out. Number of failed tests. Needs clock, entropy and cryptography of the port. */
uint32_t pk_selftest(const struct pk_port *port, struct pk_buf *out);
#endif
