/* Commands that change something. Each is all or nothing; the audit knows who. */
#include <string.h>

#include "agent/pk_agent_priv.h"

int pk_agent_fail(struct pk_agent *a, int err, const char *why) {
    (void)pk_str_copy_cut(pk_str_of(why), a->why, sizeof a->why);
    return err;
}

static struct pk_incident_actor actor_of(const struct pk_request *q) {
    return (struct pk_incident_actor){.source = q->role == PK_ROLE_HUB ? PK_TL_BY_HUB : PK_TL_BY_OPERATOR,
                                      .name = pk_str_of(q->who)};
}

static int find_incident(struct pk_agent *a, const struct pk_request *q, const struct pk_incident **out) {
    const int err = pk_incidents_find(&a->incidents, pk_args_text(&q->args, "incident_id"), out);
    if (err == PK_E_BAD_FIELD) {
        return pk_agent_fail(a, err, "incident_id is not of the form inc_GATEWAY_BOOT_N or inc_N");
    }
    return err < 0 ? pk_agent_fail(a, err, "there is no such incident here") : PK_OK;
}

static void answer_incident(struct pk_agent *a, struct pk_json_writer *w, uint32_t number) {
    const struct pk_incident *i = pk_incidents_get(&a->incidents, number);
    pk_jw_object(w, "result");
    if (i != NULL) {
        pk_jw_cstr(w, "incident_id", i->id);
        pk_jw_cstr(w, "status", pk_incident_status_word(i->status));
        pk_jw_cstr(w, "stage", pk_incident_stage_word(i->stage));
        pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)i->severity));
        pk_jw_bool(w, "acked", i->is_acked);
        pk_jw_u64(w, "rev", i->rev);
    }
    pk_jw_object_end(w);
}

static int step_failed(struct pk_agent *a, int err) {
    if (err == PK_E_CONFLICT) {
        return pk_agent_fail(a, err, "the incident's status does not allow this step");
    }
    return pk_agent_fail(a, err, pk_err_text(err));
}

/* A person ended it: the rule's group starts afresh. Only then: the group of one that ended long ago may be
 * firing for its successor. */
static void release_rule(struct pk_agent *a, uint32_t number) {
    const struct pk_incident *i = pk_incidents_get(&a->incidents, number);
    if (i == NULL || pk_incident_status_is_active(i->status)) {
        return;
    }
    const int rule = pk_engine_find_rule(&a->engine, pk_str_of(i->rule_id));
    if (rule >= 0 &&
        pk_engine_release(&a->engine, (uint32_t)rule, pk_str_of(i->group_key), a->now.mono_ms) == PK_OK) {
        pk_agent_log1(a, PK_LOG_DEBUG, "rule released by a person", pk_str_of(i->rule_id));
    }
}

static int add_note(struct pk_agent *a, const struct pk_request *q, uint32_t number) {
    const struct pk_str note = pk_args_text(&q->args, "note");
    return note.n == 0 ? PK_OK : pk_incidents_note(&a->incidents, number, note, actor_of(q), &a->now);
}

/* What an update asks for, read whole before anything changes. */
struct update {
    bool has_severity, has_status, is_ack;
    uint8_t severity, status, stage;
};

static int update_steps(struct pk_agent *a, const struct pk_request *q, uint32_t number,
                        const struct update *u) {
    const struct pk_incident *i = pk_incidents_get(&a->incidents, number);
    struct pk_incident_cell cell;
    /* All or nothing: the severity of one that has ended stays. */
    if (u->has_severity && !pk_incident_status_is_active(i->status)) {
        return step_failed(a, PK_E_CONFLICT);
    }
    if (u->has_severity && u->has_status &&
        pk_incident_fsm_next(i->status, pk_incident_fsm_event_of(u->status), &cell) < 0) {
        return step_failed(a, PK_E_CONFLICT);
    }
    int err = PK_OK;
    if (u->has_severity) {
        err = pk_incidents_set_severity(&a->incidents, number, u->severity, actor_of(q), &a->now);
    }
    if (err == PK_OK && u->is_ack) {
        err = pk_incidents_acknowledge(&a->incidents, number, 0, actor_of(q), &a->now);
    }
    if (err == PK_OK && u->has_status) {
        err = pk_incidents_set_status(&a->incidents, number, u->status, u->stage, actor_of(q), &a->now);
    }
    return err < 0 ? step_failed(a, err) : PK_OK;
}

