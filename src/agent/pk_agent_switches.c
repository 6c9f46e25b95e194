/* Switches of what happens by itself: what the file allows and people said, put into force, listed, kept over
 * restarts. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"

enum { SWITCH_OP_BYTES = PK_SWITCH_STORED_BYTES + 64 };

static bool file_allows(const struct pk_agent *a, uint8_t which) {
    switch ((enum pk_switch)which) {
    case PK_SWITCH_AUTO_REMEDIATION:
        return a->config.is_auto_remediation;
    case PK_SWITCH_NOTIFICATIONS:
        return a->config.is_notifying;
    case PK_SWITCH_MAINTENANCE:
        return a->config.is_maintenance_on;
    case PK_SWITCH_AUTO_ROLLBACK:
        return a->config.is_auto_rollback;
    case PK_SWITCH_COUNT:
        break;
    }
    return false;
}

bool pk_agent_switch_is_on(const struct pk_agent *a, enum pk_switch which) {
    return file_allows(a, (uint8_t)which) && !a->switches.rows[which].is_off;
}

void pk_agent_switch_words(const struct pk_agent *a, enum pk_switch which, struct pk_buf *out) {
    pk_switch_words(&a->switches, (uint8_t)which, file_allows(a, (uint8_t)which), out);
}

int pk_agent_switch_restore(struct pk_agent *a, struct pk_str key, struct pk_str value) {
    const int err = pk_switches_restore(&a->switches, key, value);
    if (err < 0) {
        pk_agent_log1(
            a, PK_LOG_ERROR, "the record of a switch is damaged, so it is off until somebody says so",
            pk_str_of(key.n == PK_SWITCH_KEY_BYTES ? pk_switch_word((uint8_t)key.p[1]) : "unknown"));
    }
    return err;
}

void pk_agent_switches_apply(struct pk_agent *a) {
    char words[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, words, sizeof words);
    pk_agent_switch_words(a, PK_SWITCH_NOTIFICATIONS, &b);
    pk_incidents_set_quiet(&a->incidents, b.n > 0);
    pk_agent_respond_configure(a, a->mode);
}

void pk_agent_journal_switches(struct pk_agent *a) {
    struct pk_switch_record r;
    while (pk_agent_batch_has_room(a, SWITCH_OP_BYTES) && pk_switches_next_dirty(&a->switches, &r) == PK_OK) {
        const struct pk_str key = pk_str_make((const char *)r.key, sizeof r.key);
        const int err = r.value_bytes == 0 ? pk_batch_delete(&a->batch, PK_TREE_OBJECTS, key)
                                           : pk_batch_put(&a->batch, PK_TREE_OBJECTS, key,
                                                          pk_str_make((const char *)r.value, r.value_bytes));
        PK_ASSERT(err == PK_OK); /* room was checked */
    }
}

static void put_switch(const struct pk_agent *a, struct pk_json_writer *w, const char *key, uint8_t which) {
    const struct pk_switch_row *row = &a->switches.rows[which];
    pk_jw_object(w, key);
    pk_jw_cstr(w, "switch", pk_switch_word(which));
    pk_jw_bool(w, "on", pk_agent_switch_is_on(a, (enum pk_switch)which));
    pk_jw_bool(w, "file", file_allows(a, which));
    pk_jw_cstr(w, "by", row->is_off ? row->by : NULL);
    pk_jw_time(w, "at", row->at.wall_ms);
    pk_jw_cstr(w, "reason", row->is_off ? row->why : NULL);
    pk_jw_object_end(w);
}

static int list(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "result");
    pk_jw_array(w, "switches");
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) {
        put_switch(a, w, NULL, i);
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    return PK_OK;
}

void pk_agent_status_switches(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "switches");
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) {
        pk_jw_bool(w, pk_switch_word(i), pk_agent_switch_is_on(a, (enum pk_switch)i));
    }
    pk_jw_object_end(w);
    pk_jw_array(w, "switched_off");
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) {
        char words[PK_SWITCH_BY_BYTES + PK_SWITCH_WHY_BYTES + 64];
        struct pk_buf b;
        pk_buf_init(&b, words, sizeof words);
        pk_agent_switch_words(a, (enum pk_switch)i, &b);
        if (b.n > 0) {
            pk_jw_object(w, NULL);
            pk_jw_cstr(w, "switch", pk_switch_word(i));
            pk_jw_str(w, "words", pk_buf_str(&b));
            pk_jw_object_end(w);
        }
    }
    pk_jw_array_end(w);
}

static int set(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str on = pk_args_text(&q->args, "on");
    uint8_t which = 0;
    const bool is_on = pk_str_eq_nocase(on, "on");
    if (pk_switch_parse(pk_args_text(&q->args, "switch"), &which) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD,
                             "switch is auto_remediation_enabled, notifications_enabled, maintenance_enabled "
                             "or auto_rollback");
    }
    if (!is_on && !pk_str_eq_nocase(on, "off")) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "on is on or off");
    }
    struct pk_buf b;
    pk_buf_init(&b, a->rule_note, sizeof a->rule_note);
    pk_buf_puts(&b, pk_switch_word(which));
    pk_buf_puts(&b, is_on ? " on" : " off");
    if (!pk_agent_batch_has_room(a, SWITCH_OP_BYTES + PK_RECORD_LOG_BYTES)) {
        return pk_agent_fail(a, PK_E_AGAIN, "the store is busy, try again");
    }
    const int err = pk_switch_set(&a->switches, which, is_on, file_allows(a, which), pk_str_of(q->who),
                                  pk_args_text(&q->args, "reason"), &a->now);
    if (err < 0) {
        return pk_agent_fail(a, err, "the local file says no: a command can only switch it off");
    }
    pk_agent_journal_switches(a);
    pk_agent_switches_apply(a);
    pk_agent_log1(a, PK_LOG_NOTICE, "switched", pk_str_of(a->rule_note));
    put_switch(a, w, "result", which);
    return PK_OK;
}

int pk_agent_switches_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    return q->cmd == PK_CMD_SWITCHES_SET ? set(a, q, w) : list(a, w);
}
