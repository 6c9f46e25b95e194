#ifndef PK_NET_ERROR_H
#define PK_NET_ERROR_H
/* What the kernel said of a connection, in words for people. */
#include "base/pk_text.h"

/* "<what>: <why>" into `out`; only `what` when number (an errno) is 0. */
void pk_net_error(char *out, size_t cap_bytes, const char *what, int number);
#endif
