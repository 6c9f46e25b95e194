#include "base/pk_batch.h"

#include <string.h>

#include "base/pk_assert.h"

enum { OP_PUT = 1, OP_DELETE = 2, OP_HEAD_BYTES = 5, RECORD_HEAD_BYTES = 4 };

void pk_batch_init(struct pk_store_batch *b, void *p, uint32_t cap_bytes) {
    b->p = p;
    b->cap_bytes = cap_bytes;
    pk_batch_clear(b);
}

void pk_batch_clear(struct pk_store_batch *b) {
    b->n = 0;
    b->op_count = 0;
}

static int add(struct pk_store_batch *b, uint8_t op, enum pk_tree tree, struct pk_str key,
               struct pk_str value) {
    PK_ASSERT((unsigned)tree < PK_TREE_COUNT);
    PK_ASSERT(key.n >= 1 && key.n <= PK_STORE_KEY_BYTES);
    PK_ASSERT(value.n <= PK_STORE_VALUE_BYTES);
    PK_ASSERT(b->n <= b->cap_bytes);
    if (b->cap_bytes - b->n < OP_HEAD_BYTES + key.n + value.n) {
        return PK_E_FULL;
    }
    uint8_t *at = b->p + b->n;
    at[0] = op;
    at[1] = (uint8_t)tree;
    at[2] = (uint8_t)key.n;
    at[3] = (uint8_t)(value.n & 0xFFu);
    at[4] = (uint8_t)(value.n >> 8);
    memcpy(at + OP_HEAD_BYTES, key.p, key.n);
    if (value.n > 0) {
        memcpy(at + OP_HEAD_BYTES + key.n, value.p, value.n);
    }
    b->n += OP_HEAD_BYTES + key.n + value.n;
    b->op_count++;
    return PK_OK;
}

int pk_batch_put(struct pk_store_batch *b, enum pk_tree tree, struct pk_str key, struct pk_str value) {
    return add(b, OP_PUT, tree, key, value);
}

int pk_batch_delete(struct pk_store_batch *b, enum pk_tree tree, struct pk_str key) {
    return add(b, OP_DELETE, tree, key, (struct pk_str){NULL, 0});
}

/* The part every packed record shares: u8 tree, u8 key length, u16 value length, key, value. */
static int take_record(const uint8_t *p, uint32_t n, uint32_t *at, enum pk_tree *out_tree,
                       struct pk_str *out_key, struct pk_str *out_value) {
    if (n - *at < RECORD_HEAD_BYTES) {
        return PK_E_BAD_MSG;
    }
    const uint8_t *head = p + *at;
    const uint32_t key_bytes = head[1];
    const uint32_t value_bytes = (uint32_t)head[2] | ((uint32_t)head[3] << 8);
    if (head[0] >= PK_TREE_COUNT || key_bytes == 0 || key_bytes > PK_STORE_KEY_BYTES ||
        value_bytes > PK_STORE_VALUE_BYTES || n - *at < RECORD_HEAD_BYTES + key_bytes + value_bytes) {
        return PK_E_BAD_MSG;
    }
    const char *key = (const char *)head + RECORD_HEAD_BYTES;
    *out_tree = (enum pk_tree)head[0];
    *out_key = pk_str_make(key, key_bytes);
    *out_value = pk_str_make(key + key_bytes, value_bytes);
    *at += RECORD_HEAD_BYTES + key_bytes + value_bytes;
    return PK_OK;
}

int pk_batch_next(const struct pk_store_batch *b, uint32_t *at, struct pk_batch_op *out) {
    if (*at == b->n) {
        return PK_E_NOT_FOUND;
    }
    if (*at > b->n) {
        return PK_E_BAD_MSG;
    }
    const uint8_t op = b->p[*at];
    if (op != OP_PUT && op != OP_DELETE) {
        return PK_E_BAD_MSG;
    }
    uint32_t body_at = *at + 1;
    const int err = take_record(b->p, b->n, &body_at, &out->tree, &out->key, &out->value);
    if (err != PK_OK) {
        return err;
    }
    out->is_delete = op == OP_DELETE;
    if (out->is_delete && out->value.n > 0) {
        return PK_E_BAD_MSG;
    }
    *at = body_at;
    return PK_OK;
}

bool pk_batch_has_delete(const struct pk_store_batch *b) {
    uint32_t at = 0;
    struct pk_batch_op op;
    while (pk_batch_next(b, &at, &op) == PK_OK) {
        if (op.is_delete) {
            return true;
        }
    }
    return false;
}

int pk_fetch_next(const uint8_t *p, uint32_t n, uint32_t *at, struct pk_str *out_key,
                  struct pk_str *out_value) {
    if (*at == n) {
        return PK_E_NOT_FOUND;
    }
    if (*at > n) {
        return PK_E_BAD_MSG;
    }
    enum pk_tree tree;
    return take_record(p, n, at, &tree, out_key, out_value);
}
