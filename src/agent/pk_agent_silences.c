/* Silences and maintenance windows: made, listed and ended by people, told when they begin and end, and kept
 * over restarts. Report cards of the rules are kept here as well. */
#include <stddef.h>
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"
#include "wire/pk_record_silence.h"

enum {
    SILENCE_MS_MAX_DAYS = 30,
    SILENCE_ROW_BYTES = 560,
    SILENCE_OP_BYTES = PK_RECORD_SILENCE_BYTES + 64,
    CARD_OP_BYTES = PK_RECORD_CARD_BYTES + 64,
    CARDS_APART_MS = 10000 /* they are statistics: a crash may cost so much of them */
};
static const uint64_t SILENCE_MS_MAX = (uint64_t)SILENCE_MS_MAX_DAYS * 86400u * 1000u;

static int store_silence(struct pk_agent *a, const struct pk_silence *s) {
    uint8_t bytes[PK_RECORD_SILENCE_BYTES];
    struct pk_record_key key;
    pk_record_key_silence(&key, s->number);
    const uint32_t n = pk_record_silence_pack(s, bytes, sizeof bytes);
    return pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                        pk_str_make((const char *)bytes, n));
}

static int forget_silence(struct pk_agent *a, uint32_t number) {
    struct pk_record_key key;
    pk_record_key_silence(&key, number);
    return pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key));
}

static void put_scope(struct pk_buf *b, const char *name, const char *pattern) {
    if (pattern[0] != '\0') {
        pk_buf_puts(b, name);
        pk_buf_puts(b, pattern);
    }
}

/* "maintenance 3 begins, until 2026-11-21T05:04:50.123Z: component db*: new disk" */
static void announce(struct pk_agent *a, const struct pk_silence *s, const char *what) {
    char text[PK_AUDIT_TEXT_BYTES], until[PK_TIME_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, pk_silence_kind_word(s->kind));
    pk_buf_putc(&b, ' ');
    pk_buf_put_u64(&b, s->number);
    pk_buf_puts(&b, what);
    if (s->until.wall_ms > 0) {
        pk_time_format(s->until.wall_ms, until);
        pk_buf_puts(&b, ", until ");
        pk_buf_puts(&b, until);
    }
    put_scope(&b, ", rule ", s->rule);
    put_scope(&b, ", type ", s->type);
    put_scope(&b, ", component ", s->component);
    pk_buf_puts(&b, ", up to ");
    pk_buf_puts(&b, pk_severity_word((enum pk_severity)s->severity));
    put_scope(&b, ": ", s->why);
    pk_agent_audit(a, 0, "silence", s->by[0] != '\0' ? s->by : "agent", pk_buf_str(&b));
    pk_agent_log(a, PK_LOG_NOTICE, text);
}

uint64_t pk_agent_silences(struct pk_agent *a) {
    struct pk_silence s;
    while (pk_agent_batch_has_room(a, SILENCE_OP_BYTES + PK_RECORD_LOG_BYTES) &&
           pk_silences_next_turn(&a->incidents.silences, &a->now, &s) == PK_OK) {
        const bool is_over = pk_silence_phase_at(&s, &a->now) == PK_SILENCE_OVER;
        announce(a, &s, is_over ? " is over" : " begins");
        const int err = is_over ? forget_silence(a, s.number) : store_silence(a, &s);
        PK_ASSERT(err == PK_OK); /* room was checked */
    }
    return pk_silences_next_ms(&a->incidents.silences, &a->now);
}

int pk_agent_silences_restore(struct pk_agent *a, struct pk_str value) {
    struct pk_silence s;
    int err = pk_record_silence_unpack(value, &s);
    err = err == PK_OK ? pk_silences_restore(&a->incidents.silences, &s, &a->now) : err;
    if (err < 0) {
        return err;
    }
    const struct pk_silence *own = pk_silences_get(&a->incidents.silences, s.number);
    const bool is_other =
        own->from.boot == a->now.boot && pk_silence_phase_at(own, &a->now) != PK_SILENCE_OVER;
    return is_other && pk_agent_batch_has_room(a, SILENCE_OP_BYTES) ? store_silence(a, own) : PK_OK;
}

int pk_agent_card_restore(struct pk_agent *a, struct pk_str value) {
    struct pk_rule_card card;
    const int err = pk_record_card_unpack(value, &card);
    return err == PK_OK ? pk_rule_card_restore(&a->incidents.cards, &card) : err;
}

