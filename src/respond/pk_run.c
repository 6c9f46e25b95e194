#include "respond/pk_run.h"

#include <string.h>

#include "base/pk_assert.h"
#include "incident/pk_incident_metrics.h"
#include "respond/pk_risk.h"
#include "wire/pk_role.h"

enum {
    RECORD_KIND = 3,
    RECORD_VERSION = 3,
    VERSION_WITHOUT_UNDO = 1,
    VERSION_WITHOUT_RISK = 2
}; /* first bytes of a stored value, as in wire/pk_record.h */

enum run_flag {
    FLAG_MANUAL = 1,
    FLAG_INTENT = 2,
    FLAG_READ_ONLY = 8,
    FLAG_IDEMPOTENT = 16,
    FLAG_STOP_WANTED = 32,
    FLAG_AUTO = 64
};

void pk_run_to_action(const struct pk_run *r, struct pk_incident_action *out) {
    const struct pk_stamp *at = pk_stamp_is_set(&r->finished)  ? &r->finished
                                : pk_stamp_is_set(&r->started) ? &r->started
                                                               : &r->planned;
    memset(out, 0, sizeof *out);
    out->run = r->id;
    out->state = r->state;
    out->at_wall_ms = at->wall_ms;
    out->exit_code = r->exit_code;
    pk_str_copy_cut(pk_str_of(r->action), out->action, sizeof out->action);
    pk_str_copy_cut(pk_str_of(r->target), out->target, sizeof out->target);
    pk_str_copy_cut(pk_str_of(r->result), out->result, sizeof out->result);
}

void pk_run_approval_id(const struct pk_run *r, char out[PK_RUN_APPROVAL_ID_BYTES]) {
    struct pk_buf b;
    pk_buf_init(&b, out, PK_RUN_APPROVAL_ID_BYTES);
    pk_buf_puts(&b, "apr_");
    pk_buf_put_u64(&b, r->boot);
    pk_buf_putc(&b, '_');
    pk_buf_put_u64(&b, r->id);
    PK_ASSERT(!b.is_cut);
}

