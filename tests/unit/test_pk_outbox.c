#include "report/pk_outbox.h"

#include <string.h>

#include "support/pk_test.h"

enum { BOOT = 7, CAP_BYTES = 1000000 };

static struct pk_outbox ob;
static uint8_t batch_bytes[PK_LIMIT_BATCH_BYTES];
static struct pk_store_batch batch;
static uint64_t store_seq;

static void start(void) {
    pk_outbox_init(&ob, BOOT, CAP_BYTES);
    pk_batch_init(&batch, batch_bytes, sizeof batch_bytes);
    store_seq = 0;
}

static struct pk_out_record record_of(uint32_t subject, uint8_t severity, bool is_open) {
    return (struct pk_out_record){.kind = PK_OUT_INCIDENT,
                                  .severity = severity,
                                  .is_open = is_open,
                                  .subject = subject,
                                  .rev = 1,
                                  .wall_ms = 1790000000000,
                                  .id = pk_str_of("inc_gw-1_7_00001"),
                                  .body = pk_str_of("body")};
}

static uint64_t append(uint32_t subject, uint8_t severity, bool is_open) {
    const struct pk_out_record record = record_of(subject, severity, is_open);
    uint64_t seq = 0;
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_OK);
    return seq;
}

/* What the agent does at the end of a tick, with a store that is done at once. */
static void commit(void) {
    CHECK_EQ_INT(pk_outbox_flush(&ob, &batch), PK_OK);
    pk_batch_clear(&batch);
    pk_outbox_submitted(&ob, ++store_seq);
    pk_outbox_durable(&ob, store_seq);
}

static uint32_t count_ops(bool is_delete) {
    struct pk_batch_op op;
    uint32_t at = 0, count = 0;
    while (pk_batch_next(&batch, &at, &op) == PK_OK) {
        count += op.is_delete == is_delete ? 1u : 0u;
    }
    return count;
}

/* Sends what comes next and returns its sequence number, 0 when there is nothing. */
static uint64_t send_next(uint64_t *out_token) {
    struct pk_outbox_view view;
    if (!pk_outbox_peek(&ob, 0, &view)) {
        return 0;
    }
    *out_token = view.token;
    pk_outbox_sent(&ob, view.token);
    return view.seq;
}

PK_TEST(outbox__entry__is_sent_only_when_durable_and_online) {
    struct pk_outbox_view view;
    start();
    CHECK_EQ_U64(append(1, PK_SEV_HIGH, true), 1);
    CHECK_EQ_U64(append(2, PK_SEV_HIGH, true), 2);
    CHECK_EQ_U64(count_ops(false), 2);
    pk_outbox_online(&ob, true);
    CHECK(!pk_outbox_peek(&ob, 0, &view));
    pk_outbox_submitted(&ob, 5);
    CHECK(!pk_outbox_peek(&ob, 0, &view));
    pk_outbox_durable(&ob, 4);
    CHECK(!pk_outbox_peek(&ob, 0, &view));
    pk_outbox_durable(&ob, 5);
    pk_outbox_online(&ob, false);
    CHECK(!pk_outbox_peek(&ob, 0, &view));
    pk_outbox_online(&ob, true);
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK_EQ_U64(view.seq, 1);
    CHECK_EQ_U64(view.boot, BOOT);
    CHECK(view.is_backlog);
    CHECK(view.is_retained);
    CHECK_EQ_U64(view.record.subject, 1);
    CHECK(pk_str_eq_c(view.record.body, "body"));
    CHECK_EQ_U64(pk_outbox_depth(&ob), 2);
}

PK_TEST(outbox__order__live_first_then_severity_then_age) {
    uint64_t token = 0;
    start();
    CHECK_EQ_U64(append(1, PK_SEV_LOW, true), 1);
    CHECK_EQ_U64(append(2, PK_SEV_CRITICAL, false), 2);
    CHECK_EQ_U64(append(3, PK_SEV_CRITICAL, true), 3);
    CHECK_EQ_U64(append(4, PK_SEV_LOW, true), 4);
    commit();
    pk_outbox_online(&ob, true);
    CHECK_EQ_U64(append(5, PK_SEV_INFO, true), 5);
    CHECK_EQ_U64(append(6, PK_SEV_MEDIUM, true), 6);
    commit();
    CHECK_EQ_U64(send_next(&token), 6);
    CHECK_EQ_U64(send_next(&token), 5);
    CHECK_EQ_U64(send_next(&token), 3);
    CHECK_EQ_U64(send_next(&token), 2);
    CHECK_EQ_U64(send_next(&token), 1);
    CHECK_EQ_U64(send_next(&token), 4);
    CHECK_EQ_U64(send_next(&token), 0);
}

