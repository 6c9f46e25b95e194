#ifndef OUTBOX_STORE_H
#define OUTBOX_STORE_H
/* An outbox and a store in memory for it: what is in a batch is on the medium when outbox_store_commit ends,
 * and a crash (outbox_store_open) loses what is not. */
#include "report/pk_outbox.h"

enum { OUTBOX_STORE_RECORDS = 2048, OUTBOX_STORE_KEY_BYTES = 14, OUTBOX_STORE_VALUE_BYTES = 200 };

struct outbox_store {
    struct pk_outbox ob;
    struct {
        uint8_t key[OUTBOX_STORE_KEY_BYTES];
        uint16_t value_bytes;
        uint8_t value[OUTBOX_STORE_VALUE_BYTES];
    } records[OUTBOX_STORE_RECORDS]; /* sorted by key */
    uint32_t count;
    struct pk_store_batch batch;
    uint8_t batch_bytes[8192];
    struct pk_store_fetch fetch;
    uint64_t seq;
};

/* A start with what is on the medium. */
void outbox_store_open(struct outbox_store *s, uint32_t boot, uint64_t cap_bytes, bool is_hub_acked);
/* What was acknowledged is deleted with it. */
void outbox_store_commit(struct outbox_store *s);
/* Answers the fetch that is under way. Nobody keeps incidents: what the cap drops is lost. */
void outbox_store_answer(struct outbox_store *s);
/* Reads back until nothing is wanted; true when anything was. */
bool outbox_store_read(struct outbox_store *s);
#endif
