#include "ctl/pk_ctl_text.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096 };

void pk_ctl_text_free(struct pk_ctl_text *t) {
    free(t->p);
    *t = (struct pk_ctl_text){0};
}

static bool make_room(struct pk_ctl_text *t, size_t n) {
    if (t->cap_bytes - t->n >= n) {
        return true;
    }
    size_t cap = t->cap_bytes == 0 ? FIRST_BYTES : t->cap_bytes;
    while (cap - t->n < n) {
        if (cap > SIZE_MAX / 2) {
            return false;
        }
        cap *= 2;
    }
    char *p = realloc(t->p, cap);
    if (p == NULL) {
        return false;
    }
    t->p = p;
    t->cap_bytes = cap;
    return true;
}

void pk_ctl_text_put(struct pk_ctl_text *t, const char *p, size_t n) {
    if (n == 0 || t->is_cut) {
        return;
    }
    if (!make_room(t, n)) {
        t->is_cut = true;
        return;
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

void pk_ctl_text_puts(struct pk_ctl_text *t, const char *terminated) {
    pk_ctl_text_put(t, terminated, strlen(terminated));
}

void pk_ctl_text_put_str(struct pk_ctl_text *t, struct pk_str s) {
    pk_ctl_text_put(t, s.p, s.n);
}

void pk_ctl_text_putc(struct pk_ctl_text *t, char c) {
    pk_ctl_text_put(t, &c, 1);
}

void pk_ctl_text_put_u64(struct pk_ctl_text *t, uint64_t v) {
    char text[24];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_u64(&b, v);
    pk_ctl_text_put(t, text, b.n);
}

void pk_ctl_text_fill(struct pk_ctl_text *t, char c, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pk_ctl_text_putc(t, c);
    }
}

struct pk_str pk_ctl_text_str(const struct pk_ctl_text *t) {
    return pk_str_make(t->p, t->n);
}

/* The code point of a well-formed UTF-8 character of n bytes. */
static uint32_t code_point(const char *p, uint32_t n) {
    static const uint8_t LEAD_MASK[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = (uint8_t)p[0] & LEAD_MASK[n];
    for (uint32_t i = 1; i < n; i++) {
        c = c << 6 | ((uint8_t)p[i] & 0x3Fu);
    }
    return c;
}

static bool is_hostile(uint32_t c) {
    static const uint32_t RANGES[][2] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C}, {0x200E, 0x200F},
        {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFEFF, 0xFEFF}, {0xE0000, 0xE007F},
    };
    for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
        if (c >= RANGES[i][0] && c <= RANGES[i][1]) {
            return true;
        }
    }
    return false;
}

uint32_t pk_ctl_text_hostile(const char *p, size_t n) {
    const uint32_t length = pk_utf8_len(p, n);
    if (length == 0) {
        return n > 0 ? 1 : 0;
    }
    return is_hostile(code_point(p, length)) ? length : 0;
}

void pk_ctl_text_put_safe(struct pk_ctl_text *t, struct pk_str s, bool keep_lines) {
    uint32_t at = 0;
    while (at < s.n) {
        const uint32_t hostile = pk_ctl_text_hostile(s.p + at, s.n - at);
        if (hostile == 0) {
            const uint32_t length = pk_utf8_len(s.p + at, s.n - at);
            pk_ctl_text_put(t, s.p + at, length);
            at += length;
            continue;
        }
        const char c = s.p[at];
        if (c == '\n' && keep_lines) {
            pk_ctl_text_putc(t, '\n');
        } else {
            pk_ctl_text_putc(t, c == '\n' || c == '\t' || c == '\r' ? ' ' : '?');
        }
        at += hostile;
    }
}

static void put_escape(struct pk_ctl_text *t, uint32_t unit) {
    static const char HEX[] = "0123456789abcdef";
    const char text[6] = {
        '\\', 'u', HEX[unit >> 12 & 15u], HEX[unit >> 8 & 15u], HEX[unit >> 4 & 15u], HEX[unit & 15u]};
    pk_ctl_text_put(t, text, sizeof text);
}

void pk_ctl_text_put_json(struct pk_ctl_text *t, struct pk_str json) {
    uint32_t at = 0;
    while (at < json.n) {
        const char *p = json.p + at;
        const uint32_t length = pk_utf8_len(p, json.n - at);
        const bool is_space = *p == '\n' || *p == '\t' || *p == '\r';
        if (is_space || pk_ctl_text_hostile(p, json.n - at) == 0) {
            /* Valid JSON has white space outside strings only, and no other control below U+0020. */
            pk_ctl_text_put(t, is_space ? " " : p, is_space ? 1 : length);
            at += is_space ? 1 : length;
            continue;
        }
        const uint32_t c = length == 0 ? 0xFFFDu : code_point(p, length);
        if (c > 0xFFFFu) {
            put_escape(t, 0xD800u + ((c - 0x10000u) >> 10));
            put_escape(t, 0xDC00u + ((c - 0x10000u) & 0x3FFu));
        } else {
            put_escape(t, c);
        }
        at += length == 0 ? 1 : length;
    }
}

void pk_ctl_text_put_quoted(struct pk_ctl_text *t, struct pk_str s) {
    uint32_t at = 0;
    pk_ctl_text_putc(t, '"');
    while (at < s.n) {
        const char c = s.p[at];
        const uint32_t length = pk_utf8_len(s.p + at, s.n - at);
        if (length == 0) {
            put_escape(t, 0xFFFDu);
        } else if (c == '\n') {
            pk_ctl_text_puts(t, "\\n");
        } else if ((uint8_t)c < 0x20) {
            put_escape(t, (uint8_t)c);
        } else {
            pk_ctl_text_puts(t, c == '"' || c == '\\' ? "\\" : "");
            pk_ctl_text_put(t, s.p + at, length);
        }
        at += length == 0 ? 1 : length;
    }
    pk_ctl_text_putc(t, '"');
}

uint32_t pk_ctl_text_columns(struct pk_str s) {
    uint32_t columns = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        columns += ((uint8_t)s.p[i] & 0xC0u) != 0x80u ? 1 : 0;
    }
    return columns;
}