PK_TEST(outbox__acknowledged__is_deleted_in_the_next_batch) {
    uint64_t token = 0;
    struct pk_outbox_view view;
    start();
    pk_outbox_online(&ob, true);
    (void)append(1, PK_SEV_HIGH, true);
    commit();
    CHECK_EQ_U64(send_next(&token), 1);
    CHECK_EQ_INT(pk_outbox_find(&ob, token, &view), PK_OK);
    CHECK_EQ_U64(view.seq, 1);
    CHECK_EQ_INT(pk_outbox_answered(&ob, token + 1, 0, 0), PK_E_NOT_FOUND);
    CHECK_EQ_U64(pk_outbox_flush_count(&ob), 0);
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 16, 0), PK_OK);
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 0, 0), PK_E_NOT_FOUND);
    CHECK_EQ_U64(ob.counters.no_subscriber_count, 1);
    CHECK_EQ_U64(pk_outbox_flush_count(&ob), 1);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_EQ_U64(pk_outbox_bytes(&ob), 0);
    CHECK_EQ_INT(pk_outbox_flush(&ob, &batch), PK_OK);
    CHECK_EQ_U64(count_ops(true), 1);
    CHECK_EQ_INT(ob.slots[0].state, PK_OUTBOX_DELETING);
    CHECK_EQ_U64(pk_outbox_flush_count(&ob), 0);
    commit();
    CHECK_EQ_INT(ob.slots[0].state, PK_OUTBOX_FREE);
    CHECK_EQ_INT(pk_outbox_find(&ob, token, &view), PK_E_NOT_FOUND);
}

PK_TEST(outbox__flush__into_a_full_batch__keeps_the_rest_for_the_next) {
    uint64_t tokens[2] = {0};
    uint8_t small[20];
    start();
    pk_outbox_online(&ob, true);
    (void)append(1, PK_SEV_HIGH, true);
    (void)append(2, PK_SEV_HIGH, true);
    commit();
    (void)send_next(&tokens[0]);
    (void)send_next(&tokens[1]);
    (void)pk_outbox_answered(&ob, tokens[0], 0, 0);
    (void)pk_outbox_answered(&ob, tokens[1], 0, 0);
    struct pk_store_batch tiny;
    pk_batch_init(&tiny, small, sizeof small);
    CHECK_EQ_INT(pk_outbox_flush(&ob, &tiny), PK_E_FULL);
    CHECK_EQ_U64(tiny.op_count, 1);
    pk_batch_clear(&tiny);
    CHECK_EQ_INT(pk_outbox_flush(&ob, &tiny), PK_OK);
    CHECK_EQ_U64(tiny.op_count, 1);
}

PK_TEST(outbox__new_revision__supersedes_the_waiting_one_only) {
    uint64_t token = 0;
    start();
    pk_outbox_online(&ob, true);
    (void)append(1, PK_SEV_LOW, true);
    commit();
    CHECK_EQ_U64(append(1, PK_SEV_HIGH, true), 2);
    CHECK_EQ_U64(count_ops(true), 1);
    CHECK_EQ_U64(ob.counters.superseded_count, 1);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 1);
    commit();
    CHECK_EQ_U64(send_next(&token), 2);
    /* On its way: the next revision goes out as well. */
    CHECK_EQ_U64(append(1, PK_SEV_HIGH, false), 3);
    CHECK_EQ_U64(ob.counters.superseded_count, 1);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 2);
    commit();
    /* The broker refuses the older one: sent again it would overwrite the newer. */
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 0x97, 100), PK_OK);
    CHECK_EQ_U64(ob.counters.superseded_count, 2);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 1);
    CHECK_EQ_U64(send_next(&token), 3);
    CHECK_EQ_U64(send_next(&token), 0);
}

