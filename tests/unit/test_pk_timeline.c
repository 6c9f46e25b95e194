#include "incident/pk_timeline.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static struct pk_timeline t;

static uint32_t add(uint32_t incident, const char *text) {
    struct pk_timeline_entry e = {.incident = incident,
                                  .at = {.boot = 3, .mono_ms = 77, .wall_ms = -5, .quality = 2},
                                  .severity = PK_SEV_HIGH,
                                  .source = PK_TL_BY_OPERATOR,
                                  .kind = PK_TL_NOTE};
    strncpy(e.text, text, sizeof e.text - 1);
    return pk_timeline_add(&t, &e);
}

PK_TEST(add__comes_back_as_it_was) {
    struct pk_timeline_entry e;
    pk_timeline_init(&t);
    CHECK_EQ_U64(add(9, "hello"), 1);
    CHECK_EQ_INT(pk_timeline_next(&t, 0, 0, &e), PK_OK);
    CHECK_EQ_U64(e.incident, 9);
    CHECK_EQ_U64(e.seq, 1);
    CHECK_EQ_U64(e.at.boot, 3);
    CHECK_EQ_U64(e.at.mono_ms, 77);
    CHECK_EQ_INT(e.at.wall_ms, -5);
    CHECK_EQ_INT(e.at.quality, 2);
    CHECK_EQ_INT(e.severity, PK_SEV_HIGH);
    CHECK_EQ_INT(e.source, PK_TL_BY_OPERATOR);
    CHECK_EQ_INT(e.kind, PK_TL_NOTE);
    CHECK_STR(e.text, "hello");
    CHECK_EQ_INT(pk_timeline_next(&t, 0, 1, &e), PK_E_NOT_FOUND);
}

PK_TEST(next__walks_one_incident_in_order) {
    struct pk_timeline_entry e = {.seq = 0};
    uint32_t found = 0, after = 0;
    pk_timeline_init(&t);
    for (uint32_t i = 0; i < 30; i++) {
        (void)add(i % 3 + 1, i % 2 == 0 ? "even" : "");
    }
    while (pk_timeline_next(&t, 2, after, &e) == PK_OK) {
        CHECK(e.seq > after && e.incident == 2);
        after = e.seq;
        found++;
    }
    CHECK_EQ_U64(found, 10);
    CHECK_EQ_INT(pk_timeline_next(&t, 4, 0, &e), PK_E_NOT_FOUND);
}

PK_TEST(next_new__hands_out_each_once) {
    struct pk_timeline_entry e;
    pk_timeline_init(&t);
    CHECK_EQ_INT(pk_timeline_next_new(&t, &e), PK_E_NOT_FOUND);
    (void)add(1, "a");
    (void)add(2, "b");
    CHECK_EQ_INT(pk_timeline_next_new(&t, &e), PK_OK);
    CHECK_STR(e.text, "a");
    (void)add(3, "c");
    CHECK_EQ_INT(pk_timeline_next_new(&t, &e), PK_OK);
    CHECK_EQ_INT(pk_timeline_next_new(&t, &e), PK_OK);
    CHECK_STR(e.text, "c");
    CHECK_EQ_INT(pk_timeline_next_new(&t, &e), PK_E_NOT_FOUND);
    CHECK_EQ_U64(t.lost_count, 0);
}

PK_TEST(full__oldest_go_and_what_was_not_pulled_is_counted) {
    struct pk_timeline_entry e;
    uint32_t pulled = 0;
    const uint32_t total = PK_LIMIT_TIMELINE * 8u;
    pk_timeline_init(&t);
    for (uint32_t i = 0; i < total; i++) {
        (void)add(1, "some words that take about as much room as they usually do");
    }
    CHECK_EQ_U64(t.count + t.overwritten_count, total);
    CHECK_EQ_U64(t.lost_count, t.overwritten_count);
    CHECK(t.count >= PK_LIMIT_TIMELINE * 9u / 10u);
    while (pk_timeline_next_new(&t, &e) == PK_OK) {
        pulled++;
    }
    CHECK_EQ_U64(pulled + t.lost_count, total);
    CHECK_EQ_U64(e.seq, total);
}

/* Against a plain array of everything ever added. */
PK_TEST(random__equals_the_model) {
    static uint8_t lengths[200000];
    struct pk_rng rng;
    struct pk_timeline_entry e;
    char text[PK_TIMELINE_TEXT_BYTES];
    uint32_t n = 0;
    pk_timeline_init(&t);
    pk_rng_seed(&rng, 5);
    memset(text, 'x', sizeof text);
    while (n < 20000) {
        const uint32_t len = (uint32_t)pk_rng_below(&rng, PK_TIMELINE_TEXT_BYTES);
        text[len] = '\0';
        CHECK_EQ_U64(add(n % 7 + 1, text), n + 1);
        text[len] = 'x';
        lengths[n++] = (uint8_t)len;
        if (pk_rng_below(&rng, 3) == 0 && pk_timeline_next_new(&t, &e) == PK_OK) {
            CHECK_EQ_U64(strlen(e.text), lengths[e.seq - 1]);
            CHECK_EQ_U64(e.incident, (e.seq - 1) % 7 + 1);
        }
        if (n % (PK_LIMIT_TIMELINE > 1000u ? 9973u : 997u) == 0) { /* a whole walk is slow in a long ring */
            uint32_t seen = 0, after = 0;
            while (pk_timeline_next(&t, 0, after, &e) == PK_OK) {
                CHECK(e.seq == after + 1 || after == 0);
                CHECK_EQ_U64(strlen(e.text), lengths[e.seq - 1]);
                after = e.seq;
                seen++;
            }
            CHECK_EQ_U64(seen, t.count);
            CHECK_EQ_U64(after, n);
        }
    }
}

PK_TEST(text__cut_at_a_character) {
    struct pk_timeline_entry e = {.kind = PK_TL_NOTE, .source = PK_TL_BY_HUB};
    pk_timeline_init(&t);
    memset(e.text, 'a', sizeof e.text - 1);
    (void)pk_timeline_add(&t, &e);
    CHECK_EQ_INT(pk_timeline_next(&t, 0, 0, &e), PK_OK);
    CHECK_EQ_U64(strlen(e.text), PK_TIMELINE_TEXT_BYTES - 1);
}

PK_TEST(words) {
    CHECK_STR(pk_timeline_kind_word(PK_TL_CREATED), "created");
    CHECK_STR(pk_timeline_kind_word(PK_TL_KIND_COUNT), "unknown");
    CHECK_STR(pk_timeline_source_word(PK_TL_BY_HUB), "hub");
    CHECK_STR(pk_timeline_source_word(99), "unknown");
    for (uint8_t i = 0; i < PK_TL_KIND_COUNT; i++) {
        CHECK(strcmp(pk_timeline_kind_word(i), "unknown") != 0);
    }
}

PK_TEST_MAIN(add__comes_back_as_it_was, next__walks_one_incident_in_order, next_new__hands_out_each_once,
             full__oldest_go_and_what_was_not_pulled_is_counted, random__equals_the_model,
             text__cut_at_a_character, words)
