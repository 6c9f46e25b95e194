#include "report/pk_audit_log.h"

#include <string.h>

#include "support/pk_real_crypto.h"
#include "support/pk_test.h"

static struct pk_real_crypto crypto;
static struct pk_audit_log audit;
static uint8_t bytes[16384];
static struct pk_store_batch batch;

static struct pk_audit_entry entry_of(const char *text) {
    struct pk_audit_entry e = {
        .at = {7, 1000, 1790000000000, PK_TIME_NTP}, .incident_number = 42, .kind = "note", .who = "agent"};
    (void)pk_str_copy_cut(pk_str_of(text), e.text, sizeof e.text);
    return e;
}

static void start(uint32_t count) {
    pk_real_crypto_open(&crypto);
    pk_audit_log_init(&audit, &crypto.port, NULL);
    pk_batch_init(&batch, bytes, sizeof bytes);
    for (uint32_t i = 0; i < count; i++) {
        struct pk_audit_entry e = entry_of("text");
        CHECK_EQ_INT(pk_audit_log_append(&audit, &batch, &e), PK_OK);
        CHECK_EQ_U64(e.n, i + 1);
    }
}

PK_TEST(audit_log__append__chains_and_stores_what_was_hashed) {
    struct pk_batch_op op;
    struct pk_audit_head head;
    struct pk_log_record record;
    uint32_t at = 0, count = 0;
    start(3);
    pk_audit_genesis(&head);
    while (pk_batch_next(&batch, &at, &op) == PK_OK) {
        uint64_t n = 0;
        CHECK_EQ_INT(op.tree, PK_TREE_JOURNAL);
        CHECK_EQ_INT(pk_record_key_log_parse(op.key, &n), PK_OK);
        CHECK_EQ_INT(pk_record_log_unpack(op.value, &record), PK_OK);
        CHECK_EQ_U64(record.incident_number, 42);
        CHECK_EQ_INT(pk_audit_check(&head, &crypto.port, n, record.json, record.hash), PK_OK);
        count++;
    }
    CHECK_EQ_U64(count, 3);
    CHECK_MEM(head.hash, audit.head.hash, PK_SHA256_BYTES);
    CHECK_EQ_U64(audit.appended_count, 3);
}

PK_TEST(audit_log__full_batch__changes_nothing) {
    struct pk_store_batch tiny;
    uint8_t small[64];
    start(1);
    const struct pk_audit_head before = audit.head;
    struct pk_audit_entry e = entry_of("x");
    pk_batch_init(&tiny, small, sizeof small);
    CHECK_EQ_INT(pk_audit_log_append(&audit, &tiny, &e), PK_E_FULL);
    CHECK_EQ_U64(e.n, 0);
    CHECK_MEM(&audit.head, &before, sizeof before);
    CHECK_EQ_U64(audit.refused_count, 1);
}

/* Reads the batch as if it had been stored, leaving out one entry and changing another. */
static void reload(const struct pk_meta *meta, uint64_t without_n, uint64_t changed_n) {
    struct pk_batch_op op;
    uint32_t at = 0;
    pk_audit_log_init(&audit, &crypto.port, meta);
    while (pk_batch_next(&batch, &at, &op) == PK_OK) {
        uint64_t n = 0;
        CHECK_EQ_INT(pk_record_key_log_parse(op.key, &n), PK_OK);
        if (n == without_n) {
            continue;
        }
        if (n == changed_n) {
            const size_t from = (size_t)((const uint8_t *)op.value.p - bytes);
            uint8_t *p = &bytes[from + op.value.n - 5u];
            *p = (uint8_t)(*p ^ 1u);
        }
        CHECK_EQ_INT(pk_audit_log_load(&audit, op.key, op.value), PK_OK);
    }
}

