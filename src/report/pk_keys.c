#include "report/pk_keys.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_base64.h"

static const char NAME_EXTRA[] = ".:@";

/* What the section being read has brought so far. */
struct section {
    bool is_open, has_role, has_public;
    uint32_t line, column;
};

void pk_keys_init(struct pk_keys *keys) {
    keys->count = 0;
    keys->is_distrusted = false;
}

bool pk_keys_is_name(struct pk_str name) {
    return pk_text_is_id(name, NAME_EXTRA, PK_JWS_KID_BYTES - 1);
}

static int fail(struct pk_diag *diag, const char *file, uint32_t line, uint32_t column, const char *message) {
    pk_diag_set(diag, file, line, column, message);
    return PK_E_CONFIG;
}

static int close_section(struct pk_keys *keys, const struct section *s, const char *file,
                         struct pk_diag *diag) {
    if (!s->is_open) {
        return PK_OK;
    }
    if (!s->has_role) {
        return fail(diag, file, s->line, s->column, "the key has no role");
    }
    if (!s->has_public) {
        return fail(diag, file, s->line, s->column, "the key has no public part");
    }
    struct pk_key *key = &keys->items[keys->count];
    if (key->owner[0] == '\0') {
        memcpy(key->owner, key->kid, sizeof key->owner);
    }
    const char *other = key->has_uid ? pk_keys_person(keys, key->uid) : NULL;
    if (other != NULL && strcmp(other, key->owner) != 0) {
        pk_diag_set1(diag, file, s->line, s->column, "its uid is that of owner '{}' already",
                     pk_str_of(other));
        return PK_E_CONFIG;
    }
    keys->count++;
    return PK_OK;
}

static int open_section(struct pk_keys *keys, struct section *s, const struct pk_ini_item *item,
                        const char *file, struct pk_diag *diag) {
    *s = (struct section){.is_open = true, .line = item->line, .column = item->column};
    if (!pk_str_eq_c(item->section_kind, "key")) {
        pk_diag_set1(diag, file, item->line, item->column,
                     "unknown section [{}], only [key NAME] is known here", item->section_kind);
        return PK_E_CONFIG;
    }
    if (!pk_keys_is_name(item->section_name)) {
        pk_diag_set1(diag, file, item->line, item->column,
                     "'{}' is not a key name: letters, digits and _ - . : @, at most 32", item->section_name);
        return PK_E_CONFIG;
    }
    if (pk_keys_find(keys, item->section_name) >= 0) {
        pk_diag_set1(diag, file, item->line, item->column, "key '{}' is given twice", item->section_name);
        return PK_E_CONFIG;
    }
    if (keys->count == PK_LIMIT_KEYS_PUBLIC) {
        return fail(diag, file, item->line, item->column,
                    "more keys than this board has room for (PK_LIMIT_KEYS_PUBLIC)");
    }
    struct pk_key *key = &keys->items[keys->count];
    *key = (struct pk_key){0};
    (void)pk_str_copy_cut(item->section_name, key->kid, sizeof key->kid);
    return PK_OK;
}

static int read_pair(struct pk_keys *keys, struct section *s, const struct pk_ini_item *item,
                     const char *file, struct pk_diag *diag) {
    if (!s->is_open) {
        return fail(diag, file, item->line, item->column, "a value before the first [key NAME]");
    }
    struct pk_key *key = &keys->items[keys->count];
    const uint32_t line = item->value_line;
    const uint32_t column = item->value_column;
    if (pk_str_eq_c(item->key, "role")) {
        enum pk_role role;
        if (pk_role_parse(item->value, &role) != PK_OK) {
            pk_diag_set1(diag, file, line, column,
                         "unknown role '{}': viewer, responder, approver, admin or hub", item->value);
            return PK_E_CONFIG;
        }
        key->role = (uint8_t)role;
        s->has_role = true;
        return PK_OK;
    }
    if (pk_str_eq_c(item->key, "public")) {
        if (pk_base64url_decode(item->value, key->public_key, sizeof key->public_key) !=
            PK_ES256_PUBLIC_BYTES) {
            return fail(diag, file, line, column,
                        "public is not base64url of 64 bytes (X and Y of a P-256 key)");
        }
        s->has_public = true;
        return PK_OK;
    }
    if (pk_str_eq_c(item->key, "owner")) {
        if (!pk_keys_is_name(item->value)) {
            pk_diag_set1(diag, file, line, column,
                         "'{}' is not an owner name: letters, digits and _ - . : @, at most 32", item->value);
            return PK_E_CONFIG;
        }
        (void)pk_str_copy_cut(item->value, key->owner, sizeof key->owner);
        return PK_OK;
    }
    if (pk_str_eq_c(item->key, "uid")) {
        uint64_t uid = 0;
        if (pk_parse_u64(item->value, &uid) != PK_OK || uid >= UINT32_MAX) {
            return fail(diag, file, line, column, "uid is the number of a user");
        }
        key->has_uid = true;
        key->uid = (uint32_t)uid;
        return PK_OK;
    }
    pk_diag_set1(diag, file, item->line, item->column, "unknown key '{}': role, public, owner or uid",
                 item->key);
    return PK_E_CONFIG;
}