int pk_run_approval_parse(struct pk_str s, uint32_t *out_boot, uint32_t *out_run) {
    struct pk_str boot;
    uint64_t boot_value = 0, run_value = 0;
    if (!pk_str_starts(s, "apr_")) {
        return PK_E_BAD_FIELD;
    }
    struct pk_str rest = pk_str_make(s.p + 4, s.n - 4u);
    if (!pk_str_split(&rest, '_', &boot) || rest.p == NULL) {
        return PK_E_BAD_FIELD;
    }
    if (pk_parse_u64(boot, &boot_value) != PK_OK || pk_parse_u64(rest, &run_value) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    if (boot_value > UINT32_MAX || run_value > UINT32_MAX || run_value == 0) {
        return PK_E_BAD_FIELD;
    }
    *out_boot = (uint32_t)boot_value;
    *out_run = (uint32_t)run_value;
    return PK_OK;
}

static void put_stamp(struct pk_writer *w, const struct pk_stamp *s) {
    pk_put_u32(w, s->boot);
    pk_put_u64(w, s->mono_ms);
    pk_put_i64(w, s->wall_ms);
    pk_put_u8(w, s->quality);
}

static void get_stamp(struct pk_reader *r, struct pk_stamp *out) {
    *out = (struct pk_stamp){0};
    out->boot = pk_get_u32(r);
    out->mono_ms = pk_get_u64(r);
    out->wall_ms = pk_get_i64(r);
    out->quality = pk_get_u8(r);
}

static uint8_t flags_of(const struct pk_run *r) {
    return (uint8_t)((r->is_manual ? FLAG_MANUAL : 0) | (r->is_intent ? FLAG_INTENT : 0) |
                     (r->is_read_only ? FLAG_READ_ONLY : 0) | (r->is_idempotent ? FLAG_IDEMPOTENT : 0) |
                     (r->is_stop_wanted ? FLAG_STOP_WANTED : 0) | (r->is_auto ? FLAG_AUTO : 0));
}

int pk_run_pack(const struct pk_run *r, void *out, uint32_t cap_bytes) {
    struct pk_writer w;
    PK_ASSERT(cap_bytes >= PK_RUN_STORED_BYTES);
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u8(&w, RECORD_KIND);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_u32(&w, r->id);
    pk_put_u32(&w, r->boot);
    pk_put_u32(&w, r->incident);
    pk_put_u8(&w, r->state);
    pk_put_u8(&w, r->step);
    pk_put_u8(&w, r->risk);
    pk_put_u8(&w, r->role);
    pk_put_u8(&w, r->approvals_needed);
    pk_put_u8(&w, r->approvals_have);
    pk_put_u8(&w, flags_of(r));
    pk_put_text(&w, pk_str_of(r->action));
    pk_put_text(&w, pk_str_of(r->target));
    pk_put_text(&w, pk_str_of(r->requested_by));
    pk_put_text(&w, pk_str_of(r->approved_by[0]));
    pk_put_text(&w, pk_str_of(r->approved_by[1]));
    pk_put_text(&w, pk_str_of(r->result));
    put_stamp(&w, &r->planned);
    put_stamp(&w, &r->started);
    put_stamp(&w, &r->finished);
    pk_put_i64(&w, r->expires_wall_ms);
    pk_put_u64(&w, r->expires_ms);
    pk_put_u32(&w, (uint32_t)r->exit_code);
    pk_put_u32(&w, r->duration_ms);
    pk_put_u32(&w, r->undo_of);
    pk_put_u8(&w, r->undo);
    pk_put_u8(&w, r->raised_by);
    pk_put_u16(&w, r->behind_count);
    pk_put_u16(&w, r->start_count);
    pk_put_text(&w, pk_str_of(r->delegated_to));
    pk_put_u8(&w, r->delegate_count);
    pk_put_u16(&w, r->standing);
    PK_ASSERT(!w.is_full && w.n <= PK_RUN_STORED_BYTES);
    return (int)w.n;
}

static bool get_name(struct pk_reader *r, char *out, size_t cap_bytes) {
    const struct pk_str s = pk_get_text(r);
    return pk_text_is_utf8(s) && (s.n == 0 || memchr(s.p, 0, s.n) == NULL) &&
           pk_str_copy(s, out, cap_bytes) >= 0;
}

static void set_flags(struct pk_run *r, uint8_t flags) {
    r->is_manual = (flags & FLAG_MANUAL) != 0;
    r->is_intent = (flags & FLAG_INTENT) != 0;
    r->is_read_only = (flags & FLAG_READ_ONLY) != 0;
    r->is_idempotent = (flags & FLAG_IDEMPOTENT) != 0;
    r->is_stop_wanted = (flags & FLAG_STOP_WANTED) != 0;
    r->is_auto = (flags & FLAG_AUTO) != 0;
}

static bool is_in_range(const struct pk_run *r) {
    return r->id != 0 && r->incident != 0 && r->state < PK_RUN_STATE_COUNT && r->step < PK_RUN_STEP_COUNT &&
           pk_run_state_is_final(r->state) == (r->step == PK_RUN_AT_END) && r->undo < PK_RUN_UNDO_COUNT &&
           r->risk < PK_RISK_COUNT && r->role < PK_ROLE_COUNT && r->approvals_needed <= 2 &&
           r->approvals_have <= 2 && r->raised_by <= PK_RISK_BY_ALL &&
           r->planned.quality < PK_TIME_QUALITY_COUNT && r->started.quality < PK_TIME_QUALITY_COUNT &&
           r->finished.quality < PK_TIME_QUALITY_COUNT &&
           pk_text_is_id(pk_str_of(r->action), "", PK_ACTION_NAME_BYTES - 1) &&
           (r->target[0] == '\0' || pk_action_target_is_valid(pk_str_of(r->target)));
}

int pk_run_unpack(struct pk_run *out, struct pk_str stored) {
    struct pk_reader r;
    memset(out, 0, sizeof *out);
    out->action_index = -1;
    pk_reader_init(&r, stored.p, stored.n);
    const bool is_run = pk_get_u8(&r) == RECORD_KIND;
    const uint8_t version = pk_get_u8(&r);
    if (!is_run || version == 0 || version > RECORD_VERSION) {
        return PK_E_CORRUPT;
    }
    out->id = pk_get_u32(&r);
    out->boot = pk_get_u32(&r);
    out->incident = pk_get_u32(&r);
    out->state = pk_get_u8(&r);
    out->step = pk_get_u8(&r);
    out->risk = pk_get_u8(&r);
    out->role = pk_get_u8(&r);
    out->approvals_needed = pk_get_u8(&r);
    out->approvals_have = pk_get_u8(&r);
    set_flags(out, pk_get_u8(&r));
    const bool texts_fit = get_name(&r, out->action, sizeof out->action) &&
                           get_name(&r, out->target, sizeof out->target) &&
                           get_name(&r, out->requested_by, sizeof out->requested_by) &&
                           get_name(&r, out->approved_by[0], sizeof out->approved_by[0]) &&
                           get_name(&r, out->approved_by[1], sizeof out->approved_by[1]) &&
                           get_name(&r, out->result, sizeof out->result);
    if (!texts_fit) {
        return PK_E_CORRUPT;
    }
    get_stamp(&r, &out->planned);
    get_stamp(&r, &out->started);
    get_stamp(&r, &out->finished);
    out->expires_wall_ms = pk_get_i64(&r);
    out->expires_ms = pk_get_u64(&r);
    out->exit_code = (int32_t)pk_get_u32(&r);
    out->duration_ms = pk_get_u32(&r);
    if (version != VERSION_WITHOUT_UNDO) {
        out->undo_of = pk_get_u32(&r);
        out->undo = pk_get_u8(&r);
    }
    if (version > VERSION_WITHOUT_RISK) {
        out->raised_by = pk_get_u8(&r);
        out->behind_count = pk_get_u16(&r);
        out->start_count = pk_get_u16(&r);
        if (!get_name(&r, out->delegated_to, sizeof out->delegated_to)) {
            return PK_E_CORRUPT;
        }
        out->delegate_count = pk_get_u8(&r);
        out->standing = pk_get_u16(&r);
    }
    return pk_reader_done(&r) && is_in_range(out) ? PK_OK : PK_E_CORRUPT;
}
