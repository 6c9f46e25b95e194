#include "roles/pk_super_record.h"

#include <string.h>

enum { RECORD_MAGIC = 0x50535550, RECORD_VERSION = 2, VERSION_WITHOUT_ARMED = 1 };
enum { ARMED_MAGIC = 0x50534152, ARMED_VERSION = 1 };

static void put_armed(struct pk_writer *w, const struct pk_super_record *r) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        const struct pk_super_armed *a = &r->armed[i];
        pk_put_u8(w, a->state);
        if (a->state != PK_SUPER_ARMED_FREE) {
            pk_put_u32(w, a->run_id);
            pk_put_u32(w, a->boot);
            pk_put_u64(w, a->deadline_ms);
            pk_put_u32(w, (uint32_t)a->exit_code);
            pk_put_text(w, pk_str_of(a->action));
            pk_put_text(w, pk_str_of(a->target));
        }
    }
}

static bool get_text(struct pk_reader *in, char *out, size_t cap_bytes) {
    const struct pk_str s = pk_get_text(in);
    return !in->is_bad && (s.n == 0 || memchr(s.p, 0, s.n) == NULL) && pk_str_copy(s, out, cap_bytes) >= 0;
}

static bool get_armed(struct pk_reader *in, struct pk_super_record *r) {
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        struct pk_super_armed *a = &r->armed[i];
        a->state = pk_get_u8(in);
        if (a->state >= PK_SUPER_ARMED_STATE_COUNT) {
            return false;
        }
        if (a->state == PK_SUPER_ARMED_FREE) {
            continue;
        }
        a->run_id = pk_get_u32(in);
        a->boot = pk_get_u32(in);
        a->deadline_ms = pk_get_u64(in);
        a->exit_code = (int32_t)pk_get_u32(in);
        if (!get_text(in, a->action, sizeof a->action) || !get_text(in, a->target, sizeof a->target)) {
            return false;
        }
    }
    return true;
}

int pk_super_record_pack_armed(const struct pk_super_record *r, void *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u32(&w, ARMED_MAGIC);
    pk_put_u8(&w, ARMED_VERSION);
    put_armed(&w, r);
    pk_put_crc(&w);
    return w.is_full ? PK_E_FULL : (int)w.n;
}

int pk_super_record_unpack_armed(struct pk_super_record *r, const void *p, uint32_t n) {
    struct pk_reader in;
    struct pk_super_record read = {0};
    pk_reader_init_crc(&in, p, n);
    const bool is_ours = pk_get_u32(&in) == ARMED_MAGIC && pk_get_u8(&in) == ARMED_VERSION;
    if (!is_ours || !get_armed(&in, &read) || !pk_reader_done(&in)) {
        return PK_E_CORRUPT;
    }
    memcpy(r->armed, read.armed, sizeof r->armed);
    return PK_OK;
}

int pk_super_record_pack(const struct pk_super_record *r, struct pk_budget *budget, void *out,
                         uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u32(&w, RECORD_MAGIC);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_u32(&w, r->boot_epoch);
    pk_put_u32(&w, r->crash_count);
    pk_put_u32(&w, r->last_exit);
    pk_put_u8(&w, r->is_clean ? 1 : 0);
    put_armed(&w, r);
    struct pk_budget_record counter;
    pk_budget_dirty_all(budget);
    while (pk_budget_next_dirty(budget, &counter) == PK_OK) {
        if (counter.value_bytes > 0) {
            pk_put_text(&w, pk_str_make((const char *)counter.value, counter.value_bytes));
        }
    }
    pk_put_crc(&w);
    return w.is_full ? PK_E_FULL : (int)w.n;
}

int pk_super_record_unpack(struct pk_super_record *r, struct pk_budget *budget, const void *p, uint32_t n,
                           const struct pk_stamp *now) {
    struct pk_reader in;
    pk_reader_init_crc(&in, p, n);
    struct pk_super_record read = {0};
    bool is_ours = pk_get_u32(&in) == RECORD_MAGIC;
    const uint8_t version = pk_get_u8(&in);
    is_ours = is_ours && (version == RECORD_VERSION || version == VERSION_WITHOUT_ARMED);
    read.boot_epoch = pk_get_u32(&in);
    read.crash_count = pk_get_u32(&in);
    read.last_exit = pk_get_u32(&in);
    read.is_clean = pk_get_u8(&in) != 0;
    if (is_ours && version != VERSION_WITHOUT_ARMED) {
        is_ours = get_armed(&in, &read);
    }
    int err = is_ours && !in.is_bad ? PK_OK : PK_E_CORRUPT;
    while (err == PK_OK && !pk_reader_done(&in)) {
        const struct pk_str counter = pk_get_text(&in);
        err = in.is_bad ? PK_E_CORRUPT : pk_budget_restore(budget, counter, now);
    }
    if (err != PK_OK) {
        pk_budget_distrust(budget, now);
        return PK_E_CORRUPT;
    }
    *r = read;
    return PK_OK;
}
