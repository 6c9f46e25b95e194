#include "wire/pk_record.h"

#include <string.h>

#include "support/pk_test.h"

static uint8_t bytes[PK_STORE_VALUE_BYTES];

static struct pk_str value(uint32_t n) {
    return pk_str_make((char *)bytes, n);
}

PK_TEST(record_keys__byte_order__is_number_order) {
    struct pk_record_key a, b;
    pk_record_key_log(&a, 255);
    pk_record_key_log(&b, 256);
    CHECK_EQ_U64(a.n, 9);
    CHECK(memcmp(a.bytes, b.bytes, a.n) < 0);
    pk_record_key_outbox(&a, 2, 7, UINT64_MAX);
    pk_record_key_outbox(&b, 2, 8, 0);
    CHECK(memcmp(a.bytes, b.bytes, a.n) < 0);
    pk_record_key_outbox(&a, 3, 0, 0);
    CHECK(memcmp(b.bytes, a.bytes, a.n) < 0);
    static const uint8_t WANT[] = {'O', 3, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4};
    pk_record_key_outbox(&a, 3, 0x102, 0x304);
    CHECK_EQ_U64(a.n, sizeof WANT);
    CHECK_MEM(a.bytes, WANT, sizeof WANT);
}

PK_TEST(record_keys__parse__takes_only_its_own_kind) {
    struct pk_record_key key;
    uint64_t n = 0, seq = 0;
    uint32_t boot = 0;
    uint8_t lane = 0;
    pk_record_key_log(&key, 0x0102030405060708u);
    CHECK_EQ_INT(pk_record_key_log_parse(pk_record_key_str(&key), &n), PK_OK);
    CHECK_EQ_U64(n, 0x0102030405060708u);
    CHECK_EQ_INT(pk_record_key_outbox_parse(pk_record_key_str(&key), &lane, &boot, &seq), PK_E_BAD_MSG);
    uint16_t row = 0;
    CHECK_EQ_INT(pk_record_key_learned_parse(pk_record_key_str(&key), &row), PK_E_BAD_MSG);
    struct pk_record_key learned;
    pk_record_key_learned(&learned, 0x0102);
    CHECK_EQ_INT(pk_record_key_learned_parse(pk_record_key_str(&learned), &row), PK_OK);
    CHECK_EQ_U64(row, 0x0102);
    CHECK_EQ_INT(pk_record_key_log_parse(pk_record_key_str(&learned), &n), PK_E_BAD_MSG);
    key.n = 8;
    CHECK_EQ_INT(pk_record_key_log_parse(pk_record_key_str(&key), &n), PK_E_BAD_MSG);
    pk_record_key_outbox(&key, 9, 7, 5);
    CHECK_EQ_INT(pk_record_key_outbox_parse(pk_record_key_str(&key), &lane, &boot, &seq), PK_OK);
    CHECK_EQ_INT(lane, 9);
    CHECK_EQ_U64(boot, 7);
    CHECK_EQ_U64(seq, 5);
    CHECK_EQ_INT(pk_record_key_log_parse(pk_record_key_str(&key), &n), PK_E_BAD_MSG);
    pk_record_key_meta(&key);
    CHECK(pk_str_eq_c(pk_record_key_str(&key), "meta"));
    pk_record_key_schema(&key);
    CHECK(pk_str_eq_c(pk_record_key_str(&key), "schema"));
    pk_record_key_incident(&key, 42);
    CHECK_MEM(key.bytes, "i\0\0\0\x2A", 5);
    pk_record_key_run(&key, 1, 2);
    CHECK_MEM(key.bytes, "r\0\0\0\1\0\0\0\2", 9);
    pk_record_key_jti(&key, 1);
    CHECK_MEM(key.bytes, "j\0\0\0\0\0\0\0\1", 9);
}