static int update_incident(struct pk_agent *a, const struct pk_request *q, uint32_t number) {
    const struct pk_str status_word = pk_args_text(&q->args, "status");
    const struct pk_str stage_word = pk_args_text(&q->args, "stage");
    uint8_t status = 0, stage = PK_STAGE_COUNT, implied = PK_STAGE_COUNT;
    const struct pk_str severity_word = pk_args_text(&q->args, "severity");
    const bool is_ack = status_word.n > 0 && pk_incident_word_is_acked(status_word);
    enum pk_severity severity = PK_SEV_INFO;
    if (severity_word.n > 0 && pk_severity_parse(severity_word, &severity) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "severity is info, low, medium, high or critical");
    }
    if (status_word.n == 0 && stage_word.n > 0) {
        return pk_agent_fail(a, PK_E_MISSING_FIELD, "a stage is set together with its status");
    }
    if (status_word.n > 0 && !is_ack && pk_incident_status_parse(status_word, &status, &implied) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "status is not a status word");
    }
    if (stage_word.n > 0 && pk_incident_stage_parse(stage_word, &stage) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "stage is not a stage word");
    }
    const struct update u = {.has_severity = severity_word.n > 0,
                             .has_status = status_word.n > 0 && !is_ack,
                             .is_ack = is_ack,
                             .severity = (uint8_t)severity,
                             .status = status,
                             .stage = stage};
    return update_steps(a, q, number, &u);
}

static int acknowledge(struct pk_agent *a, const struct pk_request *q, uint32_t number) {
    const struct pk_str expires = pk_args_text(&q->args, "expires");
    uint64_t for_ms = 0;
    if (expires.n > 0 && (pk_parse_duration_ms(expires, &for_ms) < 0 || for_ms == 0)) {
        return PK_E_BAD_FIELD;
    }
    return pk_incidents_acknowledge(&a->incidents, number, for_ms, actor_of(q), &a->now);
}

/* Each one is new: a person who opens a second one of a kind means two. */
static int create_incident(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str severity_word = pk_args_text(&q->args, "severity"),
                        type = pk_args_text(&q->args, "type");
    struct pk_str rest = pk_args_text(&q->args, "components"), piece;
    struct pk_incident_signal s;
    enum pk_severity severity = PK_SEV_MEDIUM;
    uint8_t known = 0;
    char key[16];
    struct pk_buf b;
    if (!pk_text_is_id(type, "", PK_INC_TYPE_BYTES - 1)) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "type is a word of letters, digits, _ and -");
    }
    if (pk_incident_type_parse(type, &known) == PK_OK) {
        severity = pk_incident_type_severity(known);
    }
    if (severity_word.n > 0 && pk_severity_parse(severity_word, &severity) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "severity is info, low, medium, high or critical");
    }
    pk_buf_init(&b, key, sizeof key);
    pk_buf_put_u64(&b, a->incidents.next_number);
    memset(&s, 0, sizeof s);
    s.rule_id = pk_str_of(PK_INC_MANUAL_RULE);
    s.group_key = pk_buf_str(&b);
    s.type = type;
    s.title = pk_args_text(&q->args, "title");
    s.description = pk_args_text(&q->args, "description");
    s.kind = PK_SIGNAL_FIRED;
    s.severity = (uint8_t)severity;
    s.first_event = a->now;
    s.event_count = 1;
    for (uint32_t n = 0; rest.n > 0 && pk_str_split(&rest, ',', &piece); n++) {
        piece = pk_str_trim(piece);
        if (!pk_text_is_id(piece, ".:@", PK_INC_NAME_BYTES - 1) || n >= PK_INC_COMPONENTS) {
            return pk_agent_fail(a, PK_E_BAD_FIELD, "components are at most 8 names separated by commas");
        }
        if (n == 0) {
            s.component = piece;
        } else {
            s.more_components[s.more_component_count++] = piece;
        }
    }
    uint32_t kinds = 0;
    const int64_t number = pk_incidents_signal(&a->incidents, &s, &a->now, &kinds);
    if (number < 0) {
        return pk_agent_fail(a, (int)number, "there is no room for one more incident");
    }
    pk_agent_correlate(a, (uint32_t)number);
    pk_agent_recommend(a, (uint32_t)number, pk_actions_for_type(pk_agent_actions(a), s.type));
    answer_incident(a, w, (uint32_t)number);
    return PK_OK;
}

