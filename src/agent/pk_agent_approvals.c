/* Approval requests: what a person has to know to answer, on the wire and for those who ask here, and the
 * answer. */
#include <string.h>

#include "agent/pk_agent_priv.h"

enum {
    APPROVAL_BYTES = PK_STORE_VALUE_BYTES + 128,
    IMPACT_BYTES = 200,
    STEP_BYTES = 128,
    STEPS = 3,
    EVIDENCE_ROOT_BYTES = PK_INC_CAUSE_BYTES + 16
};

/* What the texts of one request stand in. */
struct texts {
    char id[PK_RUN_APPROVAL_ID_BYTES];
    char factors[PK_RISK_FACTORS][PK_RISK_FACTOR_BYTES];
    char impact[IMPACT_BYTES];
    char steps[STEPS][STEP_BYTES];
    char root[EVIDENCE_ROOT_BYTES];
};

static void add(struct pk_approval_list *list, const char *text) {
    if (text[0] != '\0' && list->count < PK_APPROVAL_LIST_MAX) {
        list->items[list->count++] = pk_str_of(text);
    }
}

static void put_factors(const struct pk_agent *a, const struct pk_run *run, struct texts *t,
                        struct pk_approval_doc *d) {
    const uint32_t n =
        pk_risk_words(run->raised_by, &a->config.risk, run->behind_count, run->start_count, t->factors);
    for (uint32_t i = 0; i < n; i++) {
        add(&d->risk_factors, t->factors[i]);
    }
    if (run->state == PK_RUN_AWAITING_APPROVAL) {
        add(&d->risk_factors, run->result); /* why it is asked */
    }
}

/* "users notice an outage; Restarts a service ...; 7 things depend on it" */
static void put_impact(const struct pk_agent *a, const struct pk_run *run, struct texts *t,
                       struct pk_approval_doc *d) {
    static const char *const COSTS[PK_COST_COUNT] = {[PK_COST_NONE] = "nobody should notice",
                                                     [PK_COST_SLOW] = "users may notice that it is slower",
                                                     [PK_COST_OUTAGE] = "users notice an outage"};
    const struct pk_action_table *table = pk_agent_actions(a);
    struct pk_buf b;
    if (run->action_index < 0) {
        return;
    }
    pk_buf_init(&b, t->impact, sizeof t->impact);
    pk_buf_puts(&b, COSTS[table->rows[run->action_index].cost]);
    if (run->behind_count > 0) {
        pk_buf_puts(&b, "; ");
        pk_buf_put_u64(&b, run->behind_count);
        pk_buf_puts(&b, " things depend on it");
    }
    const char *about = pk_action_about(table, (uint32_t)run->action_index);
    if (about[0] != '\0') {
        pk_buf_puts(&b, "; ");
        pk_buf_puts(&b, about);
    }
    d->estimated_impact = pk_buf_str(&b);
}

static void put_verify(const struct pk_action_table *table, const struct pk_run *run, struct pk_buf *b) {
    const struct pk_action *row = &table->rows[run->action_index];
    const char *argv[PK_ACTION_ARGV_MAX];
    struct pk_action_words words = {.target = run->target, .snapshot = ""};
    if (row->step_count[PK_PHASE_VERIFY] == 0) {
        pk_buf_puts(b,
                    row->verifies_by_clear ? "must clear the rule within " : "nothing proves that it helped");
    } else {
        const int n = pk_action_argv(table, (uint32_t)run->action_index, PK_PHASE_VERIFY, 0, &words, argv);
        for (int i = 0; i < n && b->n + strlen(argv[i]) < STEP_BYTES - 24u; i++) {
            pk_buf_puts(b, i > 0 ? " " : "must pass ");
            pk_buf_puts(b, argv[i]);
        }
        pk_buf_puts(b, " within ");
    }
    if (row->step_count[PK_PHASE_VERIFY] > 0 || row->verifies_by_clear) {
        pk_buf_put_duration(b, row->verify_within_ms);
    }
}

