#ifndef PK_NET_H
#define PK_NET_H
/* pk_port_stream over TCP, with TLS when asked. */
#include "port/linux/pk_linux.h"
#include "port/mbedtls/pk_tls.h"

enum pk_net_state { PK_NET_CLOSED, PK_NET_CONNECTING, PK_NET_HANDSHAKE, PK_NET_OPEN, PK_NET_DEAD };
/* The kernel's view of a dead peer: probes after 30 s of silence, and unacknowledged bytes end the
 * connection. The session's own keep-alive is shorter on most links; these catch the rest. */
enum { PK_NET_KEEPALIVE_S = 30, PK_NET_PROBE_S = 10, PK_NET_PROBES = 3, PK_NET_USER_TIMEOUT_MS = 60000 };

struct pk_net {
    struct pk_linux_loop *loop;
    struct pk_crypto *crypto;
    struct pk_fd socket;
    enum pk_net_state state;
    bool is_tls;
    int64_t wall_floor_ms;
    char server_name[PK_HOST_BYTES];
    struct pk_tls tls;
    uint64_t carried_bytes; /* by connections that are closed */
    char error[PK_TLS_ERROR_BYTES];
};

void pk_net_open(struct pk_net *n, struct pk_linux_loop *loop, struct pk_crypto *crypto,
                 struct pk_port_stream *out);
/* As pk_platform_set_tls. */
int pk_net_set_tls(struct pk_net *n, const struct pk_tls_config *c);
#endif
