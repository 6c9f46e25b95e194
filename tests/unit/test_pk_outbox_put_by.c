/* A broker that refuses some of it for ever, or takes no message as large: the rest goes by, and what is
 * refused is tried seldom. */
#include <stdio.h>
#include <string.h>

#include "support/outbox_store.h"
#include "support/pk_test.h"

enum { SLOTS = PK_LIMIT_OUTBOX_SLOTS, SUBJECTS = 30 * SLOTS };

static struct outbox_store store;
static struct pk_outbox *const ob = &store.ob;
static uint64_t now_ms;
static uint32_t made_rev[SUBJECTS + 1];
static uint64_t taken_count, refused_count;
static bool takes_all;
static uint32_t largest_bytes; /* of a body, that the broker takes */

static void begin(uint64_t cap_bytes, bool is_hub_acked) {
    store.count = 0;
    outbox_store_open(&store, 1, cap_bytes, is_hub_acked);
    memset(made_rev, 0, sizeof made_rev);
    now_ms = 1000;
    taken_count = refused_count = 0;
    takes_all = false;
    largest_bytes = 1000;
}

static int append_long(uint32_t subject, uint8_t severity, bool is_open, uint32_t body_bytes) {
    static const char BODY[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char text[24];
    uint64_t seq = 0;
    (void)snprintf(text, sizeof text, "%u", (unsigned)subject);
    const struct pk_out_record record = {.kind = PK_OUT_INCIDENT,
                                         .severity = severity,
                                         .is_open = is_open,
                                         .subject = subject,
                                         .rev = made_rev[subject] + 1,
                                         .id = pk_str_of(text),
                                         .body = pk_str_make(BODY, body_bytes)};
    const int err = pk_outbox_append(ob, &store.batch, &record, &seq);
    made_rev[subject] += err == PK_OK ? 1u : 0u;
    outbox_store_commit(&store);
    return err;
}

/* It refuses the ends of critical incidents, which go before all that is not critical. */
static void append_refused(uint32_t first, uint32_t count) {
    for (uint32_t subject = first; subject < first + count; subject++) {
        REQUIRE(append_long(subject, PK_SEV_CRITICAL, false, 48) == PK_OK);
    }
}

static void append_good(uint32_t first, uint32_t count, uint8_t severity) {
    for (uint32_t subject = first; subject < first + count; subject++) {
        REQUIRE(append_long(subject, severity, true, 48) == PK_OK);
    }
}

/* As many publications as a tick has; false when nothing was to be sent. */
static bool publish(uint32_t most) {
    struct pk_outbox_view view;
    uint32_t count = 0;
    for (; count < most && pk_outbox_peek(ob, now_ms, &view); count++) {
        if (view.record.body.n > largest_bytes) {
            pk_outbox_put_by(ob, view.token, now_ms);
            continue;
        }
        const bool is_taken = takes_all || view.record.is_open;
        pk_outbox_sent(ob, view.token);
        CHECK_EQ_INT(pk_outbox_answered(ob, view.token, is_taken ? 0 : 0x87, now_ms), PK_OK);
        taken_count += is_taken ? 1u : 0u;
        refused_count += is_taken ? 0u : 1u;
    }
    return count > 0;
}

static void live(uint64_t for_ms, uint32_t step_ms) {
    for (const uint64_t end_ms = now_ms + for_ms; now_ms < end_ms; now_ms += step_ms) {
        pk_outbox_remind(ob, now_ms);
        (void)publish(4);
        outbox_store_commit(&store);
        (void)outbox_store_read(&store);
    }
}

PK_TEST(refused__for_ever__the_rest_goes_by_and_it_is_tried_seldom) {
    enum { REFUSED = 3 * SLOTS, OTHERS = 4 * SLOTS };
    begin(10000000, false);
    append_refused(1, REFUSED);
    append_good(REFUSED + 1, OTHERS, PK_SEV_LOW);
    pk_outbox_online(ob, true);
    live(60000, 100);
    CHECK_EQ_U64(taken_count, OTHERS);
    CHECK_EQ_U64(pk_outbox_depth(ob), REFUSED);
    append_good(REFUSED + OTHERS + 1, 1, PK_SEV_CRITICAL);
    live(100, 100);
    CHECK_EQ_U64(taken_count, OTHERS + 1);
    const uint64_t before = refused_count;
    live(3600000, 1000);
    CHECK(refused_count - before <= 30 * SLOTS);
    CHECK_EQ_U64(pk_outbox_depth(ob), REFUSED);
    takes_all = true;
    live(PK_OUTBOX_RETRY_MAX_MS + PK_OUTBOX_PUT_BY_SOON_MS + 20000, 100);
    CHECK_EQ_U64(pk_outbox_depth(ob), 0);
    CHECK_EQ_U64(taken_count, REFUSED + OTHERS + 1);
    CHECK_EQ_U64(store.count, 0);
    CHECK_EQ_U64(ob->losses[PK_OUTBOX_LOSS_DAMAGED].count, 0);
}

PK_TEST(refused__with_the_hubs_word_awaited__is_tried_as_seldom) {
    enum { REFUSED = 8 * SLOTS };
    struct pk_hub_ack ack;
    begin(10000000, true);
    append_refused(1, REFUSED);
    append_good(REFUSED + 1, SLOTS, PK_SEV_LOW);
    pk_outbox_online(ob, true);
    live(60000, 100);
    CHECK_EQ_U64(taken_count, SLOTS);
    CHECK_EQ_U64(pk_outbox_unheard_count(ob), SLOTS);
    for (uint32_t i = 0; i < 288; i++) { /* a day in which the hub speaks every 5 minutes */
        REQUIRE(pk_hub_ack_parse(pk_str_of("{\"boot\":1,\"ranges\":[]}"), &ack) == PK_OK);
        pk_outbox_heard(ob, &ack, now_ms);
        live(300000, 5000);
    }
    CHECK(refused_count <= 12u * REFUSED + 300u * SLOTS);
    CHECK_EQ_U64(pk_outbox_depth(ob), REFUSED + SLOTS);
}

/* A quarter of what one connection can carry is refused again and again: the others still get through. */
PK_TEST(refused__connections_that_are_cut_often__do_not_begin_with_it) {
    enum { REFUSED = 25 * SLOTS, OTHERS = 3 * SLOTS, CONNECTED_MS = 63 * SLOTS };
    begin(10000000, false);
    append_refused(1, REFUSED);
    pk_outbox_online(ob, true);
    live(60000, 100);
    pk_outbox_online(ob, false);
    append_good(REFUSED + 1, OTHERS, PK_SEV_HIGH);
    for (uint32_t i = 0; i < 10; i++) {
        pk_outbox_online(ob, true);
        live(CONNECTED_MS, 100); /* two and a half publications for each slot */
        pk_outbox_online(ob, false);
        now_ms += 10000;
    }
    CHECK_EQ_U64(taken_count, OTHERS);
    CHECK_EQ_U64(pk_outbox_depth(ob), REFUSED);
    /* Put right, the next connection finds out, and all of it follows. */
    takes_all = true;
    pk_outbox_online(ob, true);
    live(PK_OUTBOX_PUT_BY_SOON_MS + 60000, 100);
    CHECK_EQ_U64(pk_outbox_depth(ob), 0);
}

PK_TEST(refused__at_the_byte_cap__costs_no_publication_for_each_new_one) {
    enum { REFUSED = 20 * SLOTS, NEW = 2 * SLOTS };
    begin(REFUSED * 80, false); /* that many of 72 bytes fill it to nine tenths */
    append_refused(1, REFUSED);
    pk_outbox_online(ob, true);
    live(600000, 100);
    const uint64_t before = refused_count;
    for (uint32_t i = 1; i <= NEW; i++) {
        (void)append_long(REFUSED + i, PK_SEV_CRITICAL, false, 48);
        live(1000, 100);
    }
    CHECK(ob->losses[PK_OUTBOX_LOSS_CAP].count > 0); /* the oldest made room */
    CHECK(refused_count - before <= 8u * NEW + 10u * SLOTS);
    CHECK(pk_outbox_bytes(ob) <= ob->cap_bytes);
    CHECK_EQ_U64(pk_outbox_depth(ob), store.count);
}

PK_TEST(too_large__for_this_connection__is_kept_for_another_one) {
    enum { COUNT = 2 * SLOTS };
    begin(10000000, false);
    for (uint32_t subject = 1; subject <= COUNT; subject++) {
        REQUIRE(append_long(subject, PK_SEV_HIGH, true, subject % 2u == 0 ? 80 : 8) == PK_OK);
    }
    largest_bytes = 79;
    pk_outbox_online(ob, true);
    live(20000, 100);
    CHECK_EQ_U64(taken_count, COUNT / 2);
    CHECK_EQ_U64(pk_outbox_depth(ob), COUNT / 2);
    const uint64_t put_by_count = ob->counters.put_by_count;
    CHECK(put_by_count >= COUNT / 2 &&
          put_by_count <= COUNT); /* those that had a slot from the start, twice */
    live(60000, 100);
    CHECK_EQ_U64(ob->counters.put_by_count, put_by_count);
    CHECK_EQ_U64(pk_outbox_unheard_count(ob), 0);
    CHECK(pk_outbox_next_deadline_ms(ob) <= 20000 + PK_OUTBOX_PUT_BY_MIN_MS);
    /* A newer revision takes the place of one that was put by. */
    REQUIRE(append_long(2, PK_SEV_HIGH, true, 8) == PK_OK);
    CHECK_EQ_U64(pk_outbox_depth(ob), COUNT / 2);
    pk_outbox_online(ob, false);
    largest_bytes = 1000;
    pk_outbox_online(ob, true);
    live(20000, 100);
    CHECK_EQ_U64(pk_outbox_depth(ob), 0);
    CHECK_EQ_U64(taken_count, COUNT);
    CHECK_EQ_U64(store.count, 0);
}

/* What else is refused for ever does not keep it from the next connection. */
PK_TEST(too_large__beside_what_is_refused__is_taken_up_with_the_connection) {
    begin(10000000, false);
    largest_bytes = 79;
    append_refused(1, 1);
    REQUIRE(append_long(2, PK_SEV_CRITICAL, true, 80) == PK_OK);
    pk_outbox_online(ob, true);
    live(20000, 100);
    CHECK_EQ_U64(taken_count, 0);
    pk_outbox_online(ob, false);
    largest_bytes = 1000;
    pk_outbox_online(ob, true);
    live(1000, 100);
    CHECK_EQ_U64(taken_count, 1);
    CHECK_EQ_U64(pk_outbox_depth(ob), 1);
}

/* On its way when the link was cut, and too large for the next connection: its successor was the last word.
 */
PK_TEST(too_large__when_there_is_a_newer_one__does_not_come_back) {
    struct pk_outbox_view view;
    begin(10000000, false);
    pk_outbox_online(ob, true);
    REQUIRE(append_long(1, PK_SEV_HIGH, true, 80) == PK_OK);
    REQUIRE(pk_outbox_peek(ob, now_ms, &view));
    const uint64_t token = view.token;
    pk_outbox_sent(ob, token);
    pk_outbox_online(ob, false);
    REQUIRE(append_long(1, PK_SEV_HIGH, false, 8) == PK_OK);
    pk_outbox_online(ob, true);
    pk_outbox_put_by(ob, token, now_ms); /* the client asked for it again */
    takes_all = true;
    live(PK_OUTBOX_PUT_BY_MIN_MS + 10000, 1000);
    CHECK_EQ_U64(taken_count, 1);
    CHECK_EQ_U64(pk_outbox_depth(ob), 0);
    CHECK_EQ_U64(store.count, 0);
}

PK_TEST_MAIN(refused__for_ever__the_rest_goes_by_and_it_is_tried_seldom,
             refused__with_the_hubs_word_awaited__is_tried_as_seldom,
             refused__connections_that_are_cut_often__do_not_begin_with_it,
             refused__at_the_byte_cap__costs_no_publication_for_each_new_one,
             too_large__for_this_connection__is_kept_for_another_one,
             too_large__beside_what_is_refused__is_taken_up_with_the_connection,
             too_large__when_there_is_a_newer_one__does_not_come_back)