PK_TEST(record_log__round_trip_and_bad_bytes) {
    struct pk_log_record record = {.n = 9,
                                   .incident_number = 42,
                                   .wall_ms = -5,
                                   .json = pk_str_of("{\"a\":1}")},
                         back;
    memset(record.hash, 0xAB, sizeof record.hash);
    const uint32_t n = pk_record_log_pack(&record, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_record_log_unpack(value(n), &back), PK_OK);
    CHECK_EQ_U64(back.n, 9);
    CHECK_EQ_U64(back.incident_number, 42);
    CHECK(back.wall_ms == -5);
    CHECK_MEM(back.hash, record.hash, sizeof back.hash);
    CHECK(pk_str_eq_c(back.json, "{\"a\":1}"));
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_log_unpack(value(k), &back), PK_E_BAD_MSG);
    }
    bytes[n] = 'x';
    CHECK_EQ_INT(pk_record_log_unpack(value(n + 1), &back), PK_E_BAD_MSG);
    CHECK_EQ_U64(pk_record_log_pack(&record, bytes, n - 1), 0);
    /* The largest entry fits the space that is promised for it. */
    static char longest[PK_AUDIT_JSON_BYTES];
    record.json = pk_str_make(longest, sizeof longest);
    CHECK(pk_record_log_pack(&record, bytes, PK_RECORD_LOG_BYTES) > 0);
}

PK_TEST(record_capsule__round_trip_and_bad_bytes) {
    struct pk_record_key key;
    struct pk_str piece;
    uint32_t number = 0;
    uint8_t chunk = 0;
    pk_record_key_capsule(&key, 70000, 3);
    CHECK_EQ_INT(pk_record_key_capsule_parse(pk_record_key_str(&key), &number, &chunk), PK_OK);
    CHECK(number == 70000 && chunk == 3);
    CHECK_EQ_INT(pk_record_key_capsule_parse(pk_str_of("f12345x"), &number, &chunk), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_record_key_capsule_parse(pk_str_of("x12345"), &number, &chunk), PK_E_BAD_MSG);
    const uint32_t n = pk_record_capsule_pack(pk_str_of("line\n"), bytes, 64);
    CHECK_EQ_INT(n, 7);
    CHECK_EQ_INT(pk_record_capsule_unpack(value(n), &piece), PK_OK);
    CHECK(pk_str_eq_c(piece, "line\n"));
    CHECK_EQ_INT(pk_record_capsule_unpack(value(1), &piece), PK_E_BAD_MSG);
    bytes[0] = PK_RECORD_META;
    CHECK_EQ_INT(pk_record_capsule_unpack(value(n), &piece), PK_E_BAD_MSG);
}