int pk_keys_parse(struct pk_keys *keys, struct pk_str text, const char *file, struct pk_diag *diag) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    struct section section = {0};
    pk_ini_init(&r, text.p, text.n);
    for (;;) {
        if (pk_ini_next(&r, &item) != PK_OK) {
            return fail(diag, file, r.error_line, r.error_column, r.error);
        }
        int err = PK_OK;
        switch (item.kind) {
        case PK_INI_END:
            return close_section(keys, &section, file, diag);
        case PK_INI_SECTION:
            err = close_section(keys, &section, file, diag);
            if (err == PK_OK) {
                err = open_section(keys, &section, &item, file, diag);
            }
            break;
        case PK_INI_PAIR:
            err = read_pair(keys, &section, &item, file, diag);
            break;
        }
        if (err != PK_OK) {
            return err;
        }
    }
}

struct walk {
    struct pk_keys *keys;
    const struct pk_port_files *files;
    const char *dir;
    void *scratch;
    uint32_t scratch_bytes;
    struct pk_diag *diag;
    int err;
};

static void load_one(void *arg, const char *name) {
    struct walk *w = arg;
    char path[256];
    if (w->err != PK_OK) {
        return;
    }
    if (pk_path_join(path, sizeof path, w->dir, name) != PK_OK) {
        w->err = fail(w->diag, name, 0, 0, "the path is too long");
        return;
    }
    const int n = w->files->read(w->files->ctx, path, w->scratch, w->scratch_bytes);
    if (n < 0) {
        w->err = fail(w->diag, path, 0, 0, pk_err_text(n));
        return;
    }
    w->err = pk_keys_parse(w->keys, pk_str_make(w->scratch, (size_t)n), path, w->diag);
}

int pk_keys_load(struct pk_keys *keys, const struct pk_port_files *files, const char *dir, void *scratch,
                 uint32_t scratch_bytes, struct pk_diag *diag) {
    struct walk walk = {keys, files, dir, scratch, scratch_bytes, diag, PK_OK};
    pk_keys_init(keys);
    const int count = files->list(files->ctx, dir, ".key", load_one, &walk);
    if (count == PK_E_NOT_FOUND) {
        return PK_OK;
    }
    if (count < 0) {
        return fail(diag, dir, 0, 0, pk_err_text(count));
    }
    return walk.err;
}

int pk_keys_find(const struct pk_keys *keys, struct pk_str kid) {
    for (uint32_t i = 0; i < keys->count; i++) {
        if (pk_str_eq_c(kid, keys->items[i].kid)) {
            return (int)i;
        }
    }
    return PK_E_UNKNOWN_KEY;
}

int pk_keys_find_obeyed(const struct pk_keys *keys, struct pk_str kid) {
    return keys->is_distrusted ? PK_E_UNKNOWN_KEY : pk_keys_find(keys, kid);
}

const char *pk_keys_person(const struct pk_keys *keys, uint32_t uid) {
    for (uint32_t i = 0; i < keys->count; i++) {
        if (keys->items[i].has_uid && keys->items[i].uid == uid) {
            return keys->items[i].owner;
        }
    }
    return NULL;
}

void pk_keys_write(struct pk_buf *out, const struct pk_key *key) {
    PK_ASSERT(key->role < PK_ROLE_COUNT);
    pk_buf_puts(out, "[key ");
    pk_buf_puts(out, key->kid);
    pk_buf_puts(out, "]\nrole   = ");
    pk_buf_puts(out, pk_role_word((enum pk_role)key->role));
    pk_buf_puts(out, "\npublic = ");
    pk_base64url_encode(out, key->public_key, sizeof key->public_key);
    if (key->owner[0] != '\0' && strcmp(key->owner, key->kid) != 0) {
        pk_buf_puts(out, "\nowner  = ");
        pk_buf_puts(out, key->owner);
    }
    if (key->has_uid) {
        pk_buf_puts(out, "\nuid    = ");
        pk_buf_put_u64(out, key->uid);
    }
    pk_buf_putc(out, '\n');
}