PK_TEST(audit_log__restart__goes_on_from_the_stored_chain) {
    struct pk_meta meta = {0};
    start(4);
    const struct pk_audit_head head = audit.head;
    reload(NULL, 0, 0);
    CHECK_MEM(&audit.head, &head, sizeof head);
    CHECK_EQ_U64(audit.gap_count + audit.damaged_count, 0);
    /* A checkpoint in the middle: what is before it is passed over. */
    start(2);
    pk_audit_log_meta(&audit, &meta);
    struct pk_audit_entry e = entry_of("text");
    CHECK_EQ_INT(pk_audit_log_append(&audit, &batch, &e), PK_OK);
    CHECK_EQ_INT(pk_audit_log_append(&audit, &batch, &e), PK_OK);
    reload(&meta, 0, 0);
    CHECK_MEM(&audit.head, &head, sizeof head);
}

PK_TEST(audit_log__damage__is_counted_and_the_numbers_go_on) {
    start(4);
    reload(NULL, 2, 0);
    CHECK_EQ_U64(audit.gap_count, 1);
    CHECK_EQ_U64(audit.head.n, 4);
    start(4);
    reload(NULL, 0, 3);
    CHECK_EQ_U64(audit.damaged_count, 1);
    CHECK_EQ_U64(audit.head.n, 4);
    start(1);
    struct pk_record_key key;
    pk_record_key_log(&key, 2);
    CHECK_EQ_INT(pk_audit_log_load(&audit, pk_record_key_str(&key), pk_str_of("junk")), PK_E_BAD_MSG);
    CHECK_EQ_U64(audit.head.n, 2);
    pk_record_key_meta(&key);
    CHECK_EQ_INT(pk_audit_log_load(&audit, pk_record_key_str(&key), pk_str_of("junk")), PK_E_NOT_FOUND);
}

PK_TEST(audit_log__trim__moves_the_base_entry_by_entry) {
    struct pk_batch_op op;
    struct pk_store_batch deletes;
    uint8_t space[512];
    uint32_t at = 0;
    start(5);
    pk_batch_init(&deletes, space, sizeof space);
    CHECK_EQ_U64(pk_audit_log_excess(&audit, 3), 2);
    CHECK_EQ_U64(pk_audit_log_excess(&audit, 9), 0);
    struct pk_log_record second;
    while (pk_batch_next(&batch, &at, &op) == PK_OK) {
        uint64_t n = 0;
        CHECK_EQ_INT(pk_record_key_log_parse(op.key, &n), PK_OK);
        CHECK_EQ_INT(pk_audit_log_trim(&audit, &deletes, 3, op.key, op.value),
                     n <= 2 ? PK_OK : PK_E_NOT_FOUND);
        if (n == 2) {
            CHECK_EQ_INT(pk_record_log_unpack(op.value, &second), PK_OK);
            CHECK_EQ_INT(pk_audit_log_trim(&audit, &deletes, 2, op.key, op.value), PK_E_CONFLICT);
        }
    }
    CHECK_EQ_U64(deletes.op_count, 2);
    CHECK_EQ_U64(audit.base.n, 2);
    CHECK_MEM(audit.base.hash, second.hash, PK_SHA256_BYTES);
    CHECK_EQ_U64(audit.trimmed_count, 2);
    /* What is kept verifies from the new base. */
    struct pk_audit_head head = audit.base;
    at = 0;
    while (pk_batch_next(&batch, &at, &op) == PK_OK) {
        struct pk_log_record record;
        CHECK_EQ_INT(pk_record_log_unpack(op.value, &record), PK_OK);
        if (record.n > 2) {
            CHECK_EQ_INT(pk_audit_check(&head, &crypto.port, record.n, record.json, record.hash), PK_OK);
        }
    }
    struct pk_record_key key;
    pk_record_key_log(&key, 3);
    CHECK_EQ_INT(pk_audit_log_trim(&audit, &deletes, 0, pk_record_key_str(&key), pk_str_of("junk")), PK_OK);
    CHECK_EQ_U64(audit.damaged_count, 1);
    CHECK_EQ_U64(audit.base.n, 3);
}

PK_TEST_MAIN(audit_log__append__chains_and_stores_what_was_hashed, audit_log__full_batch__changes_nothing,
             audit_log__restart__goes_on_from_the_stored_chain,
             audit_log__damage__is_counted_and_the_numbers_go_on,
             audit_log__trim__moves_the_base_entry_by_entry)