PK_TEST(outbox__batch_without_room__changes_nothing) {
    struct pk_store_batch tiny;
    uint8_t bytes[40];
    uint64_t seq = 99;
    start();
    (void)append(1, PK_SEV_LOW, true);
    commit();
    const struct pk_out_record record = record_of(1, PK_SEV_LOW, true);
    pk_batch_init(&tiny, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_outbox_append(&ob, &tiny, &record, &seq), PK_E_FULL);
    CHECK_EQ_U64(seq, 99);
    CHECK_EQ_U64(tiny.op_count, 0);
    CHECK_EQ_U64(tiny.n, 0);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 1);
    CHECK_EQ_U64(append(1, PK_SEV_LOW, true), 2);
}

PK_TEST(outbox__last_word__empties_the_retained_message_afterwards) {
    struct pk_outbox_view view;
    uint64_t seq = 0;
    start();
    pk_outbox_online(&ob, true);
    struct pk_out_record record = record_of(1, PK_SEV_HIGH, false);
    record.then_clear = true;
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_OK);
    commit();
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK(!view.is_retained);
    CHECK(!view.is_clearing);
    const uint64_t first = view.token;
    pk_outbox_sent(&ob, first);
    CHECK_EQ_INT(pk_outbox_answered(&ob, first, 0, 0), PK_OK);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 1);
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK(view.is_clearing);
    CHECK(view.is_retained);
    CHECK(view.token != first);
    pk_outbox_sent(&ob, view.token);
    CHECK_EQ_INT(pk_outbox_answered(&ob, view.token, 0, 0), PK_OK);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
}

PK_TEST(outbox__refused__waits_longer_each_time) {
    struct pk_outbox_view view;
    uint64_t now_ms = 0;
    start();
    pk_outbox_online(&ob, true);
    (void)append(1, PK_SEV_HIGH, true);
    commit();
    CHECK_EQ_U64(pk_outbox_next_deadline_ms(&ob), UINT64_MAX);
    const uint64_t waits[] = {1000, 2000, 4000};
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE(pk_outbox_peek(&ob, now_ms, &view));
        pk_outbox_sent(&ob, view.token);
        CHECK_EQ_INT(pk_outbox_answered(&ob, view.token, 0x97, now_ms), PK_OK);
        CHECK_EQ_U64(pk_outbox_next_deadline_ms(&ob), now_ms + waits[i]);
        CHECK(!pk_outbox_peek(&ob, now_ms + waits[i] - 1, &view));
        now_ms += waits[i];
    }
    for (unsigned i = 0; i < 300; i++) {
        REQUIRE(pk_outbox_peek(&ob, now_ms, &view));
        pk_outbox_sent(&ob, view.token);
        CHECK_EQ_INT(pk_outbox_answered(&ob, view.token, 0x97, now_ms), PK_OK);
        CHECK(pk_outbox_next_deadline_ms(&ob) - now_ms <= PK_OUTBOX_RETRY_MAX_MS);
        now_ms += PK_OUTBOX_RETRY_MAX_MS;
    }
    CHECK_EQ_U64(pk_outbox_depth(&ob), 1);
}

PK_TEST(outbox__no_message_can_be_made__is_a_counted_loss) {
    struct pk_outbox_view view;
    start();
    pk_outbox_online(&ob, true);
    const uint64_t seq = append(1, PK_SEV_HIGH, true);
    commit();
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    pk_outbox_unsendable(&ob, view.token);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_TOO_BIG].count, 1);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_TOO_BIG].by_severity[PK_SEV_HIGH], 1);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_TOO_BIG].last_seq, seq);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_STR(pk_outbox_loss_word(PK_OUTBOX_LOSS_TOO_BIG), "outbox_too_big");
}

PK_TEST(outbox__byte_cap__refuses_all_but_open_critical) {
    uint64_t seq = 0;
    start();
    ob.cap_bytes = 800;
    uint32_t taken = 0;
    struct pk_out_record record = record_of(1, PK_SEV_HIGH, true);
    while (taken < 100) {
        record.subject = ++taken;
        if (pk_outbox_append(&ob, &batch, &record, &seq) != PK_OK) {
            break;
        }
    }
    CHECK(taken > 2 && taken < 100);
    CHECK(pk_outbox_bytes(&ob) <= 800);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 0); /* the caller owes it */
    CHECK_EQ_U64(pk_outbox_depth(&ob), taken - 1);
    CHECK_EQ_U64(seq, taken - 1);
    const struct pk_out_record critical = record_of(1000, PK_SEV_CRITICAL, true);
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &critical, &seq), PK_OK);
    CHECK_EQ_U64(seq, taken);
    CHECK(pk_outbox_bytes(&ob) <= 900);
}

