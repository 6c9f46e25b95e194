/* `incidents stats`: counts over all pages of the incident list. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_time.h"
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

enum { PAGE_ROWS = 200, WORDS_MAX = 40, WORD_BYTES = 32, ID_BYTES = 80 };

struct tally {
    char words[WORDS_MAX][WORD_BYTES];
    uint64_t counts[WORDS_MAX];
    uint32_t count;
};
struct stats {
    struct tally by[3];
    bool has_since;
    uint64_t since_ms;
    uint64_t total;
    char before[ID_BYTES]; /* last id of the page */
};
enum { BY_STATUS, BY_SEVERITY, BY_TYPE };
static const char *const MEMBERS[] = {"status", "severity", "incident_type"};
static const char *const NAMES[] = {"status", "severity", "type"};

static void add(struct tally *t, struct pk_str word) {
    uint32_t i = 0;
    while (i < t->count && !pk_str_eq_c(word, t->words[i])) {
        i++;
    }
    /* More words than the protocol has: the last place takes them all. */
    if (i == t->count && t->count < WORDS_MAX) {
        (void)pk_str_copy_cut(word, t->words[i], WORD_BYTES);
        t->counts[i] = 0;
        t->count++;
    }
    t->counts[i < WORDS_MAX ? i : WORDS_MAX - 1]++;
}

static bool is_recent(const struct pk_ctl *c, const struct stats *s, struct pk_str row) {
    uint64_t age_ms = 0;
    int64_t at_ms = 0;
    if (!s->has_since ||
        (pk_ctl_seconds_ms(pk_ctl_member(row, "age_seconds"), &age_ms) && age_ms <= s->since_ms)) {
        return true;
    }
    return pk_time_parse(pk_ctl_word(pk_ctl_member(row, "detected_at")), &at_ms) == PK_OK &&
           c->look.now_ms - at_ms <= (int64_t)s->since_ms;
}

static int take_page(struct pk_ctl *c, struct stats *s, bool *out_has_more) {
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_buf_init(&b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "limit", PAGE_ROWS);
    if (s->before[0] != '\0') {
        pk_jw_cstr(&w, "before", s->before);
    }
    pk_jw_object_end(&w);
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_INCIDENTS_LIST, pk_buf_str(&b), &result);
    if (exit_code != 0) {
        return exit_code;
    }
    char last[ID_BYTES];
    memcpy(last, s->before, sizeof last);
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "incidents").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        (void)pk_str_copy_cut(pk_ctl_word(pk_ctl_member(row.json, "incident_id")), s->before,
                              sizeof s->before);
        if (!is_recent(c, s, row.json)) {
            continue;
        }
        s->total++;
        for (uint32_t k = 0; k < PK_COUNT_OF(MEMBERS); k++) {
            add(&s->by[k], pk_ctl_word(pk_ctl_member(row.json, MEMBERS[k])));
        }
    }
    /* A page that leads nowhere must not be asked for again. */
    *out_has_more = strcmp(last, s->before) != 0 && pk_ctl_is_true(pk_ctl_member(result, "more"));
    return 0;
}

static void put_tally(struct pk_ctl_text *t, const struct tally *tally, const char *name) {
    char row[WORD_BYTES * 6 + 64];
    for (uint32_t i = 0; i < tally->count; i++) {
        struct pk_buf b;
        struct pk_json_writer w;
        pk_buf_init(&b, row, sizeof row);
        pk_jw_init(&w, &b);
        pk_jw_object(&w, NULL);
        pk_jw_cstr(&w, "by", name);
        pk_jw_cstr(&w, "word", tally->words[i]);
        pk_jw_u64(&w, "count", tally->counts[i]);
        pk_jw_object_end(&w);
        pk_ctl_text_puts(t, t->p[t->n - 1] == '[' ? "" : ",");
        pk_ctl_text_put_str(t, pk_buf_str(&b));
    }
}

static void show(struct pk_ctl *c, const struct stats *s) {
    struct pk_ctl_text t = {0};
    const bool by_type = pk_ctl_args_has(&c->args, "by-type");
    const bool by_severity = pk_ctl_args_has(&c->args, "by-severity");
    pk_ctl_text_puts(&t, "{\"total\":");
    pk_ctl_text_put_u64(&t, s->total);
    pk_ctl_text_puts(&t, ",\"counts\":[");
    if (!by_type && !by_severity) {
        put_tally(&t, &s->by[BY_STATUS], NAMES[BY_STATUS]);
    }
    if (by_severity) {
        put_tally(&t, &s->by[BY_SEVERITY], NAMES[BY_SEVERITY]);
    }
    if (by_type) {
        put_tally(&t, &s->by[BY_TYPE], NAMES[BY_TYPE]);
    }
    pk_ctl_text_puts(&t, "]}");
    pk_ctl_show(c, c->command->view, pk_ctl_text_str(&t));
    pk_ctl_text_free(&t);
}

int pk_ctl_do_stats(struct pk_ctl *c) {
    struct stats s;
    bool has_more = true;
    memset(&s, 0, sizeof s);
    const char *since = pk_ctl_args_text(&c->args, "since");
    s.has_since = since != NULL;
    if (since != NULL && pk_parse_duration_ms(pk_str_of(since), &s.since_ms) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "--since takes a time such as 24h or 7d, not '{}'",
                           pk_str_of(since));
    }
    while (has_more) {
        const int exit_code = take_page(c, &s, &has_more);
        if (exit_code != 0) {
            return exit_code;
        }
    }
    show(c, &s);
    return 0;
}
