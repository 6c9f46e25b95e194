#ifndef PK_BATCH_H
#define PK_BATCH_H
/* Packs the operations of one store transaction into a caller's buffer (layout in port.h) and walks them. */
#include "base/pk_text.h"
#include "port/port.h"

void pk_batch_init(struct pk_store_batch *b, void *p, uint32_t cap_bytes);
void pk_batch_clear(struct pk_store_batch *b);
/* PK_OK; PK_E_FULL (nothing added). Key 1..PK_STORE_KEY_BYTES and value 0..PK_STORE_VALUE_BYTES are asserted:
 * they are our own. */
PK_MUST_USE int pk_batch_put(struct pk_store_batch *b, enum pk_tree tree, struct pk_str key,
                             struct pk_str value);
PK_MUST_USE int pk_batch_delete(struct pk_store_batch *b, enum pk_tree tree, struct pk_str key);

struct pk_batch_op {
    bool is_delete;
    enum pk_tree tree;
    struct pk_str key, value;
};
/* Starts at *at = 0. PK_OK, PK_E_NOT_FOUND at the end, PK_E_BAD_MSG when the bytes are not a batch. */
PK_MUST_USE int pk_batch_next(const struct pk_store_batch *b, uint32_t *at, struct pk_batch_op *out);
/* Whether one of its operations deletes. */
bool pk_batch_has_delete(const struct pk_store_batch *b);
/* Walks records of a finished fetch (layout in port.h) the same way. */
PK_MUST_USE int pk_fetch_next(const uint8_t *p, uint32_t n, uint32_t *at, struct pk_str *out_key,
                              struct pk_str *out_value);
#endif
