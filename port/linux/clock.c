#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>

#include "port/linux/pk_linux.h"

/* Whether the clock is disciplined changes over minutes and costs a system call. */
enum { SYNC_CHECK_MS = 5000 };

uint64_t pk_linux_mono_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint64_t mono_ms(void *ctx) {
    (void)ctx;
    return pk_linux_mono_us() / 1000u;
}

static int64_t wall_ms(void *ctx, bool *out_is_synced) {
    struct pk_linux_clock *c = ctx;
    const uint64_t now_ms = mono_ms(ctx);
    if (!c->was_asked || now_ms - c->checked_ms >= SYNC_CHECK_MS) {
        struct timex t;
        memset(&t, 0, sizeof t);
        const int state = adjtimex(&t);
        c->is_synced = state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
        c->checked_ms = now_ms;
        c->was_asked = true;
    }
    *out_is_synced = c->is_synced;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + (int64_t)t.tv_nsec / 1000000;
}

static int entropy_fill(void *ctx, void *out, uint32_t n) {
    (void)ctx;
    uint8_t *p = out;
    uint32_t got = 0;
    while (got < n) {
        const ssize_t r = getrandom(p + got, n - got, 0);
        if (r < 0 && errno != EINTR) {
            return PK_E_IO;
        }
        got += r > 0 ? (uint32_t)r : 0u;
    }
    return PK_OK;
}

void pk_linux_clock_open(struct pk_linux_clock *c, struct pk_port_clock *out) {
    *c = (struct pk_linux_clock){0};
    *out = (struct pk_port_clock){.ctx = c, .mono_ms = mono_ms, .wall_ms = wall_ms};
}

void pk_linux_entropy_open(struct pk_port_entropy *out) {
    *out = (struct pk_port_entropy){.ctx = NULL, .fill = entropy_fill};
}