static int change_incident(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_incident *i = NULL;
    int err = find_incident(a, q, &i);
    if (err < 0) {
        return err;
    }
    const uint32_t number = i->number;
    const bool was_active = pk_incident_status_is_active(i->status);
    if (q->cmd == PK_CMD_INCIDENTS_ACK) {
        err = acknowledge(a, q, number);
        if (err == PK_E_BAD_FIELD) {
            return pk_agent_fail(a, err, "expires is a time such as 2h, at most 30d");
        }
    }
    if (q->cmd == PK_CMD_INCIDENTS_ASSIGN) {
        err =
            pk_incidents_assign(&a->incidents, number, pk_args_text(&q->args, "user"), actor_of(q), &a->now);
    }
    if (q->cmd == PK_CMD_INCIDENTS_RESOLVE) {
        err = pk_incidents_set_status(&a->incidents, number, PK_INC_RESOLVED, PK_STAGE_COUNT, actor_of(q),
                                      &a->now);
    }
    if (q->cmd == PK_CMD_INCIDENTS_CLOSE) {
        err = pk_incidents_set_status(&a->incidents, number, PK_INC_CLOSED, PK_STAGE_COUNT, actor_of(q),
                                      &a->now);
    }
    if (q->cmd == PK_CMD_INCIDENTS_UPDATE) {
        err = update_incident(a, q, number);
        if (err < 0) {
            return err;
        }
    }
    if (err < 0) {
        return step_failed(a, err);
    }
    if (q->cmd != PK_CMD_INCIDENTS_ASSIGN) {
        err = add_note(a, q, number);
    }
    if (err < 0) {
        return step_failed(a, err);
    }
    if (was_active) {
        release_rule(a, number);
    }
    answer_incident(a, w, number);
    return PK_OK;
}

static int send_event(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_event_error error;
    uint32_t number = 0;
    char id[32];
    struct pk_buf b;
    const struct pk_intake_clock clock = pk_agent_intake_clock(a);
    int err = pk_event_json_parse(pk_args_text(&q->args, "event"), &a->event_in, &error);
    if (err < 0) {
        pk_intake_bad(&a->intake, pk_str_make(NULL, 0), a->now.mono_ms);
    } else {
        err = pk_intake_offer(&a->intake, &a->event_in, &clock, &number);
        if (err < 0) {
            pk_intake_error(err, &error);
        }
    }
    if (err < 0) {
        pk_buf_init(&b, a->why, sizeof a->why);
        if (error.field[0] != '\0') {
            pk_buf_puts(&b, error.field);
            pk_buf_puts(&b, ": ");
        }
        pk_buf_puts(&b, error.message);
        return err;
    }
    pk_buf_init(&b, id, sizeof id);
    pk_buf_put_u64(&b, a->now.boot);
    pk_buf_putc(&b, '-');
    pk_buf_put_u64(&b, number);
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "id", id);
    pk_jw_object_end(w);
    return PK_OK;
}

static int mitigate(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_incident *i = NULL;
    int err = find_incident(a, q, &i);
    if (err < 0) {
        return err;
    }
    const struct pk_str action = pk_args_text(&q->args, "action");
    struct pk_str target = pk_args_text(&q->args, "target");
    const int row = pk_actions_find(pk_agent_actions(a), action);
    char call_target[PK_ACTION_TARGET_BYTES] = "";
    if (target.n == 0 && pk_respond_is_call(action)) {
        pk_respond_call_target(&a->respond, i->number, action, true, call_target);
        target = pk_str_of(call_target);
    }
    if (target.n == 0 && row >= 0 && pk_agent_actions(a)->rows[row].needs_target) {
        target = pk_str_of(i->component_count > 0 ? i->components[0] : i->group_key);
    }
    char words[512];
    struct pk_buf b;
    pk_buf_init(&b, words, sizeof words);
    err = pk_respond_explain(&a->respond, i->number, action, target, &a->now, &b);
    if (pk_args_bool(&q->args, "dry_run")) {
        pk_jw_object(w, "result");
        pk_jw_cstr(w, "would", err == PK_OK ? "run" : pk_err_word(err));
        pk_jw_cstr(w, "why", words);
        pk_jw_object_end(w);
        return PK_OK;
    }
    const int64_t run =
        pk_respond_ask(&a->respond, i->number, action, target, pk_str_of(q->people[0]), q->role, &a->now);
    if (run < 0) {
        return pk_agent_fail(a, (int)run, words[0] != '\0' ? words : pk_err_text((int)run));
    }
    pk_agent_second_signer(a, q, (uint32_t)run);
    const struct pk_run *r = pk_respond_get(&a->respond, (uint32_t)run);
    pk_jw_object(w, "result");
    pk_jw_u64(w, "run", (uint64_t)run);
    pk_jw_cstr(w, "state", r != NULL ? pk_run_state_word(r->state) : NULL);
    pk_jw_cstr(w, "action", r != NULL ? r->action : NULL);
    pk_jw_cstr(w, "target", r != NULL ? r->target : NULL);
    pk_jw_object_end(w);
    return PK_OK;
}

