#include "report/pk_replay.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "wire/pk_record.h"

enum { MUST_WRITE = 1, MUST_DELETE = 2 };

void pk_replay_init(struct pk_replay *r) {
    *r = (struct pk_replay){0};
}

static bool is_used(const struct pk_replay_entry *e) {
    return e->jti[0] != '\0';
}

/* Forgets what is out of its time. Its record is deleted too, so the slot stays taken until that is in a
 * batch. */
static void expire(struct pk_replay *r, int64_t now_s) {
    if (now_s <= 0) {
        return;
    }
    for (uint32_t i = 0; i < PK_LIMIT_REPLAY_JTI; i++) {
        struct pk_replay_entry *e = &r->items[i];
        if (!is_used(e) || e->flags == MUST_DELETE || (int64_t)e->exp_s > now_s) {
            continue;
        }
        if (e->flags == MUST_WRITE) {
            /* Never stored: nothing to delete. */
            *e = (struct pk_replay_entry){0};
            r->count--;
            r->pending_count--;
            continue;
        }
        e->flags = MUST_DELETE;
        r->pending_count++;
    }
}

static struct pk_replay_entry *find(struct pk_replay *r, struct pk_str jti) {
    for (uint32_t i = 0; i < PK_LIMIT_REPLAY_JTI; i++) {
        if (is_used(&r->items[i]) && pk_str_eq_c(jti, r->items[i].jti)) {
            return &r->items[i];
        }
    }
    return NULL;
}

int pk_replay_check(struct pk_replay *r, struct pk_str jti, int64_t now_s) {
    expire(r, now_s);
    if (find(r, jti) != NULL) {
        return PK_E_REPLAYED;
    }
    if (r->count == PK_LIMIT_REPLAY_JTI) {
        r->refused_full_count++;
        return PK_E_FULL;
    }
    return PK_OK;
}

static int put_new(struct pk_replay *r, struct pk_str jti, int64_t exp_s, uint8_t flags) {
    for (uint32_t i = 0; i < PK_LIMIT_REPLAY_JTI; i++) {
        struct pk_replay_entry *e = &r->items[i];
        if (is_used(e)) {
            continue;
        }
        if (pk_str_copy(jti, e->jti, sizeof e->jti) <= 0) {
            return PK_E_BAD_MSG;
        }
        /* Beyond 2106 it would never expire here: a command lives a day at most, so that is a wrong clock. */
        e->exp_s = exp_s > UINT32_MAX ? UINT32_MAX : (uint32_t)exp_s;
        e->flags = flags;
        r->count++;
        r->high_count = r->count > r->high_count ? r->count : r->high_count;
        return PK_OK;
    }
    return PK_E_FULL;
}

int pk_replay_add(struct pk_replay *r, struct pk_str jti, int64_t exp_s, int64_t now_s) {
    PK_ASSERT(exp_s > 0);
    int err = pk_replay_check(r, jti, now_s);
    if (err == PK_OK) {
        err = put_new(r, jti, exp_s, MUST_WRITE);
    }
    if (err == PK_OK) {
        r->pending_count++;
    }
    return err;
}

bool pk_replay_forgets(const struct pk_replay *r) {
    uint32_t i = r->pending_count > 0 ? 0 : PK_LIMIT_REPLAY_JTI;
    while (i < PK_LIMIT_REPLAY_JTI && r->items[i].flags != MUST_DELETE) {
        i++;
    }
    return i < PK_LIMIT_REPLAY_JTI;
}

int pk_replay_write(struct pk_replay *r, struct pk_store_batch *batch) {
    for (uint32_t i = 0; i < PK_LIMIT_REPLAY_JTI && r->pending_count > 0; i++) {
        struct pk_replay_entry *e = &r->items[i];
        struct pk_record_key key;
        int err;
        if (!is_used(e) || e->flags == 0) {
            continue;
        }
        const struct pk_str jti = pk_str_of(e->jti);
        pk_record_key_jti(&key, pk_hash64(jti.p, jti.n));
        if (e->flags == MUST_WRITE) {
            uint8_t value[PK_RECORD_JTI_BYTES];
            const struct pk_jti_record record = {.jti = jti, .exp_s = e->exp_s};
            const uint32_t n = pk_record_jti_pack(&record, value, sizeof value);
            PK_ASSERT(n > 0);
            err = pk_batch_put(batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                               pk_str_make((const char *)value, n));
        } else {
            err = pk_batch_delete(batch, PK_TREE_OBJECTS, pk_record_key_str(&key));
        }
        if (err != PK_OK) {
            return err;
        }
        r->pending_count--;
        if (e->flags == MUST_DELETE) {
            *e = (struct pk_replay_entry){0};
            r->count--;
        } else {
            e->flags = 0;
        }
    }
    return PK_OK;
}

int pk_replay_load(struct pk_replay *r, struct pk_str value) {
    struct pk_jti_record record;
    const int err = pk_record_jti_unpack(value, &record);
    if (err != PK_OK) {
        return PK_E_BAD_MSG;
    }
    return find(r, record.jti) != NULL ? PK_OK : put_new(r, record.jti, record.exp_s, 0);
}