PK_TEST(record_meta__round_trip_and_bad_bytes) {
    struct pk_meta meta = {.boot = 7,
                           .next_incident_number = 43,
                           .wall_floor_ms = 1790000000000,
                           .log_base = {5, {1, 2, 3}},
                           .log_checkpoint = {9, {4, 5, 6}},
                           .ids_from_s = PK_META_IDS_LOST,
                           .kernel_boot = 0x1122334455667788u,
                           .trace_crc = 99,
                           .is_clean = true,
                           .shown_bits = 0x55,
                           .spends = {{123456789012, 20779, 3600}, {77, 683, 86400}},
                           .losses = {{7912, 1, 12021}, {3, 4, 5}, {6, 7, 8}}},
                   back;
    const uint32_t n = pk_record_meta_pack(&meta, bytes, PK_RECORD_META_BYTES);
    CHECK(n > 0);
    CHECK_EQ_INT(pk_record_meta_unpack(value(n), &back), PK_OK);
    CHECK_EQ_U64(back.boot, 7);
    CHECK_EQ_U64(back.next_incident_number, 43);
    CHECK(back.wall_floor_ms == 1790000000000);
    CHECK_EQ_U64(back.log_base.n, 5);
    CHECK_MEM(back.log_checkpoint.hash, meta.log_checkpoint.hash, PK_SHA256_BYTES);
    CHECK_EQ_U64(back.kernel_boot, 0x1122334455667788u);
    CHECK_EQ_U64(back.trace_crc, 99);
    CHECK_EQ_INT(back.ids_from_s, PK_META_IDS_LOST);
    CHECK(back.is_clean);
    CHECK_EQ_U64(back.shown_bits, 0x55);
    CHECK_EQ_U64(back.spends[0].used_bytes, 123456789012);
    CHECK_EQ_U64(back.spends[0].elapsed_s, 3600);
    CHECK_EQ_U64(back.spends[1].period, 683);
    CHECK(back.losses[0].count == 7912 && back.losses[0].last_seq == 12021 && back.losses[2].first_seq == 7);
    const uint32_t schema_2 = n - 72u, schema_1 = schema_2 - 32u;
    const uint32_t earlier = schema_1 - 13u; /* and before it said how the run ended */
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_meta_unpack(value(k), &back),
                     k == earlier || k == schema_1 || k == schema_2 ? PK_OK : PK_E_BAD_MSG);
    }
    CHECK_EQ_INT(pk_record_meta_unpack(value(schema_2), &back), PK_OK);
    CHECK(back.spends[1].period == 683 && back.losses[0].count == 0 && back.losses[2].last_seq == 0);
    CHECK_EQ_INT(back.ids_from_s, 0); /* then it was the number of something else */
    CHECK_EQ_INT(pk_record_meta_unpack(value(schema_1), &back), PK_OK);
    CHECK(back.is_clean && back.spends[0].used_bytes == 0 && back.spends[1].period == 0);
    CHECK_EQ_INT(pk_record_meta_unpack(value(earlier), &back), PK_OK);
    CHECK(back.kernel_boot == 0 && back.trace_crc == 0 && !back.is_clean);
    /* Boots whose clock became good late: written when there are any, each with all it has. */
    CHECK_EQ_U64(back.fixes[0].boot, 0);
    meta.fixes[0] = (struct pk_time_fix){.wall_minus_mono_ms = -5, .boot = 7, .quality = PK_TIME_HUB};
    meta.fixes[1] =
        (struct pk_time_fix){.wall_minus_mono_ms = 1795237490123, .boot = 6, .quality = PK_TIME_NTP};
    CHECK_EQ_U64(pk_record_meta_pack(&meta, bytes, PK_RECORD_META_BYTES), n + 26u);
    for (uint32_t k = n; k <= n + 26u; k++) {
        CHECK_EQ_INT(pk_record_meta_unpack(value(k), &back), (k - n) % 13u == 0 ? PK_OK : PK_E_BAD_MSG);
    }
    CHECK_EQ_INT(back.fixes[0].wall_minus_mono_ms, -5);
    CHECK_EQ_INT(back.fixes[0].quality, PK_TIME_HUB);
    CHECK_EQ_U64(back.fixes[1].boot, 6);
    CHECK_EQ_INT(back.fixes[1].wall_minus_mono_ms, 1795237490123);
    CHECK_EQ_U64(back.fixes[2].boot, 0);
    bytes[n + 12u] = PK_TIME_FLOOR; /* no good clock */
    CHECK_EQ_INT(pk_record_meta_unpack(value(n + 26u), &back), PK_E_BAD_MSG);
    meta.fixes[2] = meta.fixes[3] = meta.fixes[1];
    CHECK(pk_record_meta_pack(&meta, bytes, PK_RECORD_META_BYTES) > 0);
    CHECK_EQ_INT(pk_record_meta_unpack(value(n + 52u), &back), PK_OK);
    CHECK_EQ_U64(back.fixes[3].boot, 6);
    memset(meta.fixes, 0, sizeof meta.fixes);
    bytes[1] = 2;
    CHECK_EQ_INT(pk_record_meta_unpack(value(n), &back), PK_E_UNSUPPORTED);
    meta.log_checkpoint.n = 4; /* before the base */
    CHECK_EQ_U64(pk_record_meta_pack(&meta, bytes, sizeof bytes), n);
    CHECK_EQ_INT(pk_record_meta_unpack(value(n), &back), PK_E_BAD_MSG);
}

PK_TEST(record_schema__newer__is_unsupported) {
    uint32_t schema = 0;
    uint32_t n = pk_record_schema_pack(PK_SCHEMA_VERSION, bytes, sizeof bytes);
    CHECK_EQ_U64(n, 4);
    CHECK_EQ_INT(pk_record_schema_unpack(value(n), &schema), PK_OK);
    CHECK_EQ_U64(schema, PK_SCHEMA_VERSION);
    n = pk_record_schema_pack(PK_SCHEMA_VERSION + 1, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_record_schema_unpack(value(n), &schema), PK_E_UNSUPPORTED);
    n = pk_record_schema_pack(0, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_record_schema_unpack(value(n), &schema), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_record_schema_unpack(value(3), &schema), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_record_schema_unpack(value(5), &schema), PK_E_BAD_MSG);
}