/* The undo lines of the run's row as they would be run, one text each. */
static void put_commands(const struct pk_agent *a, const struct pk_run *run, struct pk_json_writer *w) {
    const struct pk_action_table *t = pk_agent_actions(a);
    const char *argv[PK_ACTION_ARGV_MAX];
    char snapshot[PK_ACTION_SNAPSHOT_BYTES], line[512];
    struct pk_action_words words = {.target = run->target, .snapshot = snapshot};
    const bool is_named =
        pk_action_snapshot_path(a->config.state_dir, run->action, run->target, snapshot) == PK_OK;
    pk_jw_array(w, "commands");
    for (uint32_t step = 0; is_named && step < PK_ACTION_STEPS; step++) {
        const int argc = pk_action_argv(t, (uint32_t)run->action_index, PK_PHASE_UNDO, step, &words, argv);
        struct pk_buf b;
        pk_buf_init(&b, line, sizeof line);
        for (int k = 0; k < argc; k++) {
            pk_buf_puts(&b, k > 0 ? " " : "");
            pk_buf_puts(&b, argv[k]);
        }
        if (argc > 0) {
            pk_jw_cstr(w, NULL, line);
        }
    }
    pk_jw_array_end(w);
}

/* 0, which no run has, for a number that cannot be one. */
static uint32_t run_asked(const struct pk_request *q) {
    const uint64_t wanted = pk_args_u64(&q->args, "run", 0);
    return wanted > UINT32_MAX ? 0 : (uint32_t)wanted;
}

static int undo(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const uint32_t id = run_asked(q);
    const char *why = NULL;
    int64_t err = pk_respond_undo_check(&a->respond, id, &why);
    if (err < 0) {
        return pk_agent_fail(a, (int)err, why);
    }
    if (!pk_args_bool(&q->args, "dry_run")) {
        err = pk_respond_undo(&a->respond, id, pk_str_of(q->people[0]), q->role, &a->now);
    }
    if (err < 0) {
        return pk_agent_fail(a, (int)err,
                             err == PK_E_CONFLICT ? "the action runs again" : pk_err_text((int)err));
    }
    const struct pk_run *of = pk_respond_get(&a->respond, id);
    const struct pk_run *r = pk_respond_get(&a->respond, (uint32_t)err);
    pk_jw_object(w, "result");
    pk_jw_u64(w, "undoes", id);
    if (r != NULL) {
        pk_jw_u64(w, "run", r->id);
        pk_jw_cstr(w, "state", pk_run_state_word(r->state));
    }
    if (of != NULL) {
        pk_jw_cstr(w, "action", of->action);
        pk_jw_cstr(w, "target", of->target);
        put_commands(a, of, w);
    }
    pk_jw_object_end(w);
    return PK_OK;
}

static int interrupt(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const uint32_t id = run_asked(q);
    const struct pk_run *run = pk_respond_get(&a->respond, id);
    const int err = pk_respond_interrupt(&a->respond, id, pk_str_of(q->people[0]), q->role, &a->now);
    if (err < 0) {
        return pk_agent_fail(a, err,
                             run == NULL          ? "there is no such run any more"
                             : err == PK_E_DENIED ? "your role does not reach its risk"
                             : pk_run_state_is_final(run->state)
                                 ? "it is over already"
                                 : "it is an undo, which is not stopped half-way");
    }
    pk_jw_object(w, "result");
    pk_jw_u64(w, "run", id);
    /* What runs is stopped now; it says `interrupted` once it is gone and its undo, if any, has ended. */
    pk_jw_cstr(w, "state", pk_run_state_is_final(run->state) ? pk_run_state_word(run->state) : "stopping");
    pk_jw_cstr(w, "action", run->action);
    pk_jw_cstr(w, "target", run->target);
    pk_jw_object_end(w);
    return PK_OK;
}