void pk_agent_journal_cards(struct pk_agent *a) {
    const struct pk_rule_card *card = NULL;
    if (a->now.mono_ms < a->cards_due_ms && !a->is_stopping && !a->incidents.cards.is_urgent) {
        return;
    }
    while (pk_agent_batch_has_room(a, CARD_OP_BYTES) &&
           (card = pk_rule_card_next_dirty(&a->incidents.cards)) != NULL) {
        uint8_t bytes[PK_RECORD_CARD_BYTES];
        struct pk_record_key key;
        pk_record_key_card(&key, card->key);
        const uint32_t n = pk_record_card_pack(card, bytes, sizeof bytes);
        const int err = pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                                     pk_str_make((const char *)bytes, n));
        PK_ASSERT(err == PK_OK); /* room was checked */
        a->cards_due_ms = a->now.mono_ms + CARDS_APART_MS;
    }
}

/* ---- commands ---- */

/* A moment `ms` from now, on both clocks. */
static struct pk_stamp after(const struct pk_agent *a, uint64_t ms) {
    struct pk_stamp s = a->now;
    s.mono_ms += ms;
    s.wall_ms += s.wall_ms > 0 ? (int64_t)ms : 0;
    return s;
}

static int read_times(struct pk_agent *a, const struct pk_request *q, struct pk_silence *s) {
    const struct pk_str start = pk_args_text(&q->args, "start");
    uint64_t for_ms = 0, wait_ms = 0;
    int64_t wall_ms = 0;
    if (pk_parse_duration_ms(pk_args_text(&q->args, "duration"), &for_ms) < 0 || for_ms == 0 ||
        for_ms > SILENCE_MS_MAX) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "duration is a time such as 30m or 4h, at most 30d");
    }
    if (start.n > 0 && pk_parse_duration_ms(start, &wait_ms) < 0) {
        if (pk_time_parse(start, &wall_ms) < 0) {
            return pk_agent_fail(a, PK_E_BAD_FIELD, "start is RFC 3339, or a time from now such as 2h");
        }
        if (a->now.quality < PK_TIME_NTP) {
            return pk_agent_fail(a, PK_E_CLOCK_UNSURE,
                                 "the clock is not sure: give start as a time from now");
        }
        if (wall_ms + (int64_t)for_ms <= a->now.wall_ms) {
            return pk_agent_fail(a, PK_E_BAD_FIELD, "it would be over already");
        }
        wait_ms = wall_ms > a->now.wall_ms ? (uint64_t)(wall_ms - a->now.wall_ms) : 0;
        for_ms -= wall_ms < a->now.wall_ms ? (uint64_t)(a->now.wall_ms - wall_ms) : 0;
    }
    if (wait_ms > SILENCE_MS_MAX) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "start is at most 30d ahead");
    }
    s->from = after(a, wait_ms);
    s->until = after(a, wait_ms + for_ms);
    return PK_OK;
}

static int read_scope(struct pk_agent *a, const struct pk_request *q, struct pk_silence *s) {
    static const struct {
        const char *name;
        uint32_t offset, cap_bytes;
    } TEXTS[] = {{"rule", offsetof(struct pk_silence, rule), sizeof s->rule},
                 {"type", offsetof(struct pk_silence, type), sizeof s->type},
                 {"component", offsetof(struct pk_silence, component), sizeof s->component},
                 {"reason", offsetof(struct pk_silence, why), sizeof s->why}};
    const struct pk_str severity = pk_args_text(&q->args, "severity"), kind = pk_args_text(&q->args, "kind");
    enum pk_severity worst = PK_SEV_CRITICAL;
    for (size_t i = 0; i < PK_COUNT_OF(TEXTS); i++) {
        if (pk_str_copy(pk_args_text(&q->args, TEXTS[i].name), (char *)s + TEXTS[i].offset,
                        TEXTS[i].cap_bytes) < 0) {
            return pk_agent_fail(a, PK_E_TOO_BIG, "a text is too long");
        }
    }
    if (severity.n > 0 && pk_severity_parse(severity, &worst) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "severity is info, low, medium, high or critical");
    }
    s->severity = (uint8_t)worst;
    s->kind = PK_SILENCE_QUIET;
    if (pk_str_eq_nocase(kind, pk_silence_kind_word(PK_SILENCE_MAINTENANCE))) {
        s->kind = PK_SILENCE_MAINTENANCE;
    } else if (kind.n > 0 && !pk_str_eq_nocase(kind, pk_silence_kind_word(PK_SILENCE_QUIET))) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "kind is silence or maintenance");
    }
    if (s->kind == PK_SILENCE_QUIET && s->rule[0] == '\0' && s->type[0] == '\0' && s->component[0] == '\0') {
        return pk_agent_fail(a, PK_E_MISSING_FIELD,
                             "a silence names a rule, a type or a component; only maintenance may be of all");
    }
    (void)pk_str_copy_cut(pk_str_of(q->who), s->by, sizeof s->by);
    return PK_OK;
}