PK_TEST(record_outbox__round_trip_and_bad_bytes) {
    struct pk_out_record record = {.kind = PK_OUT_APPROVAL,
                                   .severity = PK_SEV_HIGH,
                                   .then_clear = true,
                                   .subject = 42,
                                   .rev = 9,
                                   .wall_ms = 1790000000000,
                                   .id = pk_str_of("apr_7_3"),
                                   .body = pk_str_of("{}")},
                         back;
    const uint32_t n = pk_record_outbox_pack(&record, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_record_outbox_unpack(value(n), &back), PK_OK);
    CHECK_EQ_INT(back.kind, PK_OUT_APPROVAL);
    CHECK_EQ_INT(back.severity, PK_SEV_HIGH);
    CHECK(!back.is_open && back.then_clear);
    CHECK_EQ_U64(back.subject, 42);
    CHECK_EQ_U64(back.rev, 9);
    CHECK(pk_str_eq_c(back.id, "apr_7_3"));
    CHECK(pk_str_eq_c(back.body, "{}"));
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_outbox_unpack(value(k), &back), PK_E_BAD_MSG);
    }
    for (uint32_t at = 2; at <= 4; at++) { /* kind, severity, flags */
        const uint8_t was = bytes[at];
        bytes[at] = 200;
        CHECK_EQ_INT(pk_record_outbox_unpack(value(n), &back), PK_E_BAD_MSG);
        bytes[at] = was;
    }
    record.unsure_mono_ms = 123456789012;
    CHECK_EQ_U64(pk_record_outbox_pack(&record, bytes, sizeof bytes), n + 8u);
    CHECK_EQ_INT(pk_record_outbox_unpack(value(n + 8u), &back), PK_OK);
    CHECK_EQ_U64(back.unsure_mono_ms, 123456789012);
    CHECK(back.wall_ms == record.wall_ms && pk_str_eq_c(back.id, "apr_7_3"));
    CHECK_EQ_INT(pk_record_outbox_unpack(value(n + 7u), &back), PK_E_BAD_MSG);
    /* The head takes no more than was promised, so the largest body fits a value. */
    static char id[64], body[PK_STORE_VALUE_BYTES - PK_RECORD_OUTBOX_HEAD_BYTES];
    record.id = pk_str_make(id, sizeof id);
    record.body = pk_str_make(body, sizeof body);
    CHECK(pk_record_outbox_pack(&record, bytes, sizeof bytes) > 0);
}

PK_TEST(record_jti__round_trip_and_bad_bytes) {
    struct pk_jti_record record = {.jti = pk_str_of("c0ffee00-0000-4000-8000-000000000001"),
                                   .exp_s = 1790000300},
                         back;
    uint32_t n = pk_record_jti_pack(&record, bytes, PK_RECORD_JTI_BYTES);
    CHECK(n > 0);
    CHECK_EQ_INT(pk_record_jti_unpack(value(n), &back), PK_OK);
    CHECK(pk_str_eq(back.jti, record.jti));
    CHECK(back.exp_s == record.exp_s);
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_jti_unpack(value(k), &back), PK_E_BAD_MSG);
    }
    record.jti = pk_str_of("a/b");
    n = pk_record_jti_pack(&record, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_record_jti_unpack(value(n), &back), PK_E_BAD_MSG);
}