static int confirm(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const uint32_t id = run_asked(q);
    int err = pk_respond_confirm(&a->respond, id, pk_str_of(q->who), q->role);
    if (err == PK_OK) {
        err = pk_agent_send_frame(a, PK_IPC_CONFIRM, id, NULL, 0);
    }
    if (err < 0) {
        return pk_agent_fail(a, err,
                             err == PK_E_NOT_FOUND  ? "no such run waits to be confirmed"
                             : err == PK_E_CONFLICT ? "it did not start, or was undone"
                                                    : pk_err_text(err));
    }
    pk_jw_object(w, "result");
    pk_jw_u64(w, "run", id);
    pk_jw_cstr(w, "state", "asked"); /* the supervisor confirms; the run says so then */
    pk_jw_object_end(w);
    return PK_OK;
}

static int set_mode(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    uint8_t mode = 0;
    if (pk_mode_parse(pk_args_text(&q->args, "mode"), &mode) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "mode is off, observe, safe or auto");
    }
    if (mode > a->config.mode) {
        return pk_agent_fail(a, PK_E_POLICY,
                             "the local file allows no more than its own mode; a command can only lower it");
    }
    a->mode_limit = mode;
    a->mode = mode;
    pk_agent_respond_configure(a, mode);
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "mode", pk_mode_word(mode));
    pk_jw_object_end(w);
    return PK_OK;
}

static int set_log_level(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    static const char *const WORDS[] = {"error", "warning", "notice", "info", "debug"};
    const struct pk_str word = pk_args_text(&q->args, "level");
    for (uint8_t i = 0; i < PK_COUNT_OF(WORDS); i++) {
        if (word.n > 0 && pk_str_eq_nocase(word, WORDS[i])) {
            a->log_level = (uint8_t)(PK_LOG_ERROR + i);
        }
    }
    if (word.n > 0 && !pk_str_eq_nocase(word, WORDS[a->log_level - PK_LOG_ERROR])) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "level is error, warning, notice, info or debug");
    }
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "level", WORDS[a->log_level - PK_LOG_ERROR]);
    pk_jw_object_end(w);
    return PK_OK;
}

/* No clock, and no ids of what was used before: only the number of this boot tells the hub's word from one
 * that was recorded (src/decisions/0077). */
static int check_boot(struct pk_agent *a, const struct pk_request *q) {
    const bool must_name = q->is_remote && a->now.quality < PK_TIME_NTP && pk_agent_are_ids_unknown(a);
    if ((must_name || pk_args_has(&q->args, "boot")) && pk_args_u64(&q->args, "boot", 0) != a->now.boot) {
        return pk_agent_fail(
            a, PK_E_CLOCK_UNSURE,
            "neither the time nor the commands used before are known here: boot has to name this "
            "boot, as the status does");
    }
    return PK_OK;
}

static int set_time(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    int64_t wall_ms = 0;
    const bool must_date = a->now.quality < PK_TIME_NTP && pk_agent_are_ids_unknown(a);
    const int err = check_boot(a, q);
    if (err < 0) {
        return err;
    }
    if (pk_time_parse(pk_args_text(&q->args, "time"), &wall_ms) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "time is not RFC 3339");
    }
    pk_agent_set_time(a, wall_ms);
    if (must_date) {
        pk_agent_date_ids(a, a->now.wall_ms);
    }
    pk_jw_object(w, "result");
    pk_jw_time(w, "time", a->now.wall_ms);
    pk_jw_cstr(w, "quality", pk_time_quality_word((enum pk_time_quality)a->now.quality));
    pk_jw_object_end(w);
    return PK_OK;
}

