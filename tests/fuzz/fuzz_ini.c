/* INI files: no read beyond the input, every item inside it, and each item survives being written and read
 * again. */
#include "base/pk_ini.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 8192 };

static bool is_inside(struct pk_str s, const struct pk_ini_reader *r) {
    return s.n == 0 || (s.p >= r->p && s.p + s.n <= r->p + r->n);
}

/* One item as a file of its own. It starts with an empty line, since a byte order mark is skipped at the very
 * start only. */
static void check_item(const struct pk_ini_item *item) {
    static char text[INPUT_BYTES_MAX + 16];
    struct pk_ini_item back;
    struct pk_ini_reader r;
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_putc(&b, '\n');
    if (item->kind == PK_INI_SECTION) {
        pk_buf_putc(&b, '[');
        pk_buf_put_str(&b, item->section_kind);
        pk_buf_putc(&b, ' ');
        pk_buf_put_str(&b, item->section_name);
        pk_buf_putc(&b, ']');
    } else {
        pk_buf_put_str(&b, item->key);
        pk_buf_putc(&b, '=');
        pk_buf_put_str(&b, item->value);
    }
    PK_ASSERT(!b.is_cut);
    pk_ini_init(&r, text, b.n);
    const int err = pk_ini_next(&r, &back);
    if (err < 0) {
        /* Key and value may stand on one line now. */
        PK_ASSERT(strcmp(r.error, "line is too long") == 0);
        return;
    }
    PK_ASSERT(back.kind == item->kind);
    PK_ASSERT(pk_str_eq(back.key, item->key));
    PK_ASSERT(pk_str_eq(back.value, item->value));
    if (item->kind == PK_INI_SECTION) {
        PK_ASSERT(pk_str_eq(back.section_kind, item->section_kind));
        PK_ASSERT(pk_str_eq(back.section_name, item->section_name));
    }
    PK_ASSERT(pk_ini_next(&r, &back) == PK_OK);
    PK_ASSERT(back.kind == PK_INI_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    uint32_t last_line = 0;
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    pk_ini_init(&r, (const char *)data, (uint32_t)size);
    while (pk_ini_next(&r, &item) == PK_OK && item.kind != PK_INI_END) {
        PK_ASSERT(is_inside(item.key, &r) && is_inside(item.value, &r));
        PK_ASSERT(is_inside(item.section_kind, &r) && is_inside(item.section_name, &r));
        PK_ASSERT(item.line > last_line && item.column >= 1);
        last_line = item.line;
        if (item.kind == PK_INI_PAIR) {
            PK_ASSERT(item.key.n > 0);
            PK_ASSERT(item.value_line >= item.line && item.value_column >= 1);
        }
        check_item(&item);
    }
    if (r.error != NULL) {
        PK_ASSERT(r.error_line == r.line && r.error_column >= 1);
        PK_ASSERT(pk_ini_next(&r, &item) == PK_E_CONFIG);
    }
    return 0;
}