/* Whoever holds the incident can tell later what is open, or may be open at the hub; the rest is lost. */
PK_TEST(outbox__byte_cap__what_stays_open_at_the_hub_is_owed_and_the_rest_is_counted) {
    uint64_t seq = 0, token = 0;
    start();
    pk_outbox_online(&ob, true);
    (void)append(1, PK_SEV_LOW, true);
    commit();
    CHECK(send_next(&token) > 0);
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 0, 0), PK_OK);
    commit();
    pk_outbox_online(&ob, false);
    (void)append(2, PK_SEV_LOW, true); /* the hub never hears of this one */
    ob.cap_bytes = ob.critical_cap_bytes = pk_outbox_bytes(&ob);
    CHECK_EQ_U64(pk_outbox_room(&ob), 0);
    struct pk_out_record record = record_of(3, PK_SEV_CRITICAL, true);
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_E_AGAIN);
    record = record_of(1, PK_SEV_LOW, false);
    record.rev = 2;
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_E_AGAIN);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 0);
    record = record_of(2, PK_SEV_LOW, false);
    record.rev = 2;
    record.body = pk_str_of("longer than it was"); /* what does not grow has room */
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_E_NO_SPACE);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 1);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0); /* and the older one went with it */
    record = record_of(4, PK_SEV_LOW, true);
    record.kind = PK_OUT_APPROVAL;
    record.body = pk_str_of("all the room there is, and a little more than that, whatever waits for it");
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_E_NO_SPACE);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 2);
    pk_outbox_lost(&ob, PK_SEV_HIGH);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 3);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].by_severity[PK_SEV_HIGH], 1);
    ob.cap_bytes = 4 * PK_STORE_VALUE_BYTES;
    CHECK_EQ_U64(pk_outbox_room(&ob), 3);
}

PK_TEST(outbox__late_one__goes_with_the_backlog) {
    struct pk_outbox_view view;
    uint64_t seq = 0, token = 0;
    start();
    (void)append(1, PK_SEV_HIGH, true);
    pk_outbox_online(&ob, true);
    struct pk_out_record record = record_of(2, PK_SEV_MEDIUM, false);
    record.is_late = true;
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_OK);
    CHECK_EQ_U64(append(3, PK_SEV_LOW, true), 3);
    commit();
    CHECK_EQ_U64(send_next(&token), 3);
    CHECK_EQ_U64(send_next(&token), 1);
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK(view.seq == 2 && view.is_backlog && !view.record.is_late);
}

PK_TEST(outbox__slots_full__the_more_important_one_gets_the_slot) {
    uint64_t token = 0;
    start();
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        (void)append(i + 1, PK_SEV_LOW, true);
    }
    commit();
    const uint64_t critical = append(500, PK_SEV_CRITICAL, true);
    const uint64_t info = append(501, PK_SEV_INFO, true);
    commit();
    CHECK_EQ_U64(ob.counters.released_count, 1);
    CHECK_EQ_U64(pk_outbox_depth(&ob), PK_LIMIT_OUTBOX_SLOTS + 2);
    pk_outbox_online(&ob, true);
    CHECK_EQ_U64(send_next(&token), critical);
    for (uint32_t i = 1; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        const uint64_t seq = send_next(&token);
        CHECK(seq != info);
        CHECK_EQ_U64(seq, i);
    }
    CHECK_EQ_U64(send_next(&token), 0);
}

PK_TEST(outbox__client_started_anew__sends_again_what_was_on_its_way) {
    uint64_t token = 0;
    struct pk_outbox_view view;
    start();
    pk_outbox_online(&ob, true);
    (void)append(1, PK_SEV_HIGH, true);
    commit();
    CHECK_EQ_U64(send_next(&token), 1);
    pk_outbox_online(&ob, false);
    pk_outbox_online(&ob, true);
    CHECK_EQ_INT(pk_outbox_find(&ob, token, &view), PK_OK);
    CHECK(!pk_outbox_peek(&ob, 0, &view));
    pk_outbox_restart_inflight(&ob);
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK_EQ_U64(view.seq, 1);
    CHECK(view.is_backlog);
}