static int fire_drill(struct pk_agent *a, struct pk_json_writer *w) {
    const int rule = pk_engine_find_rule(&a->engine, pk_str_of("fire_drill"));
    if (rule < 0 || !pk_engine_rule_status(&a->engine, (uint32_t)rule)->is_enabled) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "the rule fire_drill is not there or off: no drill begins");
    }
    if (pk_engine_rule_state(&a->engine, (uint32_t)rule) == PK_RULE_FIRING) {
        return pk_agent_fail(a, PK_E_CONFLICT, "the drill before is not over yet: see incidents list");
    }
    if (pk_event_sample("fire_drill", "drill", 1.0, PK_OK, &a->event_in) != PK_OK) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "the event of the drill is refused");
    }
    a->event_in.is_drill = true;
    if (!pk_agent_offer(a)) {
        return pk_agent_fail(a, PK_E_FULL, "the event of the drill found no room");
    }
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "rule", "fire_drill");
    pk_jw_cstr(w, "state", "begun");
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_change(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    switch (q->cmd) {
    case PK_CMD_INCIDENTS_CREATE:
        return create_incident(a, q, w);
    case PK_CMD_INCIDENTS_UPLOAD:
        return pk_agent_upload_command(a, q, w);
    case PK_CMD_STANDING_CREATE:
    case PK_CMD_STANDING_END:
        return pk_agent_standings_command(a, q, w);
    case PK_CMD_DRILL:
        return fire_drill(a, w);
    case PK_CMD_MAINTENANCE_RUN:
    case PK_CMD_MAINTENANCE_STOP:
        return pk_agent_tasks_command(a, q, w);
    case PK_CMD_SILENCES_CREATE:
    case PK_CMD_SILENCES_END:
        return pk_agent_silences_command(a, q, w);
    case PK_CMD_INCIDENTS_ACK:
    case PK_CMD_INCIDENTS_RESOLVE:
    case PK_CMD_INCIDENTS_CLOSE:
    case PK_CMD_INCIDENTS_NOTE:
    case PK_CMD_INCIDENTS_ASSIGN:
    case PK_CMD_INCIDENTS_UPDATE:
        return change_incident(a, q, w);
    case PK_CMD_EVENTS_SEND:
        return send_event(a, q, w);
    case PK_CMD_MITIGATE:
        return mitigate(a, q, w);
    case PK_CMD_UNDO:
        return undo(a, q, w);
    case PK_CMD_INTERRUPT:
        return interrupt(a, q, w);
    case PK_CMD_CONFIRM:
        return confirm(a, q, w);
    case PK_CMD_APPROVAL_DECIDE:
        return pk_agent_decide(a, q, w);
    case PK_CMD_MODE_SET:
        return set_mode(a, q, w);
    case PK_CMD_SWITCHES_SET:
        return pk_agent_switches_command(a, q, w);
    case PK_CMD_LOG_LEVEL:
        return set_log_level(a, q, w);
    case PK_CMD_TIME_SET:
        return set_time(a, q, w);
    case PK_CMD_KEYS_ADD:
    case PK_CMD_KEYS_REVOKE:
        return pk_agent_keys_command(a, q, w);
    case PK_CMD_RULES_CREATE:
    case PK_CMD_RULES_UPDATE:
    case PK_CMD_RULES_ENABLE:
    case PK_CMD_RULES_DISABLE:
    case PK_CMD_RULES_DELETE:
        return pk_agent_rules_command(a, q, w);
    default:
        return pk_agent_fail(a, PK_E_UNKNOWN_CMD, "no such command");
    }
}

/* Every change by a person or a key is on record, except the events that are handed in by the thousand. */
static bool is_change_audited(enum pk_cmd cmd) {
    return (pk_cmd_row(cmd)->flags & PK_CMD_MUTATES) != 0 && cmd != PK_CMD_EVENTS_SEND;
}

/* Whoever reaches the socket can ask for what is refused, as often as he likes: some of it is listed. */
static bool may_list_refusal(struct pk_agent *a, uint64_t *out_more) {
    if (a->is_disk_full) { /* the room that is left is for acting */
        a->local_refusals.muffled_count++;
    } else if (pk_agent_may_say(a, &a->local_refusals, out_more)) {
        return true;
    }
    a->counters.log_suppressed++;
    return false;
}

static void put_unlisted(struct pk_buf *b, uint64_t more) {
    if (more > 0) {
        pk_buf_puts(b, "; before it, not listed: ");
        pk_buf_put_u64(b, more);
    }
}

void pk_agent_audit_refused_local(struct pk_agent *a, const struct pk_request *q, int err) {
    enum { WHY_BYTES = 80 };
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    uint64_t more = 0;
    const bool is_listed = err != PK_E_UNKNOWN_CMD && (err == PK_E_DENIED || is_change_audited(q->cmd));
    if (!is_listed || !may_list_refusal(a, &more)) {
        return;
    }
    const uint32_t why_bytes = (uint32_t)strlen(a->why);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, pk_cmd_row(q->cmd)->name);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, pk_err_word(err));
    pk_buf_puts(&b, ", ");
    pk_buf_put(&b, a->why, why_bytes < WHY_BYTES ? why_bytes : WHY_BYTES);
    put_unlisted(&b, more);
    pk_agent_audit(a, 0, "refusal", q->who, pk_buf_str(&b));
}

