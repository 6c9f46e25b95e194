/* Small files of /sys, and the counters in them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/pk_hash.h"
#include "port/linux/pk_collect.h"

void pk_collect_add(struct pk_collect_out *o, const char *type, const char *source, double value, int error) {
    if (o->n < o->cap_count) {
        pk_collect_put(&o->p[o->n++], type, source, value, error);
    }
}

bool pk_collect_path(char out[PK_COLLECT_PATH_BYTES], const char *root, const char *a, const char *b,
                     const char *c) {
    const char *const parts[] = {a, b, c};
    struct pk_buf path;
    pk_buf_init(&path, out, PK_COLLECT_PATH_BYTES);
    pk_buf_puts(&path, root);
    for (uint32_t i = 0; i < 3 && parts[i] != NULL; i++) {
        pk_buf_putc(&path, '/');
        pk_buf_puts(&path, parts[i]);
    }
    return !path.is_cut;
}

int pk_collect_text(const char *path, char out[PK_COLLECT_TEXT_BYTES], struct pk_str *out_text) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ENODEV ? PK_E_NOT_FOUND : PK_E_IO;
    }
    const ssize_t n = read(fd, out, PK_COLLECT_TEXT_BYTES);
    (void)close(fd);
    if (n <= 0) {
        return PK_E_IO;
    }
    *out_text = pk_str_trim(pk_str_make(out, (size_t)n));
    return (int)n;
}

int pk_collect_number(const char *path, int64_t *out) {
    char text[PK_COLLECT_TEXT_BYTES];
    struct pk_str s;
    const int n = pk_collect_text(path, text, &s);
    if (n < 0) {
        return n;
    }
    uint64_t hex = 0;
    if (pk_str_starts(s, "0x")) {
        const int err = pk_parse_hex_u64(pk_str_make(s.p + 2, s.n - 2u), &hex);
        *out = (int64_t)(hex & INT64_MAX);
        return err == PK_OK && hex <= INT64_MAX ? PK_OK : PK_E_BAD_MSG;
    }
    return pk_parse_i64(s, out) == PK_OK ? PK_OK : PK_E_BAD_MSG;
}

static bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

void pk_collect_name(char *out, uint32_t cap_bytes, struct pk_str a, const char *b) {
    struct pk_buf name;
    pk_buf_init(&name, out, cap_bytes);
    pk_buf_put_str(&name, a);
    pk_buf_puts(&name, b);
    for (uint32_t i = 0; i < name.n; i++) {
        out[i] = is_name_byte(out[i]) ? out[i] : '-';
    }
    if (name.n == 0) {
        (void)pk_str_copy_cut(pk_str_of("unnamed"), out, cap_bytes);
    }
}

void pk_collect_round(struct pk_source *s, enum pk_collector which) {
    s->round[which]++;
}

void pk_collect_round_end(struct pk_source *s, enum pk_collector which) {
    for (uint32_t i = 0; i < PK_LIMIT_COUNTERS; i++) {
        struct pk_source_counter *c = &s->counters[i];
        if (c->key != 0 && c->collector == which && c->round != s->round[which]) {
            memset(c, 0, sizeof *c);
        }
    }
}

int pk_collect_delta(struct pk_source *s, enum pk_collector which, const char *kind, const char *name,
                     uint64_t value, uint64_t *out) {
    const uint64_t key = (pk_hash64(kind, strlen(kind)) ^ pk_hash64(name, strlen(name)) * 31u) | 1u;
    struct pk_source_counter *c = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_COUNTERS; i++) {
        struct pk_source_counter *slot = &s->counters[i];
        if (slot->key == key) {
            const bool is_usable = value >= slot->last;
            *out = value - slot->last;
            slot->last = value;
            slot->round = s->round[which];
            return is_usable ? 1 : 0;
        }
        c = slot->key == 0 && c == NULL ? slot : c;
    }
    if (c == NULL) {
        return PK_E_FULL;
    }
    *c = (struct pk_source_counter){
        .key = key, .last = value, .round = s->round[which], .collector = (uint8_t)which};
    return 0;
}

void pk_collect_count(struct pk_source *s, enum pk_collector which, struct pk_collect_out *o,
                      const char *type, const char *source, uint64_t value, int err) {
    uint64_t delta = 0;
    const int found = err == PK_OK ? pk_collect_delta(s, which, type, source, value, &delta) : err;
    if (found != 0) {
        pk_collect_add(o, type, source, (double)delta, found < 0 ? found : PK_OK);
    }
}