PK_TEST(record_rule__round_trip_and_bad_bytes) {
    static uint8_t rule_bytes[PK_RECORD_RULE_BYTES];
    struct pk_rule_record record = {
        .id = pk_str_of("cpu_high"), .text = pk_str_of("[rule cpu_high]\non = any"), .is_switched = true};
    struct pk_rule_record back;
    uint32_t n = pk_record_rule_pack(&record, rule_bytes, sizeof rule_bytes);
    REQUIRE(n > 0);
    CHECK_EQ_INT(pk_record_rule_unpack(pk_str_make((const char *)rule_bytes, n), &back), PK_OK);
    CHECK(pk_str_eq(back.id, record.id) && pk_str_eq(back.text, record.text));
    CHECK(back.is_switched && !back.is_enabled);
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_rule_unpack(pk_str_make((const char *)rule_bytes, k), &back), PK_E_BAD_MSG);
    }
    rule_bytes[2] = 7; /* flags */
    CHECK_EQ_INT(pk_record_rule_unpack(pk_str_make((const char *)rule_bytes, n), &back), PK_E_BAD_MSG);
    record = (struct pk_rule_record){.id = pk_str_of("a b"), .is_switched = true, .is_enabled = true};
    n = pk_record_rule_pack(&record, rule_bytes, sizeof rule_bytes);
    CHECK_EQ_INT(pk_record_rule_unpack(pk_str_make((const char *)rule_bytes, n), &back), PK_E_BAD_MSG);
    static char longest[PK_RECORD_RULE_TEXT_BYTES];
    memset(longest, 'x', sizeof longest);
    record = (struct pk_rule_record){.id = pk_str_of("a"), .text = pk_str_make(longest, sizeof longest)};
    n = pk_record_rule_pack(&record, rule_bytes, sizeof rule_bytes);
    CHECK(n > 0 && n <= PK_STORE_VALUE_BYTES);
    CHECK_EQ_INT(pk_record_rule_unpack(pk_str_make((const char *)rule_bytes, n), &back), PK_OK);
    struct pk_record_key key;
    pk_record_key_rule(&key, 0x0102030405060708u);
    CHECK_EQ_U64(key.n, 9);
    CHECK(key.bytes[0] == 'u' && key.bytes[8] == 8);
}

PK_TEST(record_session__round_trip_and_bad_bytes) {
    static struct pk_session_record record, back;
    static uint8_t out[PK_RECORD_SESSION_BYTES];
    record.session = 0x0102030405060708u;
    record.count = PK_RECORD_SESSION_IDS;
    for (uint32_t i = 0; i < record.count; i++) {
        record.ids[i] = (uint16_t)(65535 - i);
    }
    uint32_t n = pk_record_session_pack(&record, out, sizeof out);
    CHECK_EQ_U64(n, PK_RECORD_SESSION_BYTES);
    CHECK_EQ_INT(pk_record_session_unpack(pk_str_make((const char *)out, n), &back), PK_OK);
    CHECK(back.session == record.session && back.count == record.count);
    CHECK_MEM(back.ids, record.ids, sizeof record.ids);
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_session_unpack(pk_str_make((const char *)out, k), &back), PK_E_BAD_MSG);
    }
    out[10] = 0xFF; /* more than there may be */
    CHECK_EQ_INT(pk_record_session_unpack(pk_str_make((const char *)out, n), &back), PK_E_BAD_MSG);
    record.count = 1;
    record.ids[0] = 0;
    n = pk_record_session_pack(&record, out, sizeof out);
    CHECK_EQ_INT(pk_record_session_unpack(pk_str_make((const char *)out, n), &back), PK_E_BAD_MSG);
    struct pk_record_key key;
    uint8_t link = 0;
    pk_record_key_session(&key, 1);
    CHECK_EQ_INT(pk_record_key_session_parse(pk_record_key_str(&key), &link), PK_OK);
    CHECK_EQ_INT(link, 1);
    pk_record_key_rule(&key, 1);
    CHECK_EQ_INT(pk_record_key_session_parse(pk_record_key_str(&key), &link), PK_E_BAD_MSG);
}

PK_TEST_MAIN(record_keys__byte_order__is_number_order, record_keys__parse__takes_only_its_own_kind,
             record_log__round_trip_and_bad_bytes, record_meta__round_trip_and_bad_bytes,
             record_capsule__round_trip_and_bad_bytes, record_schema__newer__is_unsupported,
             record_outbox__round_trip_and_bad_bytes, record_jti__round_trip_and_bad_bytes,
             record_rule__round_trip_and_bad_bytes, record_session__round_trip_and_bad_bytes)
