#include "roles/pk_super_record.h"

enum { RECORD_MAGIC = 0x50535550, RECORD_VERSION = 1 };

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
    const bool is_ours = pk_get_u32(&in) == RECORD_MAGIC && pk_get_u8(&in) == RECORD_VERSION;
    read.boot_epoch = pk_get_u32(&in);
    read.crash_count = pk_get_u32(&in);
    read.last_exit = pk_get_u32(&in);
    read.is_clean = pk_get_u8(&in) != 0;
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
