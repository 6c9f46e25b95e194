#include "agent/pk_lines.h"

#include <string.h>

#include "base/pk_assert.h"

void pk_lines_init(struct pk_lines *l, char *p, uint32_t cap_bytes) {
    memset(l, 0, sizeof *l);
    l->p = p;
    l->cap_bytes = cap_bytes;
}

char *pk_lines_room(struct pk_lines *l, uint32_t *out_room) {
    if (l->taken_bytes > 0) {
        l->used_bytes -= l->taken_bytes;
        memmove(l->p, l->p + l->taken_bytes, l->used_bytes);
        l->taken_bytes = 0;
    }
    *out_room = l->cap_bytes - l->used_bytes;
    return l->p + l->used_bytes;
}

void pk_lines_added(struct pk_lines *l, uint32_t n) {
    PK_ASSERT(n <= l->cap_bytes - l->used_bytes);
    l->used_bytes += n;
}

int pk_lines_next(struct pk_lines *l, struct pk_str *out) {
    for (;;) {
        const char *start = l->p + l->taken_bytes;
        const uint32_t waiting = l->used_bytes - l->taken_bytes;
        const char *end = waiting == 0 ? NULL : memchr(start, '\n', waiting);
        if (end == NULL) {
            const bool is_full = waiting == l->cap_bytes;
            if (l->is_skipping || is_full) {
                l->taken_bytes = l->used_bytes;
            }
            if (l->is_skipping || !is_full) {
                return PK_E_AGAIN;
            }
            l->is_skipping = true;
            return PK_E_TOO_BIG;
        }
        uint32_t n = (uint32_t)(end - start);
        l->taken_bytes += n + 1;
        if (l->is_skipping) {
            l->is_skipping = false;
            continue;
        }
        if (n > 0 && start[n - 1] == '\r') {
            n--;
        }
        *out = pk_str_make(start, n);
        return PK_OK;
    }
}
