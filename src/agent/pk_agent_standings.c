/* Standing orders: given, listed and ended by people, kept over restarts. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"

enum { ORDER_DAYS_MAX = 30, ORDER_ROW_BYTES = 420, ORDER_OP_BYTES = PK_STANDING_STORED_BYTES + 64 };
_Static_assert(sizeof((struct pk_request *)0)->people == sizeof((struct pk_standing *)0)->by, "copied whole");
static const uint64_t ORDER_MS_MAX = (uint64_t)ORDER_DAYS_MAX * 86400u * 1000u;

bool pk_agent_journal_standings(struct pk_agent *a) {
    struct pk_standing_record r;
    while (pk_agent_batch_has_room(a, ORDER_OP_BYTES)) {
        if (pk_standings_next_dirty(&a->respond.standings, &a->now, &r) != PK_OK) {
            return true;
        }
        const struct pk_str key = pk_str_make((const char *)r.key, sizeof r.key);
        const int err = r.value_bytes == 0 ? pk_batch_delete(&a->batch, PK_TREE_OBJECTS, key)
                                           : pk_batch_put(&a->batch, PK_TREE_OBJECTS, key,
                                                          pk_str_make((const char *)r.value, r.value_bytes));
        PK_ASSERT(err == PK_OK); /* room was checked */
    }
    return false;
}

static void put_order(const struct pk_agent *a, struct pk_json_writer *w, const char *key,
                      const struct pk_standing *s) {
    uint64_t ms = 0;
    pk_jw_object(w, key);
    pk_jw_u64(w, "order_id", s->number);
    pk_jw_cstr(w, "action", s->action);
    pk_jw_cstr(w, "target", s->target);
    pk_jw_u64(w, "uses_left", s->left);
    pk_jw_time(w, "until", s->until.wall_ms);
    if (pk_stamp_elapsed_ms(&a->now, &s->until, &ms)) {
        pk_jw_ms_as_seconds(w, "ends_in_seconds", ms);
    }
    pk_jw_bool(w, "holds", pk_standing_holds(s, &a->now));
    pk_jw_cstr(w, "role", pk_role_word((enum pk_role)s->role));
    pk_jw_array(w, "by");
    pk_jw_cstr(w, NULL, s->by[0]);
    if (s->by[1][0] != '\0') {
        pk_jw_cstr(w, NULL, s->by[1]);
    }
    pk_jw_array_end(w);
    pk_jw_cstr(w, "reason", s->why);
    pk_jw_object_end(w);
}

static int list(const struct pk_agent *a, struct pk_json_writer *w) {
    bool has_more = false;
    pk_jw_object(w, "result");
    pk_jw_array(w, "orders");
    for (uint32_t i = 0; i < PK_LIMIT_STANDING && !has_more; i++) {
        const struct pk_standing *s = &a->respond.standings.rows[i];
        has_more = s->number != 0 && !pk_agent_has_row_room(w, ORDER_ROW_BYTES);
        if (s->number != 0 && !s->is_gone && !has_more) {
            put_order(a, w, NULL, s);
        }
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

/* Does what the giver may say reach this action? Asked in mode safe: an order lasts over changes of mode. */
static int check_reach(struct pk_agent *a, const struct pk_request *q, const struct pk_standing *s) {
    const struct pk_action_table *t = pk_agent_actions(a);
    const int row = pk_actions_find(t, pk_str_of(s->action));
    bool is_critical = false;
    if (row < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such action");
    }
    const int err = pk_action_check_target(t, (uint32_t)row, pk_str_of(s->target), &is_critical);
    if (err < 0) {
        return pk_agent_fail(a, err, "not a target for this action, or it is disabled");
    }
    const struct pk_decision_input in = {
        .risk = t->rows[row].risk, .mode = PK_MODE_SAFE, .is_critical_target = is_critical};
    struct pk_decision d;
    pk_decide(&in, &d);
    if (!pk_role_reaches(q->role, (enum pk_role)d.role)) {
        return pk_agent_fail(a, PK_E_DENIED, "the risk of this action needs a higher role");
    }
    if (d.approvals_needed > q->signer_count) {
        return pk_agent_fail(a, PK_E_NEEDS_APPROVAL, "critical: two operators have to sign the order");
    }
    return PK_OK;
}

static int create(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_standing s;
    uint64_t for_ms = 0;
    memset(&s, 0, sizeof s);
    if (pk_parse_duration_ms(pk_args_text(&q->args, "duration"), &for_ms) < 0 || for_ms == 0 ||
        for_ms > ORDER_MS_MAX) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "duration is a time such as 30m or 8h, at most 30d");
    }
    const uint64_t uses = pk_args_u64(&q->args, "uses", 1);
    if (uses == 0 || uses > PK_STANDING_USES_MAX) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "uses is 1 to 250");
    }
    if (pk_str_copy(pk_args_text(&q->args, "action"), s.action, sizeof s.action) < 0 ||
        pk_str_copy(pk_args_text(&q->args, "target"), s.target, sizeof s.target) < 0 ||
        pk_str_copy(pk_args_text(&q->args, "reason"), s.why, sizeof s.why) < 0) {
        return pk_agent_fail(a, PK_E_TOO_BIG, "a text is too long");
    }
    s.left = (uint8_t)uses;
    s.role = (uint8_t)q->role;
    s.until = a->now;
    s.until.mono_ms += for_ms;
    s.until.wall_ms += s.until.wall_ms > 0 ? (int64_t)for_ms : 0;
    memcpy(s.by, q->people, sizeof s.by);
    const int err = check_reach(a, q, &s);
    if (err < 0) {
        return err;
    }
    const int number = pk_standings_add(&a->respond.standings, &s, &a->now);
    if (number < 0) {
        return pk_agent_fail(a, number, "there are as many standing orders as this board keeps");
    }
    put_order(a, w, "result", pk_standings_get(&a->respond.standings, (uint32_t)number));
    return PK_OK;
}

static int end(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const uint64_t number = pk_args_u64(&q->args, "order_id", 0);
    if (number > UINT16_MAX || pk_standings_end(&a->respond.standings, (uint32_t)number) < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such standing order");
    }
    pk_jw_object(w, "result");
    pk_jw_u64(w, "order_id", number);
    pk_jw_cstr(w, "state", "over");
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_standings_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    if (q->cmd == PK_CMD_STANDING_CREATE) {
        return create(a, q, w);
    }
    return q->cmd == PK_CMD_STANDING_END ? end(a, q, w) : list(a, w);
}
