/* `audit export` and `audit verify`: the hash chain over everything that was done (WIRE "Files").
 *
 * An export is JSON lines. The first says which part of the chain it is,
 *     {"audit":1,"site":…,"gateway":…,"base":{"n":…,"hash":…},"head":{"n":…,"hash":…}}
 * and each further one is an entry: {"n":…,"hash":…,"entry":{…}}, the bytes of `entry` as they were hashed.
 */
#include <string.h>
#include <time.h>

#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_input.h"
#include "ctl/pk_ctl_json.h"
#include "wire/pk_audit.h"

enum { ASK_AGAIN_MS = 5, PATIENCE_MS = 10000, FLUSH_BYTES = 1 << 18 };

struct audit {
    struct pk_ctl *c;
    struct pk_audit_head base, head; /* of the part, as its first line says */
    struct pk_audit_head at;         /* checked up to here */
    uint64_t count;
    uint8_t known[PK_SHA256_BYTES]; /* --head, when has_known */
    bool has_known, is_known_met;
    bool is_export; /* entries are written as they come; else they are checked */
};

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(struct pk_str hex, uint8_t out[PK_SHA256_BYTES]) {
    if (hex.n != 2 * PK_SHA256_BYTES) {
        return false;
    }
    for (uint32_t i = 0; i < PK_SHA256_BYTES; i++) {
        const int high = digit(hex.p[2 * i]);
        const int low = digit(hex.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool read_head(struct pk_str json, const char *n, const char *hash, struct pk_audit_head *out) {
    out->n = pk_ctl_u64(pk_ctl_member(json, n), UINT64_MAX);
    return out->n != UINT64_MAX && read_hash(pk_ctl_word(pk_ctl_member(json, hash)), out->hash);
}

static void put_head(struct pk_json_writer *w, const char *key, const struct pk_audit_head *head) {
    char text[PK_SHA256_BYTES * 2 + 1];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_hex(&b, head->hash, PK_SHA256_BYTES);
    pk_jw_object(w, key);
    pk_jw_u64(w, "n", head->n);
    pk_jw_cstr(w, "hash", text);
    pk_jw_object_end(w);
}

static int fail_at(struct pk_ctl *c, int err, const char *message, uint64_t n) {
    char number[24];
    struct pk_buf b;
    pk_buf_init(&b, number, sizeof number);
    pk_buf_put_u64(&b, n);
    return pk_ctl_fail(c, err, message, pk_buf_str(&b));
}

/* ---- one entry ---- */

static int check_entry(struct audit *a, struct pk_str json) {
    uint8_t hash[PK_SHA256_BYTES];
    const struct pk_ctl_value entry = pk_ctl_member(json, "entry");
    const uint64_t n = pk_ctl_u64(pk_ctl_member(json, "n"), 0);
    if (n == 0 || entry.kind != PK_JSON_OBJECT ||
        !read_hash(pk_ctl_word(pk_ctl_member(json, "hash")), hash)) {
        return fail_at(a->c, PK_E_BAD_MSG, "what follows entry {} is no audit entry", a->at.n);
    }
    const int err = pk_audit_check(&a->at, &a->c->port.crypto, n, entry.json, hash);
    if (err == PK_E_CONFLICT) {
        return fail_at(a->c, PK_E_CORRUPT, "not sound: entry {} is not there, or not in its place",
                       a->at.n + 1);
    }
    if (err != PK_OK) {
        return fail_at(a->c, PK_E_CORRUPT, "not sound: entry {} was changed", n);
    }
    a->is_known_met = a->is_known_met || memcmp(a->at.hash, a->known, sizeof a->known) == 0;
    a->count++;
    return 0;
}

static int take_entry(struct audit *a, struct pk_str json) {
    struct pk_ctl *c = a->c;
    if (!a->is_export) {
        return check_entry(a, json);
    }
    const uint64_t n = pk_ctl_u64(pk_ctl_member(json, "n"), 0);
    if (n <= a->at.n) {
        return fail_at(c, PK_E_BAD_MSG, "the agent gave no entry behind {}", a->at.n);
    }
    a->at.n = n; /* a gap is for who verifies it: an export keeps what there is */
    a->count++;
    pk_ctl_text_put_str(&c->out, json);
    pk_ctl_text_putc(&c->out, '\n');
    return c->out.n < FLUSH_BYTES || pk_ctl_flush(c) ? 0 : pk_err_exit_code(PK_E_IO);
}

static int finish(struct audit *a) {
    struct pk_ctl *c = a->c;
    char json[256];
    struct pk_buf b;
    struct pk_json_writer w;
    if (a->at.n != a->head.n) {
        return fail_at(c, PK_E_CORRUPT, "not sound: the entries behind {} are not there", a->at.n);
    }
    if (a->is_export) {
        return 0;
    }
    if (memcmp(a->at.hash, a->head.hash, sizeof a->head.hash) != 0) {
        return fail_at(c, PK_E_CORRUPT, "not sound: the chain up to {} is another one than its head says",
                       a->head.n);
    }
    if (a->has_known && !a->is_known_met && memcmp(a->base.hash, a->known, sizeof a->known) != 0) {
        return pk_ctl_fail(c, PK_E_CORRUPT, "not sound: the chain never had the head {}",
                           pk_str_of(pk_ctl_args_text(&c->args, "head")));
    }
    pk_buf_init(&b, json, sizeof json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_bool(&w, "sound", true);
    pk_jw_u64(&w, "entries", a->count);
    put_head(&w, "head", &a->at);
    pk_jw_object_end(&w);
    pk_ctl_show(c, c->command->view, pk_buf_str(&b));
    return 0;
}

/* ---- from the agent ---- */

static int ask_page(struct audit *a, struct pk_str *out) {
    char args[48];
    struct pk_buf b;
    const uint64_t until_ms = pk_ctl_mono_ms() + PATIENCE_MS;
    pk_buf_init(&b, args, sizeof args);
    pk_buf_puts(&b, "{\"after\":");
    pk_buf_put_u64(&b, a->at.n);
    pk_buf_putc(&b, '}');
    for (;;) {
        struct pk_ctl_walk walk;
        struct pk_ctl_value entry;
        const int exit_code = pk_ctl_ask_or_fail(a->c, PK_CMD_AUDIT_LIST, pk_buf_str(&b), out);
        if (exit_code != 0) {
            return exit_code;
        }
        const struct pk_ctl_value entries = pk_ctl_member(*out, "entries");
        pk_ctl_walk_init(&walk, entries.json);
        /* The newest entries are there once they are durable. */
        if (pk_ctl_is_true(pk_ctl_member(*out, "ready")) && pk_ctl_walk_next(&walk, &entry)) {
            *out = entries.json;
            return 0;
        }
        if (pk_ctl_mono_ms() >= until_ms) {
            return fail_at(a->c, PK_E_CORRUPT, "the store gives no entry behind {}", a->at.n);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = ASK_AGAIN_MS * 1000000L}, NULL);
    }
}

static int begin_agent(struct audit *a) {
    struct pk_str result;
    const int exit_code = pk_ctl_ask_or_fail(a->c, PK_CMD_AUDIT_HEAD, pk_str_of("{}"), &result);
    if (exit_code != 0) {
        return exit_code;
    }
    if (!read_head(result, "n", "head", &a->head) || !read_head(result, "base_n", "base", &a->base)) {
        return pk_ctl_fail(a->c, PK_E_BAD_MSG, "the agent does not say where its audit begins and ends",
                           pk_str_make(NULL, 0));
    }
    a->at = a->base;
    return 0;
}

/* The agent lets go of its oldest entries while we read: then the part begins later, and is read from there.
 * `entries` are gone afterwards. */
static int begin_again(struct audit *a) {
    struct audit now = {.c = a->c};
    const int exit_code = begin_agent(&now);
    if (exit_code != 0) {
        return exit_code;
    }
    if (now.base.n <= a->at.n) {
        return fail_at(a->c, PK_E_CORRUPT, "not sound: entry {} is not there, or not in its place",
                       a->at.n + 1);
    }
    a->base = now.base;
    a->at = now.base;
    a->head = now.head;
    a->count = 0;
    return 0;
}

static bool has_gap(const struct audit *a, struct pk_str entries) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    pk_ctl_walk_init(&walk, entries);
    return !a->is_export && pk_ctl_walk_next(&walk, &entry) &&
           pk_ctl_u64(pk_ctl_member(entry.json, "n"), 0) > a->at.n + 1;
}

static int walk_agent(struct audit *a) {
    while (a->at.n < a->head.n) {
        struct pk_str entries;
        struct pk_ctl_walk walk;
        struct pk_ctl_value entry;
        int exit_code = ask_page(a, &entries);
        if (exit_code == 0 && has_gap(a, entries)) {
            exit_code = begin_again(a);
            entries = pk_str_make(NULL, 0);
        }
        pk_ctl_walk_init(&walk, entries);
        while (exit_code == 0 && a->at.n < a->head.n && pk_ctl_walk_next(&walk, &entry)) {
            exit_code = take_entry(a, entry.json);
        }
        if (exit_code != 0) {
            return exit_code;
        }
    }
    return finish(a);
}

int pk_ctl_do_audit_export(struct pk_ctl *c) {
    struct audit a = {.c = c, .is_export = true};
    char json[512];
    char site[64], gateway[64];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str status;
    int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_STATUS, pk_str_of("{}"), &status);
    if (exit_code != 0) {
        return exit_code;
    }
    (void)pk_str_copy_cut(pk_ctl_word(pk_ctl_member(status, "site")), site, sizeof site);
    (void)pk_str_copy_cut(pk_ctl_word(pk_ctl_member(status, "gateway")), gateway, sizeof gateway);
    exit_code = begin_agent(&a);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_buf_init(&b, json, sizeof json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "audit", 1);
    pk_jw_cstr(&w, "site", site);
    pk_jw_cstr(&w, "gateway", gateway);
    put_head(&w, "base", &a.base);
    put_head(&w, "head", &a.head);
    pk_jw_object_end(&w);
    pk_ctl_text_put_str(&c->out, pk_buf_str(&b));
    pk_ctl_text_putc(&c->out, '\n');
    return walk_agent(&a);
}

/* ---- from a file ---- */

static int verify_lines(struct audit *a, const struct pk_ctl_input *in) {
    struct pk_ctl_input_lines lines = {.in = in};
    struct pk_str line;
    if (!pk_ctl_input_next(&lines, &line) || pk_ctl_u64(pk_ctl_member(line, "audit"), 0) != 1 ||
        !read_head(line, "base.n", "base.hash", &a->base) ||
        !read_head(line, "head.n", "head.hash", &a->head)) {
        return pk_ctl_fail(a->c, PK_E_BAD_MSG, "this is no export of an audit", pk_str_make(NULL, 0));
    }
    a->at = a->base;
    while (pk_ctl_input_next(&lines, &line)) {
        const int exit_code = line.n > 0 ? check_entry(a, line) : 0;
        if (exit_code != 0) {
            return exit_code;
        }
    }
    return finish(a);
}

/* A head that is known from elsewhere: every summary carries one, of the entry that was the newest then.
 * Without it who rewrites the whole chain is not noticed. */
static int read_known_head(struct audit *a) {
    const char *known = pk_ctl_args_text(&a->c->args, "head");
    a->has_known = known != NULL;
    if (known != NULL && !read_hash(pk_str_of(known), a->known)) {
        return pk_ctl_fail(a->c, PK_E_USAGE, "--head {} is not 64 hexadecimal digits", pk_str_of(known));
    }
    return 0;
}

int pk_ctl_do_audit_verify(struct pk_ctl *c) {
    struct audit a = {.c = c};
    const char *path = pk_ctl_args_text(&c->args, "file");
    struct pk_ctl_input in;
    int exit_code = read_known_head(&a);
    if (exit_code != 0) {
        return exit_code;
    }
    if (path == NULL) {
        exit_code = begin_agent(&a);
        return exit_code != 0 ? exit_code : walk_agent(&a);
    }
    const int err = pk_ctl_input_open(&in, path, c->in_fd);
    if (err != PK_OK) {
        return pk_ctl_fail(c, err, "cannot read {}", pk_str_of(path));
    }
    exit_code = verify_lines(&a, &in);
    pk_ctl_input_close(&in);
    return exit_code;
}
