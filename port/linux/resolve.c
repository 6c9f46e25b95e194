/* The body of the resolver child: one name to at most four numeric addresses, through the system's own
 * resolver. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_text.h"
#include "port/linux/pk_sandbox.h"
#include "port/super.h"

/* Only with musl, whose resolver reads these files and nothing else; glibc's loads libraries. */
void pk_platform_seal_resolver(void) {
#ifndef __GLIBC__
    static const char *const files[] = {"/etc/resolv.conf", "/etc/hosts", "/dev/null", NULL};
    const uint32_t bits = pk_sandbox_apply(PK_SANDBOX_RESOLVER, files, NULL);
    (void)bits; /* what the kernel has */
#endif
}

static int error_of(int why) {
    if (why == EAI_NONAME) {
        return PK_E_NOT_FOUND;
    }
    return why == EAI_AGAIN ? PK_E_AGAIN : PK_E_IO;
}

/* In full, "2001:0db8:0000:...": inet_ntop() would shorten it, and be the one that brings printf into the
 * file. */
static bool put_address(const struct sockaddr *address, char *out, uint32_t cap_bytes) {
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        for (uint32_t i = 0; i < 16; i += 2) {
            pk_buf_puts(&b, i > 0 ? ":" : "");
            pk_buf_put_hex(&b, &v6->sin6_addr.s6_addr[i], 2);
        }
    } else {
        const uint32_t v4 = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
        for (uint32_t shift = 32; shift > 0; shift -= 8) {
            pk_buf_puts(&b, shift < 32 ? "." : "");
            pk_buf_put_u64(&b, v4 >> (shift - 8u) & 255u);
        }
    }
    return !b.is_cut;
}

void pk_platform_resolve(const char *name, struct pk_ipc_resolved *out) {
    memset(out, 0, sizeof *out);
    struct addrinfo hints, *list = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const int outcome = getaddrinfo(name, NULL, &hints, &list);
    if (outcome != 0) {
        out->error = error_of(outcome);
        return;
    }
    for (const struct addrinfo *a = list; a != NULL && out->address_count < PK_COUNT_OF(out->address);
         a = a->ai_next) {
        char *text = out->address[out->address_count];
        if (put_address(a->ai_addr, text, sizeof out->address[0])) {
            out->address_count++;
        } else {
            text[0] = '\0';
        }
    }
    freeaddrinfo(list);
    out->error = out->address_count > 0 ? PK_OK : PK_E_NOT_FOUND;
}

int pk_platform_result(uint32_t fd, const struct pk_ipc_frame *frame) {
    ssize_t n;
    do {
        n = write((int)fd, frame, sizeof *frame);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *frame ? PK_OK : PK_E_IO;
}
