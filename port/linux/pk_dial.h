#ifndef PK_DIAL_H
#define PK_DIAL_H
/* pk_port_dial on sockets. Private to port/linux and its tests. */
#include <sys/socket.h>

#include "port/linux/pk_linux.h"
#include "port/mbedtls/pk_tls.h"
#include "port/super.h"

enum { PK_DIAL_RAW_FD = 4 }; /* where the supervisor left a raw socket for echoes, or something else */
struct pk_dial {
    int fd; /* -1 = closed */
    bool is_datagram, is_tls;
    struct pk_tls tls;
    char error[PK_TLS_ERROR_BYTES];
};
void pk_dial_open(struct pk_dial *d, struct pk_crypto *crypto, struct pk_port_dial *out);
/* Bytes of the address; 0: not a numeric one. */
socklen_t pk_dial_address(const char *text, uint16_t port, struct sockaddr_storage *out);
/* False when the time is up. */
bool pk_dial_wait(int fd, short events, uint64_t deadline_us);
/* dial_ping.c. *out_errno: of what failed. */
int pk_dial_ping(const char *address, uint64_t deadline_us, uint16_t id, uint32_t *out_us, int *out_errno);
#endif
