#include "wire/pk_record_silence.h"

#include <string.h>

#include "support/pk_test.h"

static uint8_t bytes[PK_RECORD_SILENCE_BYTES];

static struct pk_silence largest(void) {
    struct pk_silence s = {.number = 65535,
                           .kind = PK_SILENCE_MAINTENANCE,
                           .severity = PK_SEV_CRITICAL,
                           .has_begun = true,
                           .is_again = true,
                           .from = {.boot = 1, .mono_ms = UINT64_MAX, .wall_ms = INT64_MAX, .quality = 3},
                           .until = {.boot = UINT32_MAX, .mono_ms = 1, .wall_ms = 2, .quality = 2}};
    memset(s.rule, 'r', sizeof s.rule - 1);
    memset(s.type, 't', sizeof s.type - 1);
    memset(s.component, 'c', sizeof s.component - 1);
    memset(s.by, 'b', sizeof s.by - 1);
    memset(s.why, 'w', sizeof s.why - 1);
    return s;
}

PK_TEST(silence__both_ways_and_every_cut_is_refused) {
    const struct pk_silence s = largest();
    struct pk_silence back;
    const uint32_t n = pk_record_silence_pack(&s, bytes, sizeof bytes);
    CHECK(n > 0 && n <= PK_RECORD_SILENCE_BYTES);
    CHECK_EQ_INT(pk_record_silence_unpack(pk_str_make((const char *)bytes, n), &back), PK_OK);
    CHECK_EQ_U64(back.number, s.number);
    CHECK_EQ_INT(back.kind, s.kind);
    CHECK(back.has_begun && back.is_again);
    CHECK_EQ_U64(back.from.mono_ms, s.from.mono_ms);
    CHECK_EQ_INT(back.until.wall_ms, s.until.wall_ms);
    CHECK_STR(back.rule, s.rule);
    CHECK_STR(back.type, s.type);
    CHECK_STR(back.component, s.component);
    CHECK_STR(back.by, s.by);
    CHECK_STR(back.why, s.why);
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_silence_unpack(pk_str_make((const char *)bytes, k), &back), PK_E_BAD_MSG);
    }
    bytes[1] = 2;
    CHECK_EQ_INT(pk_record_silence_unpack(pk_str_make((const char *)bytes, n), &back), PK_E_UNSUPPORTED);
    bytes[1] = 1;
    bytes[4] = PK_SILENCE_KIND_COUNT;
    CHECK_EQ_INT(pk_record_silence_unpack(pk_str_make((const char *)bytes, n), &back), PK_E_BAD_MSG);
}

PK_TEST(card__both_ways_and_every_cut_is_refused) {
    const struct pk_rule_card card = {.key = 77, .counts = {1, 2, 3, UINT32_MAX}};
    struct pk_rule_card back;
    const uint32_t n = pk_record_card_pack(&card, bytes, PK_RECORD_CARD_BYTES);
    CHECK_EQ_INT(pk_record_card_unpack(pk_str_make((const char *)bytes, n), &back), PK_OK);
    CHECK_EQ_U64(back.key, 77);
    CHECK_EQ_INT(memcmp(back.counts, card.counts, sizeof back.counts), 0);
    for (uint32_t k = 0; k < n; k++) {
        CHECK_EQ_INT(pk_record_card_unpack(pk_str_make((const char *)bytes, k), &back), PK_E_BAD_MSG);
    }
}

PK_TEST(keys__as_the_header_says) {
    struct pk_record_key key;
    pk_record_key_silence(&key, 0x01020304);
    CHECK_EQ_U64(key.n, 5);
    CHECK_EQ_INT(memcmp(key.bytes, "s\x01\x02\x03\x04", 5), 0);
    pk_record_key_card(&key, 0xFFFFFFFF);
    CHECK_EQ_INT(memcmp(key.bytes, "c\xFF\xFF\xFF\xFF", 5), 0);
}

PK_TEST_MAIN(silence__both_ways_and_every_cut_is_refused, card__both_ways_and_every_cut_is_refused,
             keys__as_the_header_says)