static void put_row(const struct pk_agent *a, struct pk_json_writer *w, const char *key,
                    const struct pk_silence *s) {
    const enum pk_silence_phase phase = pk_silence_phase_at(s, &a->now);
    uint64_t ms = 0;
    pk_jw_object(w, key);
    pk_jw_u64(w, "silence_id", s->number);
    pk_jw_cstr(w, "kind", pk_silence_kind_word(s->kind));
    pk_jw_cstr(w, "state", pk_silence_phase_word(phase));
    pk_jw_cstr(w, "rule", s->rule);
    pk_jw_cstr(w, "type", s->type);
    pk_jw_cstr(w, "component", s->component);
    pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)s->severity));
    pk_jw_time(w, "from", s->from.wall_ms);
    pk_jw_time(w, "until", s->until.wall_ms);
    if (pk_stamp_elapsed_ms(&a->now, phase == PK_SILENCE_AHEAD ? &s->from : &s->until, &ms)) {
        pk_jw_ms_as_seconds(w, phase == PK_SILENCE_AHEAD ? "begins_in_seconds" : "ends_in_seconds", ms);
    }
    pk_jw_cstr(w, "by", s->by);
    pk_jw_cstr(w, "reason", s->why);
    pk_jw_object_end(w);
}

int pk_agent_silences_open(struct pk_agent *a, const struct pk_silence *s) {
    if (!pk_agent_batch_has_room(a, SILENCE_OP_BYTES + PK_RECORD_LOG_BYTES)) {
        return PK_E_AGAIN;
    }
    const int number = pk_silences_add(&a->incidents.silences, s, &a->now);
    if (number < 0) {
        return number;
    }
    const struct pk_silence *made = pk_silences_get(&a->incidents.silences, (uint32_t)number);
    const int err = store_silence(a, made);
    PK_ASSERT(err == PK_OK); /* room was checked */
    announce(a, made, " is made");
    return number;
}

static int create(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_silence s;
    memset(&s, 0, sizeof s);
    int err = read_times(a, q, &s);
    if (err == PK_OK) {
        err = read_scope(a, q, &s);
    }
    if (err < 0) {
        return err;
    }
    const int number = pk_agent_silences_open(a, &s);
    if (number < 0) {
        return pk_agent_fail(a, number,
                             number == PK_E_AGAIN  ? "the store is busy, try again"
                             : number == PK_E_FULL ? "there are as many silences as this board keeps"
                                                   : "it ends before it begins");
    }
    put_row(a, w, "result", pk_silences_get(&a->incidents.silences, (uint32_t)number));
    return PK_OK;
}

static int list(const struct pk_agent *a, struct pk_json_writer *w) {
    const struct pk_silences *t = &a->incidents.silences;
    bool has_more = false;
    pk_jw_object(w, "result");
    pk_jw_array(w, "silences");
    for (uint32_t i = 0; i < t->count && !has_more; i++) {
        has_more = !pk_agent_has_row_room(w, SILENCE_ROW_BYTES);
        if (!has_more) {
            put_row(a, w, NULL, &t->rows[i]);
        }
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

static int end(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_silence s;
    if (!pk_agent_batch_has_room(a, SILENCE_OP_BYTES + PK_RECORD_LOG_BYTES)) {
        return pk_agent_fail(a, PK_E_AGAIN, "the store is busy, try again");
    }
    const uint64_t number = pk_args_u64(&q->args, "silence_id", 0);
    int err =
        number > UINT16_MAX ? PK_E_NOT_FOUND : pk_silences_end(&a->incidents.silences, (uint32_t)number, &s);
    if (err < 0) {
        return pk_agent_fail(a, err, "there is no such silence");
    }
    (void)pk_str_copy_cut(pk_str_of(q->who), s.by, sizeof s.by);
    err = forget_silence(a, s.number);
    PK_ASSERT(err == PK_OK); /* room was checked */
    announce(a, &s, " is ended");
    pk_jw_object(w, "result");
    pk_jw_u64(w, "silence_id", s.number);
    pk_jw_cstr(w, "state", pk_silence_phase_word(PK_SILENCE_OVER));
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_silences_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    if (q->cmd == PK_CMD_SILENCES_CREATE) {
        return create(a, q, w);
    }
    return q->cmd == PK_CMD_SILENCES_END ? end(a, q, w) : list(a, w);
}