/* What keeps it from doing harm. */
static void put_steps(const struct pk_agent *a, const struct pk_run *run, struct texts *t,
                      struct pk_approval_doc *d) {
    const struct pk_action_table *table = pk_agent_actions(a);
    struct pk_buf b[STEPS];
    if (run->action_index < 0) {
        return;
    }
    const struct pk_action *row = &table->rows[run->action_index];
    for (uint32_t i = 0; i < STEPS; i++) {
        pk_buf_init(&b[i], t->steps[i], STEP_BYTES);
    }
    pk_buf_puts(&b[0], "stopped when one step takes longer than ");
    pk_buf_put_duration(&b[0], row->timeout_ms);
    put_verify(table, run, &b[1]);
    pk_buf_puts(&b[2], "at most ");
    pk_buf_put_u64(&b[2], row->per_hour);
    pk_buf_puts(&b[2], " starts an hour, ");
    pk_buf_put_duration(&b[2], row->cooldown_ms);
    pk_buf_puts(&b[2], " apart");
    for (uint32_t i = 0; i < STEPS; i++) {
        add(&d->mitigation_steps, t->steps[i]);
    }
    if (row->step_count[PK_PHASE_UNDO] > 0) {
        d->undo = pk_str_of(pk_agent_switch_is_on(a, PK_SWITCH_AUTO_ROLLBACK)
                                ? "by itself when it fails; by hand with picketctl undo"
                                : "by hand with picketctl undo");
    }
}

/* The target and what depends on it, as many as the list holds. */
static void put_resources(const struct pk_agent *a, const struct pk_run *run,
                          const struct pk_incident *incident, struct pk_approval_doc *d) {
    uint64_t set[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)] = {0};
    const struct pk_topology *topology = pk_agent_topology(a);
    const uint16_t node = pk_topology_find(topology, pk_str_of(run->target));
    add(&d->affected_resources, run->target);
    if (node == PK_TOPOLOGY_NONE) {
        for (uint32_t k = 0; incident != NULL && k < incident->component_count; k++) {
            if (strcmp(incident->components[k], run->target) != 0) {
                add(&d->affected_resources, incident->components[k]);
            }
        }
        return;
    }
    pk_topology_blast(topology, node, set);
    for (uint32_t n = pk_bitset_next_set(set, PK_LIMIT_TOPOLOGY_NODES, 0); n < topology->count;
         n = pk_bitset_next_set(set, PK_LIMIT_TOPOLOGY_NODES, n + 1)) {
        add(&d->affected_resources, pk_topology_name(topology, (uint16_t)n));
    }
}

static void put_evidence(const struct pk_incident *incident, struct texts *t, struct pk_approval_doc *d) {
    struct pk_buf b;
    if (incident == NULL) {
        return;
    }
    add(&d->evidence, incident->description);
    if (incident->root_cause[0] != '\0') {
        pk_buf_init(&b, t->root, sizeof t->root);
        pk_buf_puts(&b, "root cause: ");
        pk_buf_puts(&b, incident->root_cause);
        add(&d->evidence, t->root);
    }
}

/* *d points into *t, the run, the incident and the tables. */
static void describe(const struct pk_agent *a, const struct pk_run *run, struct texts *t,
                     struct pk_approval_doc *d) {
    PK_ASSERT(run != NULL);
    const struct pk_incident *incident = pk_incidents_get(&a->incidents, run->incident);
    memset(t, 0, sizeof *t);
    pk_run_approval_id(run, t->id);
    *d = (struct pk_approval_doc){.approval_id = pk_str_of(t->id),
                                  .incident_id = pk_str_of(incident != NULL ? incident->id : ""),
                                  .action = pk_str_of(run->action),
                                  .target = pk_str_of(run->target),
                                  .risk = pk_str_of(pk_risk_word(run->risk)),
                                  .run = run->id,
                                  .requested_wall_ms = run->planned.wall_ms,
                                  .expires_wall_ms = run->expires_wall_ms,
                                  .needs = run->approvals_needed,
                                  .role = pk_str_of(pk_role_word((enum pk_role)run->role)),
                                  .state = pk_str_of(pk_run_state_word(run->state)),
                                  .decided_by = pk_str_of(run->approved_by[0]),
                                  .have = run->approvals_have,
                                  .delegated_to = pk_str_of(run->delegated_to)};
    const bool waits = run->state == PK_RUN_AWAITING_APPROVAL && run->expires_ms > a->now.mono_ms;
    d->left_ms = waits ? run->expires_ms - a->now.mono_ms : 0;
    put_factors(a, run, t, d);
    put_impact(a, run, t, d);
    put_steps(a, run, t, d);
    put_resources(a, run, incident, d);
    put_evidence(incident, t, d);
}

/* Texts of strangers may grow six times when they are escaped: then what can be read elsewhere is left out.
 */