PK_TEST(outbox__load__counts_all_and_sends_the_most_important) {
    uint8_t value[PK_STORE_VALUE_BYTES];
    struct pk_record_key key;
    uint64_t token = 0;
    start();
    uint32_t total = 0;
    for (uint8_t lane = 0; lane < PK_OUTBOX_LANES; lane++) {
        for (uint64_t seq = 1; seq <= 5; seq++) {
            const struct pk_out_record record =
                record_of(100u * lane + (uint32_t)seq, (uint8_t)(PK_SEV_CRITICAL - lane / 2), lane % 2 == 0);
            const uint32_t n = pk_record_outbox_pack(&record, value, sizeof value);
            pk_record_key_outbox(&key, lane, 3, seq);
            CHECK_EQ_INT(pk_outbox_load(&ob, pk_record_key_str(&key), pk_str_make((char *)value, n)), PK_OK);
            total++;
        }
    }
    CHECK_EQ_U64(pk_outbox_depth(&ob), total);
    pk_record_key_log(&key, 1);
    CHECK_EQ_INT(pk_outbox_load(&ob, pk_record_key_str(&key), pk_str_of("x")), PK_E_NOT_FOUND);
    pk_record_key_outbox(&key, PK_OUTBOX_LANES, 3, 1);
    CHECK_EQ_INT(pk_outbox_load(&ob, pk_record_key_str(&key), pk_str_of("x")), PK_E_NOT_FOUND);
    pk_record_key_outbox(&key, 2, 3, 9);
    CHECK_EQ_INT(pk_outbox_load(&ob, pk_record_key_str(&key), pk_str_of("x")), PK_E_BAD_MSG);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_DAMAGED].count, 1);
    CHECK_EQ_U64(pk_outbox_depth(&ob), total);
    CHECK_EQ_INT(pk_outbox_flush(&ob, &batch), PK_OK);
    CHECK_EQ_U64(count_ops(true), 1);
    pk_outbox_online(&ob, true);
    CHECK_EQ_U64(send_next(&token), 1);
    CHECK_EQ_U64(ob.slots[0].boot, 3);
}

PK_TEST(outbox__numbers__are_shared_with_what_is_not_kept) {
    start();
    CHECK_EQ_U64(append(1, PK_SEV_HIGH, true), 1);
    CHECK_EQ_U64(pk_outbox_take_seq(&ob), 2);
    CHECK_EQ_U64(append(2, PK_SEV_HIGH, true), 3);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 2);
}

/* An entry of subject 1, its reopening or its end. */
static void append_of(uint8_t kind, const char *id, bool is_open) {
    uint64_t seq = 0;
    struct pk_out_record record = record_of(1, PK_SEV_HIGH, is_open);
    record.kind = kind;
    record.id = pk_str_of(id);
    record.then_clear = !is_open;
    CHECK_EQ_INT(pk_outbox_append(&ob, &batch, &record, &seq), PK_OK);
}

PK_TEST(outbox__reopened_while_its_topic_is_to_be_emptied__is_not_emptied) {
    struct pk_outbox_view view;
    uint64_t token = 0;
    start();
    pk_outbox_online(&ob, true);
    append_of(PK_OUT_INCIDENT, "inc_gw-1_7_00001", false);
    commit();
    CHECK_EQ_U64(send_next(&token), 1);
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 0, 0), PK_OK); /* now it waits to be emptied */
    append_of(PK_OUT_INCIDENT, "inc_gw-1_7_00001", true);
    commit();
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK_EQ_U64(view.seq, 2);
    CHECK(view.is_retained && !view.is_clearing);
    CHECK_EQ_U64(send_next(&token), 2);
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 0, 0), PK_OK);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    /* The end is on its way when it reopens: its answer empties nothing. */
    append_of(PK_OUT_INCIDENT, "inc_gw-1_7_00001", false);
    commit();
    CHECK_EQ_U64(send_next(&token), 3);
    append_of(PK_OUT_INCIDENT, "inc_gw-1_7_00001", true);
    commit();
    CHECK_EQ_INT(pk_outbox_answered(&ob, token, 0, 0), PK_OK);
    REQUIRE(pk_outbox_peek(&ob, 0, &view));
    CHECK(!view.is_clearing && view.record.is_open);
}

