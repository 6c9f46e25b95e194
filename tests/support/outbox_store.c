#include "support/outbox_store.h"

#include <string.h>

#include "support/pk_test.h"

static uint32_t find(const struct outbox_store *s, const uint8_t *key) {
    uint32_t i = 0;
    while (i < s->count && memcmp(s->records[i].key, key, OUTBOX_STORE_KEY_BYTES) < 0) {
        i++;
    }
    return i;
}

static void apply(struct outbox_store *s, const struct pk_batch_op *op) {
    const uint32_t i = find(s, (const uint8_t *)op->key.p);
    const bool is_there = i < s->count && memcmp(s->records[i].key, op->key.p, OUTBOX_STORE_KEY_BYTES) == 0;
    if (op->is_delete && is_there) {
        s->count--;
        memmove(&s->records[i], &s->records[i + 1], (s->count - i) * sizeof s->records[0]);
    }
    if (op->is_delete) {
        return;
    }
    REQUIRE(!is_there && s->count < OUTBOX_STORE_RECORDS && op->value.n <= OUTBOX_STORE_VALUE_BYTES);
    memmove(&s->records[i + 1], &s->records[i], (s->count - i) * sizeof s->records[0]);
    s->count++;
    memcpy(s->records[i].key, op->key.p, OUTBOX_STORE_KEY_BYTES);
    s->records[i].value_bytes = (uint16_t)op->value.n;
    memcpy(s->records[i].value, op->value.p, op->value.n);
}

void outbox_store_open(struct outbox_store *s, uint32_t boot, uint64_t cap_bytes, bool is_hub_acked) {
    pk_outbox_init(&s->ob, boot, cap_bytes);
    pk_outbox_hub(&s->ob, is_hub_acked);
    pk_batch_init(&s->batch, s->batch_bytes, sizeof s->batch_bytes);
    s->seq = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct pk_str key = pk_str_make((char *)s->records[i].key, OUTBOX_STORE_KEY_BYTES);
        const struct pk_str value = pk_str_make((char *)s->records[i].value, s->records[i].value_bytes);
        CHECK_EQ_INT(pk_outbox_load(&s->ob, key, value), PK_OK);
    }
}

void outbox_store_commit(struct outbox_store *s) {
    struct pk_batch_op op;
    uint32_t at = 0;
    CHECK_EQ_INT(pk_outbox_flush(&s->ob, &s->batch), PK_OK);
    if (s->batch.op_count == 0) {
        return;
    }
    pk_outbox_submitted(&s->ob, ++s->seq);
    while (pk_batch_next(&s->batch, &at, &op) == PK_OK) {
        apply(s, &op);
    }
    pk_batch_clear(&s->batch);
    pk_outbox_durable(&s->ob, s->seq);
}

static int owe(void *arg, uint32_t incident) {
    (void)arg;
    (void)incident;
    return PK_E_NOT_FOUND;
}

void outbox_store_answer(struct outbox_store *s) {
    static const struct pk_outbox_keeper KEEPER = {.owe = owe, .arg = NULL};
    const struct pk_store_fetch *f = &s->fetch;
    uint32_t at = 0, count = 0;
    for (uint32_t i = find(s, f->from); i < s->count && count < f->max_records; i++, count++) {
        const uint16_t value_bytes = s->records[i].value_bytes;
        if (memcmp(s->records[i].key, f->to, OUTBOX_STORE_KEY_BYTES) >= 0 ||
            at + 4u + OUTBOX_STORE_KEY_BYTES + value_bytes > f->out_cap_bytes) {
            break;
        }
        f->out[at] = PK_TREE_JOURNAL;
        f->out[at + 1] = OUTBOX_STORE_KEY_BYTES;
        f->out[at + 2] = (uint8_t)value_bytes;
        f->out[at + 3] = (uint8_t)(value_bytes >> 8);
        memcpy(f->out + at + 4, s->records[i].key, OUTBOX_STORE_KEY_BYTES);
        memcpy(f->out + at + 4 + OUTBOX_STORE_KEY_BYTES, s->records[i].value, value_bytes);
        at += 4u + OUTBOX_STORE_KEY_BYTES + value_bytes;
    }
    pk_outbox_fetched(&s->ob, (int)count, at, &KEEPER);
}

bool outbox_store_read(struct outbox_store *s) {
    uint32_t count = 0;
    for (; count < 1000 && pk_outbox_fetch_wanted(&s->ob, &s->fetch); count++) {
        outbox_store_answer(s);
    }
    CHECK(count < 1000); /* it comes to an end by itself */
    return count > 0;
}