static void write_whole(struct pk_buf *b, void *to, uint32_t cap_bytes, struct pk_approval_doc *d) {
    struct pk_approval_list *const lists[] = {&d->evidence, &d->affected_resources, &d->mitigation_steps};
    for (uint32_t i = 0; i <= PK_COUNT_OF(lists); i++) {
        struct pk_json_writer w;
        pk_buf_init(b, to, cap_bytes);
        pk_jw_init(&w, b);
        pk_approval_json_write(&w, NULL, d);
        if (!b->is_cut) {
            return;
        }
        if (i < PK_COUNT_OF(lists)) {
            lists[i]->count = 0;
        }
    }
}

bool pk_agent_queue_approval(struct pk_agent *a, const struct pk_run *run) {
    const bool is_open = run->state == PK_RUN_AWAITING_APPROVAL;
    struct pk_approval_doc d;
    struct texts t;
    struct pk_buf b;
    uint64_t seq = 0;
    if (!pk_agent_batch_has_room(a, APPROVAL_BYTES)) {
        return false;
    }
    describe(a, run, &t, &d);
    write_whole(&b, a->payload, PK_OUTBOX_BODY_BYTES, &d);
    PK_ASSERT(!b.is_cut); /* what is left is bounded well below the body */
    const struct pk_out_record record = {.kind = PK_OUT_APPROVAL,
                                         /* Neither lane is ever held (ADR 0081): the hub keeps the request
                                          * as waiting until it hears how it ended. */
                                         .severity = is_open ? PK_SEV_HIGH : PK_SEV_CRITICAL,
                                         .is_open = is_open,
                                         .then_clear = !is_open,
                                         .subject = run->incident,
                                         .rev = 1,
                                         .wall_ms = a->now.wall_ms,
                                         .unsure_mono_ms = a->now.quality < PK_TIME_NTP ? a->now.mono_ms : 0,
                                         .id = pk_str_of(t.id),
                                         .body = pk_buf_str(&b)};
    const int err = pk_outbox_append(&a->outbox, &a->batch, &record, &seq);
    if (err < 0 && err != PK_E_FULL) { /* over the byte cap: dropped, and the outbox counts that */
        pk_agent_log1(a, PK_LOG_ERROR, "an approval request could not be queued", pk_str_of(t.id));
    }
    return err != PK_E_FULL;
}

/* ---- commands ---- */

static void put_approval(const struct pk_agent *a, struct pk_json_writer *w, const char *key,
                         const struct pk_run *run) {
    struct pk_approval_doc d;
    struct texts t;
    describe(a, run, &t, &d);
    d.is_local = true;
    pk_approval_json_write(w, key, &d);
}