PK_TEST(outbox__approval_decided__replaces_the_open_request_also_a_refused_one) {
    uint64_t open_token = 0, token = 0;
    start();
    pk_outbox_online(&ob, true);
    append_of(PK_OUT_APPROVAL, "apr_7_1", true);
    append_of(PK_OUT_APPROVAL, "apr_7_2", true); /* another one of the same incident stays */
    CHECK_EQ_U64(pk_outbox_depth(&ob), 2);
    commit();
    CHECK_EQ_U64(send_next(&open_token), 1);
    append_of(PK_OUT_APPROVAL, "apr_7_1", false);
    commit();
    CHECK_EQ_INT(pk_outbox_answered(&ob, open_token, 0x97, 0), PK_OK); /* refused: not tried again */
    CHECK_EQ_U64(pk_outbox_depth(&ob), 2);
    CHECK_EQ_U64(send_next(&token), 2);
    CHECK_EQ_U64(send_next(&token), 3);
    CHECK_EQ_U64(send_next(&token), 0);
}

static uint32_t pack(struct pk_record_key *key, uint8_t *value, uint32_t cap, uint8_t lane, uint32_t boot,
                     uint64_t seq, bool is_open) {
    const struct pk_out_record record = record_of(1, PK_SEV_HIGH, is_open);
    pk_record_key_outbox(key, lane, boot, seq);
    return pk_record_outbox_pack(&record, value, cap);
}

static void load(uint8_t lane, uint32_t boot, uint64_t seq, bool is_open) {
    struct pk_record_key key;
    uint8_t value[PK_STORE_VALUE_BYTES];
    const uint32_t n = pack(&key, value, sizeof value, lane, boot, seq, is_open);
    CHECK_EQ_INT(pk_outbox_load(&ob, pk_record_key_str(&key), pk_str_make((const char *)value, n)), PK_OK);
}

PK_TEST(outbox__load__of_two_entries_of_one_incident_the_older_goes) {
    uint64_t token = 0;
    /* Lane 2 is high and open, 3 high and over: key order brings the older or the newer one first. */
    for (uint32_t newer_first = 0; newer_first < 2; newer_first++) {
        start();
        load(2, newer_first ? 6 : 5, 9, true);
        load(3, newer_first ? 5 : 6, 1, false);
        pk_outbox_online(&ob, true);
        CHECK_EQ_U64(pk_outbox_depth(&ob), 1);
        CHECK_EQ_INT(pk_outbox_flush(&ob, &batch), PK_OK);
        CHECK_EQ_U64(count_ops(true), 1);
        CHECK_EQ_U64(send_next(&token), newer_first ? 9 : 1);
        CHECK_EQ_U64(send_next(&token), 0);
        CHECK_EQ_U64(ob.counters.superseded_count, 1);
    }
}

PK_TEST_MAIN(
    outbox__byte_cap__what_stays_open_at_the_hub_is_owed_and_the_rest_is_counted,
    outbox__late_one__goes_with_the_backlog,
    outbox__reopened_while_its_topic_is_to_be_emptied__is_not_emptied,
    outbox__approval_decided__replaces_the_open_request_also_a_refused_one,
    outbox__load__of_two_entries_of_one_incident_the_older_goes,
    outbox__numbers__are_shared_with_what_is_not_kept, outbox__entry__is_sent_only_when_durable_and_online,
    outbox__order__live_first_then_severity_then_age, outbox__acknowledged__is_deleted_in_the_next_batch,
    outbox__flush__into_a_full_batch__keeps_the_rest_for_the_next,
    outbox__new_revision__supersedes_the_waiting_one_only, outbox__batch_without_room__changes_nothing,
    outbox__last_word__empties_the_retained_message_afterwards, outbox__refused__waits_longer_each_time,
    outbox__no_message_can_be_made__is_a_counted_loss, outbox__byte_cap__refuses_all_but_open_critical,
    outbox__slots_full__the_more_important_one_gets_the_slot,
    outbox__client_started_anew__sends_again_what_was_on_its_way,
    outbox__load__counts_all_and_sends_the_most_important)