void pk_agent_audit_read(struct pk_agent *a, const struct pk_request *q) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    if (is_change_audited(q->cmd)) {
        return; /* its entry says how it ended */
    }
    if (pk_agent_is_store_stuck(a)) { /* the room that is left is for acting */
        a->counters.audit_lost++;
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, pk_cmd_row(q->cmd)->name);
    pk_buf_puts(&b, ": asked, jti ");
    pk_buf_puts(&b, q->jti);
    pk_agent_audit(a, 0, "command", q->who, pk_buf_str(&b));
}

static void audit_command(struct pk_agent *a, const struct pk_request *q, int err) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    uint64_t more = 0;
    const bool is_sampled = err < 0 && q->jti[0] == '\0'; /* signed ones are bounded by their key's rate */
    if (!is_change_audited(q->cmd) || (is_sampled && !may_list_refusal(a, &more))) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, pk_cmd_row(q->cmd)->name);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, pk_err_word(err));
    put_unlisted(&b, more);
    if (q->jti[0] != '\0') {
        pk_buf_puts(&b, ", jti ");
        pk_buf_puts(&b, q->jti);
    }
    if (a->rule_note[0] != '\0') {
        pk_buf_puts(&b, ", ");
        pk_buf_puts(&b, a->rule_note);
    }
    const bool is_about_run = q->cmd == PK_CMD_UNDO || q->cmd == PK_CMD_INTERRUPT;
    if (is_about_run) {
        pk_buf_puts(&b, ", run ");
        pk_buf_put_u64(&b, pk_args_u64(&q->args, "run", 0));
    }
    const bool has_reason = q->cmd == PK_CMD_MITIGATE || q->cmd == PK_CMD_APPROVAL_DECIDE || is_about_run ||
                            q->cmd == PK_CMD_STANDING_CREATE || q->cmd == PK_CMD_STANDING_END ||
                            q->cmd == PK_CMD_SWITCHES_SET;
    if (has_reason && pk_args_has(&q->args, "reason")) {
        char reason[PK_AUDIT_TEXT_BYTES];
        pk_buf_puts(&b, ", reason: ");
        const uint32_t room = b.cap_bytes - b.n;
        (void)pk_str_copy_cut(pk_args_text(&q->args, "reason"), reason, room);
        pk_buf_puts(&b, reason);
    }
    pk_agent_audit(a, 0, "command", q->who, pk_buf_str(&b));
}

/* What a person in trouble needs while nothing is kept: to stop, to keep a change that would be undone, to
 * lower the mode and to see more. It writes nothing that would be lost. */
static bool is_done_anyway(const struct pk_agent *a, const struct pk_request *q) {
    uint8_t mode = 0;
    if (q->cmd == PK_CMD_MODE_SET) {
        return pk_mode_parse(pk_args_text(&q->args, "mode"), &mode) == PK_OK && mode <= a->mode;
    }
    return q->cmd == PK_CMD_INTERRUPT || q->cmd == PK_CMD_CONFIRM || q->cmd == PK_CMD_MAINTENANCE_STOP ||
           q->cmd == PK_CMD_LOG_LEVEL;
}

/* What cannot be put down is not done, but for that; then it is counted. */
static int change(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const bool needs_entry = is_change_audited(q->cmd) && !is_done_anyway(a, q);
    if (needs_entry && !pk_agent_batch_has_room(a, PK_AGENT_AUDIT_OP_BYTES)) {
        return pk_agent_fail(a, PK_E_BUSY, "nothing was changed: the store is behind; try again");
    }
    a->audit_reserve = needs_entry ? (uint32_t)PK_AGENT_AUDIT_OP_BYTES : 0u;
    const int err = pk_agent_change(a, q, w);
    a->audit_reserve = 0;
    return err;
}

int pk_agent_execute(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    a->why[0] = '\0';
    a->rule_note[0] = '\0';
    const bool is_change = (pk_cmd_row(q->cmd)->flags & PK_CMD_MUTATES) != 0;
    const int err = is_change ? change(a, q, w) : pk_agent_query(a, q, w);
    audit_command(a, q, err);
    return err;
}
