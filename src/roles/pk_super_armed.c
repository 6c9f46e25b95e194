/* Commit-confirm (DESIGN 10): a change that could cut its author off is taken back by itself unless somebody,
 * or its own verification, confirms it in time. What is armed is on the medium before the change is made: a
 * crash, a power cut or a reboot in between ends in the undo. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "roles/pk_supervisor.h"

static bool is_due_later(const struct pk_super_armed *a) {
    return a->state == PK_SUPER_ARMED || a->state == PK_SUPER_ARMED_OWED;
}

static bool is_fired(const struct pk_super_armed *a) {
    return a->state == PK_SUPER_ARMED_FIRED || a->state == PK_SUPER_ARMED_OWED_FIRED;
}

static bool is_of(const struct pk_super_armed *a, const char *action, const char *target) {
    return strcmp(a->action, action) == 0 && strcmp(a->target, target) == 0;
}

static struct pk_super_armed *find_state(struct pk_supervisor *s, uint8_t state) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        if (s->record.armed[i].state == state) {
            return &s->record.armed[i];
        }
    }
    return NULL;
}

static struct pk_super_armed *find_run(struct pk_supervisor *s, uint32_t run_id) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        if (s->record.armed[i].state == PK_SUPER_ARMED && s->record.armed[i].run_id == run_id) {
            return &s->record.armed[i];
        }
    }
    return NULL;
}

/* Numbers of runs begin anew with a store that was moved aside: what a run means for an armed change is only
 * asked when it is of the same action on the same target. */
static struct pk_super_armed *find_change(struct pk_supervisor *s, uint32_t run_id, const char *action,
                                          const char *target) {
    struct pk_super_armed *a = find_run(s, run_id);
    return a != NULL && is_of(a, action, target) ? a : NULL;
}

static void save(struct pk_supervisor *s) {
    const int saved = pk_super_save(s);
    (void)saved; /* said in the log; the older record undoes more, not less */
}

bool pk_super_armed_has_room(struct pk_supervisor *s) {
    return find_state(s, PK_SUPER_ARMED_FREE) != NULL;
}

bool pk_super_armed_has(struct pk_supervisor *s, uint32_t run_id) {
    return find_run(s, run_id) != NULL;
}

void pk_super_armed_add(struct pk_supervisor *s, uint32_t run_id, const struct pk_action *row,
                        const char *target, const struct pk_stamp *now) {
    struct pk_super_armed *a = find_state(s, PK_SUPER_ARMED_FREE);
    const uint64_t lines = (uint64_t)row->step_count[PK_PHASE_SNAPSHOT] + row->step_count[PK_PHASE_ACT];
    enum { GRACE_MS = 5000 }; /* from TERM to KILL, and then some */
    PK_ASSERT(a != NULL);
    memset(a, 0, sizeof *a);
    a->state = PK_SUPER_ARMED;
    a->run_id = run_id;
    a->boot = now->boot;
    a->deadline_ms = now->mono_ms + row->confirm_within_ms + lines * (row->timeout_ms + GRACE_MS);
    (void)pk_str_copy_cut(pk_str_of(row->name), a->action, sizeof a->action);
    (void)pk_str_copy_cut(pk_str_of(target), a->target, sizeof a->target);
}

void pk_super_armed_drop(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target) {
    struct pk_super_armed *a = find_change(s, run_id, action, target);
    if (a != NULL) {
        memset(a, 0, sizeof *a);
        save(s);
    }
}

static struct pk_super_armed *find_owed(struct pk_supervisor *s, uint8_t state, uint32_t run_id,
                                        const char *action, const char *target) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *a = &s->record.armed[i];
        if (a->state == state && a->run_id == run_id && is_of(a, action, target)) {
            return a;
        }
    }
    return NULL;
}

void pk_super_armed_owe(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target,
                        uint64_t deadline_ms) {
    struct pk_super_armed *a = find_owed(s, PK_SUPER_ARMED_OWED, run_id, action, target);
    if (a != NULL || find_change(s, run_id, action, target) != NULL) {
        return; /* known already */
    }
    a = find_state(s, PK_SUPER_ARMED_FREE);
    if (a == NULL) {
        pk_super_log(s, PK_LOG_ERROR, "an undo is not recorded, and ends with a stop or a crash: run ",
                     run_id);
        return;
    }
    memset(a, 0, sizeof *a);
    a->state = PK_SUPER_ARMED_OWED;
    a->run_id = run_id;
    a->boot = pk_super_stamp(s).boot;
    a->deadline_ms = deadline_ms;
    (void)pk_str_copy_cut(pk_str_of(action), a->action, sizeof a->action);
    (void)pk_str_copy_cut(pk_str_of(target), a->target, sizeof a->target);
    save(s);
}

