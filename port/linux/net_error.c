#include "port/linux/pk_net_error.h"

#include <errno.h>

void pk_net_error(char *out, size_t cap_bytes, const char *what, int number) {
    static const struct {
        int number;
        const char *text;
    } texts[] = {
        {ECONNREFUSED, "connection refused"},
        {ETIMEDOUT, "timed out"},
        {ENETUNREACH, "network unreachable"},
        {EHOSTUNREACH, "no route to the host"},
        {ECONNRESET, "reset by the peer"},
        {EPIPE, "closed by the peer"},
        {EACCES, "not permitted"},
        {EPERM, "not permitted"},
        {EADDRNOTAVAIL, "no local address for it"},
        {EMFILE, "out of descriptors"},
    };
    struct pk_buf b;
    pk_buf_init(&b, out, (uint32_t)cap_bytes);
    pk_buf_puts(&b, what);
    if (number == 0) {
        return;
    }
    pk_buf_puts(&b, ": ");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].number == number) {
            pk_buf_puts(&b, texts[i].text);
            return;
        }
    }
    pk_buf_puts(&b, "errno ");
    pk_buf_put_i64(&b, number);
}
