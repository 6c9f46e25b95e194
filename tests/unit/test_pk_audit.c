#include "wire/pk_audit.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_real_crypto.h"
#include "support/pk_test.h"

enum { ENTRIES = 3 };

static char text[4096];
static struct pk_str json[ENTRIES];
static uint8_t hashes[ENTRIES][PK_SHA256_BYTES];

/* The vector: a line with number and hash, a line with the entry, and so on. */
static void load(void) {
    struct pk_str rest = pk_golden("audit_chain.jsonl", text, sizeof text), line;
    for (unsigned i = 0; i < ENTRIES; i++) {
        CHECK(pk_str_split(&rest, '\n', &line));
        const char *hex = strstr(line.p, "\"hash\":\"") + 8;
        for (unsigned k = 0; k < PK_SHA256_BYTES; k++) {
            uint64_t byte = 0;
            CHECK_EQ_INT(pk_parse_hex_u64(pk_str_make(hex + 2 * k, 2), &byte), PK_OK);
            hashes[i][k] = (uint8_t)byte;
        }
        CHECK(pk_str_split(&rest, '\n', &json[i]));
    }
}

PK_TEST(audit__chain__is_the_golden_vector) {
    struct pk_real_crypto t;
    struct pk_audit_head head;
    pk_real_crypto_open(&t);
    load();
    pk_audit_genesis(&head);
    for (unsigned i = 0; i < ENTRIES; i++) {
        pk_audit_step(&head, &t.port, json[i]);
        CHECK_EQ_U64(head.n, i + 1);
        CHECK_MEM(head.hash, hashes[i], PK_SHA256_BYTES);
    }
}

PK_TEST(audit__entries__are_written_as_in_the_vector_and_read_back) {
    struct pk_audit_entry e;
    char out[PK_AUDIT_JSON_BYTES];
    load();
    for (unsigned i = 0; i < ENTRIES; i++) {
        CHECK_EQ_INT(pk_audit_entry_parse(json[i], &e), PK_OK);
        const uint32_t n = pk_audit_entry_json(&e, out);
        CHECK_EQ_U64(n, json[i].n);
        CHECK_MEM(out, json[i].p, n);
    }
    CHECK_EQ_U64(e.incident_number, 42);
    CHECK_EQ_INT(e.severity, PK_SEV_HIGH);
    CHECK_STR(e.kind, "note");
    CHECK_STR(e.who, "key:alice");
    CHECK_STR(e.text, "\xC3\x96l \xE2\x89\xA0 \"Wasser\"\n");
    CHECK(e.at.wall_ms == 0);
    CHECK_EQ_U64(e.at.boot, 8);
}

PK_TEST(audit__check__finds_changed_removed_and_reordered) {
    struct pk_real_crypto t;
    struct pk_audit_head head;
    pk_real_crypto_open(&t);
    load();
    pk_audit_genesis(&head);
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 1, json[0], hashes[0]), PK_OK);
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 3, json[2], hashes[2]), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 2, json[2], hashes[2]), PK_E_CORRUPT);
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 1, json[0], hashes[0]), PK_E_CONFLICT);
    CHECK_EQ_U64(head.n, 1);
    CHECK_MEM(head.hash, hashes[0], PK_SHA256_BYTES);
    text[json[1].p - text + 10] ^= 1;
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 2, json[1], hashes[1]), PK_E_CORRUPT);
    text[json[1].p - text + 10] ^= 1;
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 2, json[1], hashes[1]), PK_OK);
    CHECK_EQ_INT(pk_audit_check(&head, &t.port, 3, json[2], hashes[2]), PK_OK);
}

PK_TEST(audit__longest_texts__are_cut_so_that_the_entry_is_whole) {
    struct pk_audit_entry e = {.at = {UINT32_MAX, UINT64_MAX, INT64_MAX, PK_TIME_FLOOR},
                               .incident_number = UINT32_MAX,
                               .severity = 4},
                          back;
    char out[PK_AUDIT_JSON_BYTES];
    memset(e.kind, 'k', sizeof e.kind - 1);
    memset(e.who, 'w', sizeof e.who - 1);
    memset(e.text, '\x01', sizeof e.text - 1); /* six characters each */
    const uint32_t n = pk_audit_entry_json(&e, out);
    CHECK(n < PK_AUDIT_JSON_BYTES);
    CHECK_EQ_INT(pk_audit_entry_parse(pk_str_make(out, n), &back), PK_OK);
    CHECK(strlen(back.text) > 10 && strlen(back.text) < sizeof e.text - 1);
    memset(e.text, 'a', sizeof e.text - 1);
    CHECK_EQ_INT(pk_audit_entry_parse(pk_str_make(out, pk_audit_entry_json(&e, out)), &back), PK_OK);
    CHECK_EQ_U64(strlen(back.text), sizeof e.text - 1);
}

PK_TEST(audit__bad_entries__are_refused) {
    struct pk_audit_entry e;
    load();
    for (uint32_t n = 0; n < json[1].n; n++) {
        CHECK_EQ_INT(pk_audit_entry_parse(pk_str_make(json[1].p, n), &e), PK_E_BAD_MSG);
    }
    CHECK_EQ_INT(pk_audit_entry_parse(pk_str_of("{}"), &e), PK_E_MISSING_FIELD);
}

PK_TEST_MAIN(audit__chain__is_the_golden_vector, audit__entries__are_written_as_in_the_vector_and_read_back,
             audit__check__finds_changed_removed_and_reordered,
             audit__longest_texts__are_cut_so_that_the_entry_is_whole, audit__bad_entries__are_refused)