void pk_super_armed_paid(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target,
                         int32_t exit_code) {
    struct pk_super_armed *a = find_owed(s, PK_SUPER_ARMED_OWED, run_id, action, target);
    if (a != NULL) {
        a->state = PK_SUPER_ARMED_TELL;
        a->exit_code = exit_code;
        save(s);
    }
}

void pk_super_armed_told(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target) {
    struct pk_super_armed *a = find_owed(s, PK_SUPER_ARMED_TELL, run_id, action, target);
    if (a != NULL) {
        memset(a, 0, sizeof *a);
        save(s);
    }
}

bool pk_super_armed_owes(const struct pk_supervisor *s, const char *action, const char *target) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        const struct pk_super_armed *a = &s->record.armed[i];
        const bool is_open = a->state == PK_SUPER_ARMED_OWED || is_fired(a);
        if (is_open && is_of(a, action, target)) {
            return true;
        }
    }
    return false;
}

/* What is owed may have been mended by hand: a person can have it left. */
static struct pk_super_armed *find_confirmable(struct pk_supervisor *s, uint32_t run_id) {
    struct pk_super_armed *a = find_run(s, run_id);
    for (uint32_t i = 0; a == NULL && i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *owed = &s->record.armed[i];
        const bool is_owed = owed->state == PK_SUPER_ARMED_OWED || owed->state == PK_SUPER_ARMED_OWED_FIRED;
        a = is_owed && owed->run_id == run_id ? owed : NULL;
    }
    return a;
}

/* PK_OK when it will stay whatever happens now. */
static int take_confirmation(struct pk_supervisor *s, uint32_t run_id) {
    struct pk_super_armed *a = find_confirmable(s, run_id);
    if (a == NULL) {
        return PK_E_NOT_FOUND;
    }
    const bool is_owed = a->state != PK_SUPER_ARMED;
    if (is_owed && pk_super_run_is_at_work(s, run_id)) {
        return PK_E_BUSY; /* half undone would be worse */
    }
    const struct pk_super_armed was = *a;
    memset(a, 0, sizeof *a);
    const int err = pk_super_save(s);
    if (err != PK_OK) {
        *a = was; /* a restart would undo it: so it is not confirmed */
        return err;
    }
    pk_super_log(s, PK_LOG_NOTICE, "confirmed, it stays: run ", run_id);
    if (is_owed) {
        pk_super_run_leave(s, run_id, was.action, was.target);
    }
    return PK_OK;
}

void pk_super_armed_confirm(struct pk_supervisor *s, uint32_t run_id) {
    struct pk_ipc_frame frame;
    const struct pk_ipc_confirmed body = {.error = take_confirmation(s, run_id)};
    pk_super_frame(&frame, PK_IPC_CONFIRMED, run_id, &body, sizeof body);
    pk_super_reply(s, &frame);
}

void pk_super_armed_acted(struct pk_supervisor *s, uint32_t run_id, const struct pk_action *row,
                          const char *target, const struct pk_ipc_done *done) {
    struct pk_super_armed *a = find_change(s, run_id, row->name, target);
    if (a == NULL) {
        return;
    }
    if (done->phase == PK_IPC_PHASE_SNAPSHOT || done->undo == PK_IPC_UNDO_DONE) {
        pk_super_armed_drop(s, run_id, row->name, target); /* nothing was changed, or it is back */
        return;
    }
    a->deadline_ms = s->port->mono_ms(s->port->ctx) + row->confirm_within_ms;
    save(s);
}

void pk_super_armed_undone(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target,
                           int32_t exit_code) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *a = &s->record.armed[i];
        const bool is_same = is_due_later(a) && is_of(a, action, target);
        if (is_fired(a) && a->run_id == run_id) {
            a->state = PK_SUPER_ARMED_TELL;
            a->exit_code = exit_code;
            pk_super_log(s, exit_code == 0 ? PK_LOG_WARNING : PK_LOG_ERROR,
                         exit_code == 0 ? "not confirmed, or left over, and undone: run "
                                        : "not confirmed, or left over, and the UNDO FAILED: run ",
                         run_id);
            save(s);
        } else if (is_same && exit_code == 0) {
            memset(a, 0, sizeof *a); /* somebody was faster */
            save(s);
        }
    }
}