int pk_agent_list_approvals(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const bool wants_all = pk_args_bool(&q->args, "all");
    uint32_t after = 0;
    bool has_more = false;
    const struct pk_run *r = NULL;
    pk_jw_object(w, "result");
    pk_jw_array(w, "approvals");
    while ((r = pk_respond_next(&a->respond, 0, &after)) != NULL) {
        const bool was_asked = r->approvals_needed > 0 && r->state != PK_RUN_PLANNED;
        if (r->state != PK_RUN_AWAITING_APPROVAL && !(wants_all && was_asked)) {
            continue;
        }
        if (!pk_agent_has_row_room(w, APPROVAL_BYTES)) {
            has_more = true;
            break;
        }
        put_approval(a, w, NULL, r);
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

static int find_run(struct pk_agent *a, const struct pk_request *q, const struct pk_run **out) {
    uint32_t boot = 0, run = 0;
    if (pk_run_approval_parse(pk_args_text(&q->args, "approval_id"), &boot, &run) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "approval_id is not of the form apr_BOOT_N");
    }
    *out = pk_respond_get(&a->respond, run);
    if (*out == NULL || (*out)->boot != boot || (*out)->approvals_needed == 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such approval request here");
    }
    return PK_OK;
}

int pk_agent_get_approval(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_run *r = NULL;
    const int err = find_run(a, q, &r);
    if (err == PK_OK) {
        put_approval(a, w, "result", r);
    }
    return err;
}

/* Why he could not answer, in words. */
static int refuse_answer(struct pk_agent *a, int err, const struct pk_run *r) {
    struct pk_buf b;
    pk_buf_init(&b, a->why, sizeof a->why);
    if (err == PK_E_EXPIRED) {
        pk_buf_puts(&b, "too late: it ran out and counts as rejected");
    } else if (err == PK_E_CONFLICT && r->state == PK_RUN_AWAITING_APPROVAL) {
        pk_buf_puts(&b, "one of two approvals is this person's already, or may be");
        pk_buf_puts(&b,
                    " (a key file says with uid = N whose user it is): another one has to give the other");
    } else if (err == PK_E_CONFLICT) {
        pk_buf_puts(&b, "decided already: ");
        pk_buf_puts(&b, pk_run_state_word(r->state));
        pk_buf_puts(&b, r->approved_by[0][0] != '\0' ? ", by " : "");
        pk_buf_puts(&b, r->approved_by[0]);
    } else if (err == PK_E_DENIED && r->delegated_to[0] != '\0') {
        pk_buf_puts(&b, "it is for ");
        pk_buf_puts(&b, r->delegated_to);
        pk_buf_puts(&b, ", or an admin, whose role reaches ");
        pk_buf_puts(&b, pk_role_word((enum pk_role)r->role));
    } else if (err == PK_E_DENIED) {
        pk_buf_puts(&b, "it needs the role ");
        pk_buf_puts(&b, pk_role_word((enum pk_role)r->role));
    } else {
        pk_buf_puts(&b, err == PK_E_BUDGET ? "it was handed on often enough: answer it"
                                           : "to is another person: the owner of a key, or uid:N");
    }
    return err;
}

/* "approved by alice, 1 of 2: the plant is down for lunch" */
static void remark(struct pk_agent *a, const struct pk_request *q, const struct pk_run *r, const char *what,
                   const char *who) {
    const struct pk_str reason = pk_args_text(&q->args, "reason");
    char text[2 * PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, r->action);
    pk_buf_puts(&b, what);
    pk_buf_puts(&b, who);
    if (r->approvals_needed > 1 && r->approvals_have > 0) {
        pk_buf_puts(&b, r->approvals_have > 1 ? ", 2 of 2" : ", 1 of 2");
    }
    if (reason.n > 0) {
        pk_buf_puts(&b, ": ");
        pk_buf_put_str(&b, reason);
    }
    pk_incidents_remark(&a->incidents, r->incident, PK_TL_APPROVAL, PK_TL_BY_OPERATOR, pk_buf_str(&b),
                        &a->now);
}

void pk_agent_second_signer(struct pk_agent *a, const struct pk_request *q, uint32_t run) {
    const struct pk_run *r = pk_respond_get(&a->respond, run);
    const struct pk_str second = pk_str_of(q->people[1]);
    if (r != NULL && second.n > 0 && r->state == PK_RUN_AWAITING_APPROVAL &&
        pk_respond_decide(&a->respond, run, true, second, q->role, &a->now) == PK_OK) {
        remark(a, q, r, " approved by ", q->people[1]);
    }
}

static int delegate(struct pk_agent *a, const struct pk_request *q, const struct pk_run *r) {
    const struct pk_str to = pk_args_text(&q->args, "to");
    const int err = pk_respond_delegate(&a->respond, r->id, pk_str_of(q->people[0]), q->role, to, &a->now);
    if (err == PK_OK) {
        remark(a, q, r, " to be answered by ", r->delegated_to);
    }
    return err;
}

int pk_agent_decide(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str word = pk_args_text(&q->args, "decision");
    const struct pk_run *r = NULL;
    const bool is_approve = pk_str_eq_nocase(word, "approve");
    const bool is_delegate = pk_str_eq_nocase(word, "delegate");
    if (!is_approve && !is_delegate && !pk_str_eq_nocase(word, "reject")) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "decision is approve, reject or delegate");
    }
    if (is_delegate != pk_args_has(&q->args, "to")) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "to goes with delegate, and delegate with to");
    }
    int err = find_run(a, q, &r);
    if (err < 0) {
        return err;
    }
    PK_ASSERT(r != NULL);
    if (is_delegate) {
        err = delegate(a, q, r);
    } else {
        err = pk_respond_decide(&a->respond, r->id, is_approve, pk_str_of(q->people[0]), q->role, &a->now);
    }
    if (err < 0) {
        return refuse_answer(a, err, r);
    }
    if (!is_delegate) {
        remark(a, q, r, is_approve ? " approved by " : " rejected by ", q->people[0]);
    }
    if (is_approve) {
        pk_agent_second_signer(a, q, r->id);
    }
    pk_jw_object(w, "result");
    pk_jw_str(w, "approval_id", pk_args_text(&q->args, "approval_id"));
    pk_jw_cstr(w, "state", pk_run_state_word(r->state));
    pk_jw_u64(w, "needs", r->approvals_needed);
    pk_jw_u64(w, "have", r->approvals_have);
    if (r->delegated_to[0] != '\0') {
        pk_jw_cstr(w, "delegated_to", r->delegated_to);
    }
    pk_jw_object_end(w);
    return PK_OK;
}