void pk_super_armed_copy(struct pk_supervisor *s) {
    const int n = pk_super_record_pack_armed(&s->record, s->scratch, sizeof s->scratch);
    PK_ASSERT(n > PK_CRC_BYTES);
    /* Without its own sum: with it, that of any record is the same. */
    const uint32_t crc = pk_crc32c(0, s->scratch, (uint32_t)(n - PK_CRC_BYTES));
    if (crc == s->armed_crc) {
        return;
    }
    if (s->port->save_armed(s->port->ctx, s->scratch, (uint32_t)n) == PK_OK) {
        s->armed_crc = crc;
        return;
    }
    pk_super_log(s, PK_LOG_WARNING, "the copy of the changes that wait to be confirmed cannot be written", 0);
}

enum pk_super_lost pk_super_armed_recover(struct pk_supervisor *s) {
    int n = s->port->load_armed(s->port->ctx, s->scratch, sizeof s->scratch);
    if (n >= 0) {
        n = pk_super_record_unpack_armed(&s->record, s->scratch, (uint32_t)n);
    }
    return n < 0 ? PK_SUPER_LOST_ARMED : PK_SUPER_LOST_NOTHING;
}

void pk_super_armed_start(struct pk_supervisor *s, const struct pk_stamp *now) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *a = &s->record.armed[i];
        if (is_fired(a) || (is_due_later(a) && a->boot != now->boot)) {
            a->deadline_ms = 0; /* how long the machine was off nobody knows */
        }
        if (is_fired(a)) {
            a->state = a->state == PK_SUPER_ARMED_FIRED ? PK_SUPER_ARMED : PK_SUPER_ARMED_OWED;
        }
        a->boot = now->boot;
    }
}

/* Somebody who wants nothing done, or nothing undone, may have mended by hand what is owed since the stop. A
 * change that waits to be confirmed is taken back in every mode: it is the way home. */
static bool is_to_be_left(const struct pk_supervisor *s, const struct pk_super_armed *a) {
    const uint8_t mode = s->policy.mode;
    return a->state == PK_SUPER_ARMED_OWED &&
           (!s->policy.is_auto_rollback || mode == PK_MODE_OFF || mode == PK_MODE_OBSERVE);
}

static void leave(struct pk_supervisor *s, struct pk_super_armed *a) {
    a->state = PK_SUPER_ARMED_TELL;
    a->exit_code = PK_IPC_UNDO_LEFT;
    pk_super_log(s, PK_LOG_WARNING,
                 "its undo is owed, but not wanted by the configuration: left as it is, run ", a->run_id);
    save(s);
}

void pk_super_armed_check_time(struct pk_supervisor *s, uint64_t now_ms) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *a = &s->record.armed[i];
        if (!is_due_later(a) || now_ms < a->deadline_ms) {
            continue;
        }
        if (is_to_be_left(s, a)) {
            leave(s, a);
            continue;
        }
        const int err = pk_super_run_undo(s, a->run_id, a->action, a->target);
        const bool is_owed = a->state == PK_SUPER_ARMED_OWED;
        if (err == PK_OK) {
            a->state = is_owed ? PK_SUPER_ARMED_OWED_FIRED : PK_SUPER_ARMED_FIRED;
        } else if (err != PK_E_NOT_FOUND && err != PK_E_DENIED) { /* busy, or no process to be had just now */
            a->deadline_ms = now_ms + PK_SUPER_ARMED_RETRY_MS;
        } else {
            a->state = PK_SUPER_ARMED_FIRED;
            pk_super_armed_undone(s, a->run_id, a->action, a->target, 127);
        }
    }
}

uint64_t pk_super_armed_until_ms(const struct pk_supervisor *s) {
    uint64_t until_ms = UINT64_MAX;
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        const struct pk_super_armed *a = &s->record.armed[i];
        if (is_due_later(a) && a->deadline_ms < until_ms) {
            until_ms = a->deadline_ms;
        }
    }
    return until_ms;
}

/* A run that is still here tells it with its own DONE. */
static struct pk_super_armed *find_untold(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *a = &s->record.armed[i];
        if (a->state == PK_SUPER_ARMED_TELL && !pk_super_run_is_here(s, a->run_id)) {
            return a;
        }
    }
    return NULL;
}

void pk_super_armed_tell(struct pk_supervisor *s) {
    const bool is_there = s->is_agent_running && s->is_ready;
    struct pk_super_armed *a = is_there ? find_untold(s) : NULL;
    if (a == NULL) {
        return;
    }
    struct pk_ipc_frame frame;
    const struct pk_ipc_done done = {.exit_code = a->exit_code, .phase = PK_IPC_PHASE_UNDO};
    pk_super_frame(&frame, PK_IPC_UNDONE, a->run_id, &done, sizeof done);
    if (s->port->send(s->port->ctx, &frame, -1) == PK_OK) {
        memset(a, 0, sizeof *a);
        save(s);
    }
}
