/* The outbox against a store in memory that commits late, answers fetches late and loses what was not durable
 * in a crash. */
#include <string.h>

#include "base/pk_rng.h"
#include "report/pk_outbox.h"
#include "support/pk_test.h"

enum { RECORDS = 4096, BATCHES = 64, KEY_BYTES = 14, SUBJECTS = 400 };

struct stored {
    uint8_t key[KEY_BYTES];
    uint16_t value_bytes;
    uint8_t value[160];
};
static struct stored records[RECORDS]; /* sorted by key */
static uint32_t record_count;

static struct {
    uint8_t bytes[4096];
    uint32_t n;
} queue[BATCHES];
static uint64_t submitted_seq, durable_seq;

static struct pk_outbox ob;
static uint8_t batch_bytes[4096];
static struct pk_store_batch batch;
static struct pk_store_fetch fetch;
static bool is_fetch_answered;
static uint32_t fetched_bytes;
static int fetched_result;

/* ---- the store ---- */

static uint32_t find(const uint8_t *key) {
    uint32_t low = 0, high = record_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (memcmp(records[middle].key, key, KEY_BYTES) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void apply(struct pk_store_batch *b) {
    struct pk_batch_op op;
    uint32_t at = 0;
    while (pk_batch_next(b, &at, &op) == PK_OK) {
        const uint32_t i = find((const uint8_t *)op.key.p);
        const bool is_there = i < record_count && memcmp(records[i].key, op.key.p, KEY_BYTES) == 0;
        if (op.is_delete) {
            if (is_there) {
                memmove(&records[i], &records[i + 1], (record_count - i - 1) * sizeof records[0]);
                record_count--;
            }
            continue;
        }
        if (!is_there) {
            memmove(&records[i + 1], &records[i], (record_count - i) * sizeof records[0]);
            record_count++;
        }
        memcpy(records[i].key, op.key.p, KEY_BYTES);
        records[i].value_bytes = (uint16_t)op.value.n;
        memcpy(records[i].value, op.value.p, op.value.n);
    }
}

static void make_durable(uint64_t seq) {
    while (durable_seq < seq) {
        durable_seq++;
        struct pk_store_batch b = {.p = queue[durable_seq % BATCHES].bytes,
                                   .cap_bytes = sizeof queue[0].bytes,
                                   .n = queue[durable_seq % BATCHES].n};
        apply(&b);
    }
}

static void submit(void) {
    if (batch.op_count == 0) {
        return;
    }
    submitted_seq++;
    memcpy(queue[submitted_seq % BATCHES].bytes, batch.p, batch.n);
    queue[submitted_seq % BATCHES].n = batch.n;
    pk_batch_clear(&batch);
    pk_outbox_submitted(&ob, submitted_seq);
}

static void answer_fetch(void) {
    uint32_t at = 0, count = 0;
    for (uint32_t i = find(fetch.from); i < record_count && count < fetch.max_records; i++) {
        const struct stored *r = &records[i];
        if (memcmp(r->key, fetch.to, KEY_BYTES) >= 0 ||
            at + 4u + KEY_BYTES + r->value_bytes > fetch.out_cap_bytes) {
            break;
        }
        fetch.out[at] = PK_TREE_JOURNAL;
        fetch.out[at + 1] = KEY_BYTES;
        fetch.out[at + 2] = (uint8_t)r->value_bytes;
        fetch.out[at + 3] = (uint8_t)(r->value_bytes >> 8);
        memcpy(fetch.out + at + 4, r->key, KEY_BYTES);
        memcpy(fetch.out + at + 4 + KEY_BYTES, r->value, r->value_bytes);
        at += 4u + KEY_BYTES + r->value_bytes;
        count++;
    }
    is_fetch_answered = true;
    fetched_bytes = at;
    fetched_result = (int)count;
}

/* ---- the agent and the hub ---- */

static uint32_t made_rev[SUBJECTS + 1], seen_rev[SUBJECTS + 1];
static bool is_seen_open[SUBJECTS + 1]; /* as last heard */
static uint64_t delivered_count;
static uint64_t inflight[PK_LIMIT_OUTBOX_SLOTS];
static uint32_t inflight_count;
static uint64_t now_ms;
static bool is_picky;
static bool is_owed[SUBJECTS + 1];
static uint32_t owed_count; /* so often somebody was told to owe, or was refused */
static int keeper_answer;   /* PK_E_NOT_FOUND: nobody keeps incidents */

static int owe(void *arg, uint32_t incident) {
    CHECK(arg == &owed_count && incident <= SUBJECTS);
    is_owed[incident] = is_owed[incident] || keeper_answer == PK_OK;
    owed_count += keeper_answer == PK_OK ? 1u : 0u;
    return keeper_answer;
}
static const struct pk_outbox_keeper KEEPER = {.owe = owe, .arg = &owed_count};

static void restart(uint32_t boot, uint64_t cap_bytes) {
    pk_outbox_init(&ob, boot, cap_bytes);
    pk_batch_init(&batch, batch_bytes, sizeof batch_bytes);
    submitted_seq = durable_seq; /* what was not durable is lost */
    inflight_count = 0;
    is_fetch_answered = false;
    pk_outbox_submitted(&ob, durable_seq);
    pk_outbox_durable(&ob, durable_seq);
    for (uint32_t i = 0; i < record_count; i++) {
        CHECK_EQ_INT(pk_outbox_load(&ob, pk_str_make((char *)records[i].key, KEY_BYTES),
                                    pk_str_make((char *)records[i].value, records[i].value_bytes)),
                     PK_OK);
    }
}

static void reset(uint64_t cap_bytes) {
    record_count = 0;
    submitted_seq = durable_seq = 0;
    delivered_count = 0;
    memset(made_rev, 0, sizeof made_rev);
    memset(seen_rev, 0, sizeof seen_rev);
    memset(is_seen_open, 0, sizeof is_seen_open);
    memset(is_owed, 0, sizeof is_owed);
    owed_count = 0;
    now_ms = 0;
    is_picky = false;
    keeper_answer = PK_E_NOT_FOUND;
    restart(1, cap_bytes);
}

static int append_long(uint32_t subject, uint8_t severity, bool is_open, uint32_t body_bytes) {
    static const char BODY[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char text[40];
    struct pk_buf b;
    uint64_t seq = 0;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_u64(&b, subject);
    const struct pk_out_record record = {.kind = PK_OUT_INCIDENT,
                                         .severity = severity,
                                         .is_open = is_open,
                                         .subject = subject,
                                         .rev = made_rev[subject] + 1,
                                         .id = pk_buf_str(&b),
                                         .body = pk_str_make(BODY, body_bytes)};
    const int err = pk_outbox_append(&ob, &batch, &record, &seq);
    if (err == PK_OK) {
        made_rev[subject]++;
    }
    is_owed[subject] = err == PK_E_AGAIN || (is_owed[subject] && err != PK_OK);
    owed_count += err == PK_E_AGAIN ? 1u : 0u;
    return err;
}

static int append(uint32_t subject, uint8_t severity, bool is_open) {
    return append_long(subject, severity, is_open, 48);
}

static void store_all(void) {
    submit();
    make_durable(submitted_seq);
    pk_outbox_durable(&ob, durable_seq);
}

/* With what was acknowledged deleted. */
static void commit(void) {
    CHECK_EQ_INT(pk_outbox_flush(&ob, &batch), PK_OK);
    store_all();
}

static void fetch_step(bool is_answered_now) {
    if (!ob.is_fetching) {
        if (pk_outbox_fetch_wanted(&ob, &fetch)) {
            is_fetch_answered = false;
        }
        return;
    }
    if (is_fetch_answered) {
        is_fetch_answered = false;
        pk_outbox_fetched(&ob, fetched_result, fetched_bytes, &KEEPER);
    } else if (is_answered_now) {
        answer_fetch();
    }
}

/* The broker answers the first one on its way. */
static void take_off(uint8_t reason) {
    CHECK_EQ_INT(pk_outbox_answered(&ob, inflight[0], reason, now_ms), PK_OK);
    inflight_count--;
    memmove(&inflight[0], &inflight[1], inflight_count * sizeof inflight[0]);
}

/* rng: a broker that answers late, and if it is picky refuses, or takes no message as large. */
static void send_step(struct pk_rng *rng) {
    struct pk_outbox_view view;
    while (inflight_count < PK_LIMIT_OUTBOX_SLOTS && pk_outbox_peek(&ob, now_ms, &view)) {
        if (is_picky && rng != NULL && pk_rng_below(rng, 16) == 0) {
            pk_outbox_put_by(&ob, view.token, now_ms);
            continue;
        }
        inflight[inflight_count++] = view.token;
        pk_outbox_sent(&ob, view.token);
    }
    while (inflight_count > 0 && (rng == NULL || pk_rng_below(rng, 3) != 0)) {
        CHECK_EQ_INT(pk_outbox_find(&ob, inflight[0], &view), PK_OK);
        if (is_picky && rng != NULL && pk_rng_below(rng, 8) == 0) {
            take_off(0x97);
            continue;
        }
        if (view.record.rev > seen_rev[view.record.subject]) {
            seen_rev[view.record.subject] = view.record.rev;
            is_seen_open[view.record.subject] = view.record.is_open;
        }
        delivered_count++;
        take_off(0);
    }
}

static void drain(void) {
    pk_outbox_online(&ob, true);
    pk_outbox_hold(&ob, 0);
    for (uint32_t tick = 0;
         tick < 20000 && (pk_outbox_depth(&ob) > 0 || record_count > 0 || batch.op_count > 0); tick++) {
        now_ms += 10000;
        pk_outbox_remind(&ob, now_ms);
        send_step(NULL);
        commit();
        fetch_step(true);
    }
}

/* ---- tests ---- */

PK_TEST(drain__long_backlog__arrives_once_and_critical_first) {
    reset(10000000);
    struct pk_rng rng;
    pk_rng_seed(&rng, 1);
    uint32_t critical_count = 0;
    for (uint32_t subject = 1; subject <= SUBJECTS; subject++) {
        const uint8_t severity = (uint8_t)pk_rng_below(&rng, PK_SEV_COUNT);
        critical_count += severity == PK_SEV_CRITICAL ? 1u : 0u;
        CHECK_EQ_INT(append(subject, severity, true), PK_OK);
        store_all();
    }
    CHECK_EQ_U64(pk_outbox_depth(&ob), SUBJECTS);
    CHECK_EQ_U64(record_count, SUBJECTS);
    pk_outbox_online(&ob, true);
    /* Not before the last critical one anything else: as it leaves. */
    uint32_t critical_seen = 0;
    struct pk_outbox_view view;
    for (uint32_t tick = 0; tick < 4000 && critical_seen < critical_count; tick++) {
        if (pk_outbox_peek(&ob, 0, &view)) {
            CHECK_EQ_INT(view.record.severity, PK_SEV_CRITICAL);
            critical_seen++;
            pk_outbox_sent(&ob, view.token);
            CHECK_EQ_INT(pk_outbox_answered(&ob, view.token, 0, 0), PK_OK);
            seen_rev[view.record.subject] = view.record.rev;
            delivered_count++;
        }
        commit();
        fetch_step(true);
        fetch_step(true);
        fetch_step(true);
    }
    CHECK_EQ_U64(critical_seen, critical_count);
    drain();
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_EQ_U64(pk_outbox_bytes(&ob), 0);
    CHECK_EQ_U64(record_count, 0);
    CHECK_EQ_U64(delivered_count, SUBJECTS);
    for (uint32_t subject = 1; subject <= SUBJECTS; subject++) {
        CHECK_EQ_U64(seen_rev[subject], 1);
    }
}

PK_TEST(drain__says_how_long_it_will_take) {
    uint64_t ms = 0;
    struct pk_outbox_view view;
    reset(10000000);
    CHECK(!pk_outbox_drain_ms(&ob, &ms)); /* nothing waits */
    for (uint32_t subject = 1; subject <= 100; subject++) {
        REQUIRE(append(subject, PK_SEV_HIGH, true) == PK_OK);
        store_all();
    }
    pk_outbox_pace(&ob, 1000);
    CHECK(!pk_outbox_drain_ms(&ob, &ms)); /* offline */
    pk_outbox_online(&ob, true);
    pk_outbox_pace(&ob, 1500);
    CHECK(!pk_outbox_drain_ms(&ob, &ms)); /* too early to tell */
    for (uint32_t done = 0; done < 20;) {
        while (done < 20 && pk_outbox_peek(&ob, 0, &view)) {
            pk_outbox_sent(&ob, view.token);
            REQUIRE(pk_outbox_answered(&ob, view.token, 0, 0) == PK_OK);
            done++;
        }
        commit();
        fetch_step(true);
    }
    pk_outbox_pace(&ob, 3000); /* 20 in the 2 s since it was offline: 80 are 8 s */
    REQUIRE(pk_outbox_drain_ms(&ob, &ms));
    CHECK_EQ_U64(ms, 8000);
    pk_outbox_pace(&ob, 5000); /* a stall shows */
    REQUIRE(pk_outbox_drain_ms(&ob, &ms));
    CHECK_EQ_U64(ms, 16000);
    for (uint64_t at_ms = 7000; at_ms < 60000; at_ms += 2000) {
        pk_outbox_pace(&ob, at_ms);
    }
    CHECK(!pk_outbox_drain_ms(&ob, &ms)); /* nothing goes: no figure is better than a wrong one */
    pk_outbox_online(&ob, false);
    pk_outbox_pace(&ob, 61000);
    CHECK_EQ_U64(ob.pace.per_s_milli, 0);
}

PK_TEST(hold__the_rest_goes_on_and_what_waits_takes_no_place) {
    enum { LOW_OPEN = 1u << 6, LOW_ENDED = 1u << 7 };
    uint32_t seen_count = 0;
    struct pk_outbox_view view;
    reset(10000000);
    pk_outbox_online(&ob, true);
    for (uint32_t subject = 1; subject <= 2 * PK_LIMIT_OUTBOX_SLOTS;
         subject++) { /* more than there are slots */
        REQUIRE(append(subject, PK_SEV_LOW, subject % 2 == 0) == PK_OK);
        store_all();
        if (subject == PK_LIMIT_OUTBOX_SLOTS) {
            pk_outbox_hold(&ob, LOW_OPEN | LOW_ENDED);
        }
    }
    CHECK_EQ_U64(pk_outbox_held_count(&ob), 2 * PK_LIMIT_OUTBOX_SLOTS);
    CHECK(!pk_outbox_peek(&ob, 0, &view));
    const uint32_t first = 2 * PK_LIMIT_OUTBOX_SLOTS + 1u, last = SUBJECTS;
    for (uint32_t subject = first; subject <= last;
         subject++) { /* a storm of critical ones, stored beyond the slots too */
        REQUIRE(append(subject, PK_SEV_CRITICAL, true) == PK_OK);
        store_all();
    }
    for (uint32_t tick = 0; tick < 4000; tick++) {
        while (pk_outbox_peek(&ob, 0, &view)) {
            CHECK_EQ_INT(view.record.severity, PK_SEV_CRITICAL);
            pk_outbox_sent(&ob, view.token);
            REQUIRE(pk_outbox_answered(&ob, view.token, 0, 0) == PK_OK);
            seen_count++;
        }
        commit();
        fetch_step(true);
    }
    CHECK_EQ_U64(seen_count, last - first + 1u);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 2 * PK_LIMIT_OUTBOX_SLOTS);
    drain();
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_EQ_U64(delivered_count, 2 * PK_LIMIT_OUTBOX_SLOTS);
    CHECK_EQ_U64(pk_outbox_held_count(&ob), 0);
}

/* One life with late commits, late fetches, cut links and crashes; then everything heals. */
static void live(uint64_t seed) {
    struct pk_rng rng;
    uint32_t boot = 1;
    pk_rng_seed(&rng, seed);
    reset(10000000);
    is_picky = seed % 2u == 0;
    uint32_t kept_rev[SUBJECTS + 1] = {0};
    for (uint32_t tick = 0; tick < 600; tick++) {
        pk_outbox_online(&ob, pk_rng_below(&rng, 200) < 100 ? ob.is_online : pk_rng_below(&rng, 2) == 0);
        if (pk_rng_below(&rng, 40) == 0) { /* never the critical lanes */
            pk_outbox_hold(&ob, (uint32_t)pk_rng_below(&rng, 1u << PK_OUTBOX_LANES) & ~3u);
        }
        const uint64_t new_count = pk_rng_below(&rng, 4);
        for (uint64_t i = 0; i < new_count; i++) {
            const uint32_t subject = (uint32_t)pk_rng_below(&rng, SUBJECTS) + 1;
            const uint8_t severity = (uint8_t)pk_rng_below(&rng, PK_SEV_COUNT);
            (void)append(subject, severity, pk_rng_below(&rng, 3) != 0);
        }
        if (pk_outbox_flush(&ob, &batch) != PK_OK || pk_rng_below(&rng, 2) == 0) {
            submit();
        }
        if (pk_rng_below(&rng, 4) == 0 || submitted_seq - durable_seq > BATCHES / 2) {
            make_durable(durable_seq + pk_rng_below(&rng, submitted_seq - durable_seq + 1));
        }
        pk_outbox_durable(&ob, durable_seq);
        if (ob.is_online) {
            send_step(&rng);
        }
        fetch_step(pk_rng_below(&rng, 3) == 0);
        now_ms += pk_rng_below(&rng, 5000);
        pk_outbox_remind(&ob, now_ms);
        if (pk_rng_below(&rng, 100) == 0) {
            restart(++boot, 10000000);
            /* Revisions that never got durable did not happen. */
            memcpy(kept_rev, seen_rev, sizeof kept_rev);
            for (uint32_t i = 0; i < record_count; i++) {
                struct pk_out_record r;
                CHECK_EQ_INT(pk_record_outbox_unpack(
                                 pk_str_make((char *)records[i].value, records[i].value_bytes), &r),
                             PK_OK);
                kept_rev[r.subject] = r.rev > kept_rev[r.subject] ? r.rev : kept_rev[r.subject];
            }
            memcpy(made_rev, kept_rev, sizeof made_rev);
        }
    }
    drain();
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_EQ_U64(pk_outbox_bytes(&ob), 0);
    CHECK_EQ_U64(record_count, 0);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_DAMAGED].count, 0);
    for (uint32_t subject = 1; subject <= SUBJECTS; subject++) {
        CHECK_EQ_U64(seen_rev[subject], made_rev[subject]);
    }
}

PK_TEST(drain__random_lives__every_last_revision_arrives_and_the_store_is_empty) {
    for (uint64_t seed = 1; seed <= (PK_IS_SLOW ? 20u : 80u); seed++) {
        live(seed);
    }
}

PK_TEST(drain__near_the_byte_cap__drops_resolved_and_low_first_and_says_so) {
    reset(20000);
    pk_outbox_online(&ob, false);
    uint32_t subject = 0;
    while (pk_outbox_bytes(&ob) <= 18000 && subject < SUBJECTS) {
        subject++;
        CHECK_EQ_INT(append(subject, subject % 2 == 0 ? PK_SEV_CRITICAL : PK_SEV_LOW, subject % 4 < 2),
                     PK_OK);
        store_all();
    }
    const uint64_t resolved_low = ob.lanes[7].count;
    const uint64_t open_critical = ob.lanes[0].count;
    CHECK(resolved_low > 0);
    for (uint32_t tick = 0; tick < 50; tick++) {
        fetch_step(true);
        commit();
    }
    CHECK(pk_outbox_bytes(&ob) <= 18000);
    CHECK(ob.lanes[7].count < resolved_low);
    CHECK_EQ_U64(ob.lanes[0].count, open_critical);
    CHECK(ob.losses[PK_OUTBOX_LOSS_CAP].count > 0);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].by_severity[PK_SEV_LOW], ob.losses[PK_OUTBOX_LOSS_CAP].count);
    CHECK_EQ_U64(pk_outbox_depth(&ob), record_count);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count + record_count, subject);
    drain();
    CHECK_EQ_U64(record_count, 0);
}

/* Offline in a cap that is always full: incidents open, grow and end, each record larger than the one before
 * it; what the store reads back for dropping comes late. */
static void live_at_the_cap(uint64_t seed) {
    enum { OPEN_MAX = 20, CAP_BYTES = 4000 };
    struct pk_rng rng;
    uint32_t open[OPEN_MAX] = {0}, next_subject = 1;
    uint8_t severity[OPEN_MAX] = {0};
    pk_rng_seed(&rng, seed);
    reset(CAP_BYTES);
    pk_outbox_online(&ob, false);
    for (uint32_t tick = 0; tick < 4000 && next_subject < SUBJECTS; tick++) {
        const uint32_t i = (uint32_t)pk_rng_below(&rng, OPEN_MAX);
        if (open[i] == 0) {
            severity[i] = (uint8_t)pk_rng_below(&rng, PK_SEV_CRITICAL);
            open[i] = append_long(next_subject, severity[i], true, 40) == PK_OK ? next_subject : 0;
            next_subject++;
        } else if (pk_rng_below(&rng, 2) == 0) {
            (void)append_long(open[i], severity[i], true, 60); /* refused: the older one waits on */
        } else {
            (void)append_long(open[i], severity[i], false, 80); /* refused: the older one goes with it */
            open[i] = 0;
        }
        CHECK(pk_outbox_bytes(&ob) <= CAP_BYTES + CAP_BYTES / 16);
        commit();
        if (pk_rng_below(&rng, 8) == 0) {
            fetch_step(true);
        }
    }
    CHECK_EQ_INT(append(SUBJECTS, PK_SEV_CRITICAL, true), PK_OK); /* the other half is for these alone */
    CHECK_EQ_INT(append(SUBJECTS, PK_SEV_CRITICAL, false), PK_OK);
    for (uint32_t i = 0; i < OPEN_MAX; i++) {
        if (open[i] != 0) {
            (void)append_long(open[i], severity[i], false, 80);
        }
    }
    CHECK(ob.losses[PK_OUTBOX_LOSS_CAP].count + owed_count > SUBJECTS / 4);
    drain();
    uint32_t heard_count = 0;
    for (uint32_t subject = 1; subject <= SUBJECTS; subject++) {
        CHECK(!is_seen_open[subject]);
        heard_count += seen_rev[subject] > 0 ? 1u : 0u;
    }
    CHECK(heard_count > 0);
}

PK_TEST(drain__at_the_byte_cap__an_incident_that_ended_is_dropped_whole_or_heard_as_ended) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        live_at_the_cap(seed);
    }
}

/* Twenty were sent while there was a link, of every severity; then the cut, the cap, and they end. */
static void end_at_the_cap_what_was_sent(uint64_t seed, bool has_restart) {
    enum { SENT = 20, CAP_BYTES = 6000 };
    struct pk_rng rng;
    uint32_t next_subject = SENT + 1;
    pk_rng_seed(&rng, seed);
    reset(CAP_BYTES);
    pk_outbox_online(&ob, true);
    for (uint32_t subject = 1; subject <= SENT; subject++) {
        CHECK_EQ_INT(append(subject, (uint8_t)(subject % PK_SEV_COUNT), true), PK_OK);
        commit();
        send_step(NULL);
    }
    commit();
    pk_outbox_online(&ob, false);
    for (uint32_t tick = 1; next_subject < SUBJECTS; tick++) {
        const uint8_t severity = (uint8_t)pk_rng_below(&rng, PK_SEV_CRITICAL);
        if (append(next_subject, severity, true) == PK_OK) {
            commit();
            (void)append(next_subject, severity, false);
        }
        next_subject++;
        if (tick % 8 == 0 && tick / 8 <= SENT) {
            const uint32_t subject = tick / 8;
            const uint8_t sent_severity = (uint8_t)(subject % PK_SEV_COUNT);
            (void)append(subject, sent_severity, true); /* the news of before its end may find no room */
            commit();
            CHECK_EQ_INT(append(subject, sent_severity, false), PK_OK);
        }
        commit();
        fetch_step(true);
        if (has_restart && tick == 60) {
            restart(2, CAP_BYTES);
            pk_outbox_online(&ob, false);
        }
    }
    CHECK(ob.losses[PK_OUTBOX_LOSS_CAP].count + owed_count > 100);
    drain();
    for (uint32_t subject = 1; subject <= SUBJECTS; subject++) {
        CHECK(!is_seen_open[subject]);
        CHECK(subject > SENT || seen_rev[subject] > 1);
    }
}

PK_TEST(drain__at_the_byte_cap__the_end_of_what_was_sent_is_heard) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        end_at_the_cap_what_was_sent(seed, false);
        end_at_the_cap_what_was_sent(seed, true);
    }
}

/* What is open and what was sent fill the cap by themselves, and all of it ends. Whoever keeps the incidents
 * brings what was refused or dropped when there is room again: each end is heard, and nothing is lost. */
static void owe_at_the_cap(uint64_t seed, uint32_t crash_at) {
    enum { SENT = 120, CAP_BYTES = 9000 };
    static bool is_kept_owed[SUBJECTS + 1];
    struct pk_rng rng;
    uint32_t brought_count = 0;
    pk_rng_seed(&rng, seed);
    reset(CAP_BYTES);
    keeper_answer = PK_OK;
    pk_outbox_online(&ob, true);
    for (uint32_t subject = 1; subject <= SENT; subject++) {
        CHECK_EQ_INT(append(subject, (uint8_t)(subject % PK_SEV_COUNT), true), PK_OK);
        commit();
        send_step(NULL);
    }
    commit();
    pk_outbox_online(&ob, false);
    for (uint32_t subject = 1; subject <= SENT; subject++) {
        const int err = append_long(subject, (uint8_t)(subject % PK_SEV_COUNT), false, 80);
        CHECK(err == PK_OK || err == PK_E_AGAIN);
        commit();
        fetch_step(true);
    }
    CHECK(owed_count > 20 && ob.losses[PK_OUTBOX_LOSS_CAP].count == 0);
    pk_outbox_online(&ob, true);
    for (uint32_t tick = 0; tick < 4000; tick++) {
        uint32_t room = pk_outbox_room(&ob);
        for (uint32_t subject = 1; subject <= SENT && room > 0; subject++) {
            if (is_owed[subject] &&
                append_long(subject, (uint8_t)(subject % PK_SEV_COUNT), false, 80) == PK_OK) {
                brought_count++;
                room--;
            }
        }
        memcpy(is_kept_owed, is_owed, sizeof is_owed); /* stored with the batch */
        send_step(&rng);
        commit();
        fetch_step(true);
        if (tick == crash_at) {
            restart(2, CAP_BYTES);
            memcpy(is_owed, is_kept_owed, sizeof is_owed);
            pk_outbox_online(&ob, true);
        }
        if (pk_outbox_depth(&ob) == 0 && record_count == 0 && pk_outbox_flush_count(&ob) == 0) {
            break;
        }
    }
    CHECK(brought_count > 20);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 0);
    for (uint32_t subject = 1; subject <= SUBJECTS; subject++) {
        CHECK(!is_owed[subject] && !is_seen_open[subject]);
        CHECK_EQ_INT(seen_rev[subject] > 1, subject <= SENT);
    }
}

PK_TEST(drain__open_ones_and_ends_fill_the_cap__what_is_owed_is_heard_when_there_is_room) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        owe_at_the_cap(seed, (uint32_t)seed * 2u);
    }
}

PK_TEST(drain__dropping_what_is_open__asks_who_keeps_it) {
    enum { LOW_OPEN = 6 };
    reset(20000);
    pk_outbox_online(&ob, false);
    uint32_t subject = 0;
    while (pk_outbox_bytes(&ob) <= 18000 && subject < SUBJECTS) {
        CHECK_EQ_INT(append(++subject, PK_SEV_LOW, true), PK_OK);
        commit();
    }
    const uint64_t before = ob.lanes[LOW_OPEN].count;
    keeper_answer = PK_E_FULL; /* it cannot be put down yet: nothing goes */
    for (uint32_t tick = 0; tick < 10; tick++) {
        fetch_step(true);
        commit();
    }
    CHECK_EQ_U64(ob.lanes[LOW_OPEN].count, before);
    CHECK_EQ_U64(record_count, before);
    keeper_answer = PK_OK;
    for (uint32_t tick = 0; tick < 10; tick++) {
        fetch_step(true);
        commit();
    }
    CHECK(pk_outbox_bytes(&ob) <= 18000);
    CHECK(owed_count > 0 && ob.lanes[LOW_OPEN].count + owed_count == before);
    CHECK_EQ_U64(record_count, ob.lanes[LOW_OPEN].count);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count, 0);
    const uint32_t kept_count = owed_count;
    keeper_answer = PK_E_NOT_FOUND; /* the incident is known no more: that is a loss */
    while (pk_outbox_bytes(&ob) <= 18000 && subject < SUBJECTS) {
        CHECK_EQ_INT(append(++subject, PK_SEV_LOW, true), PK_OK);
        commit();
    }
    for (uint32_t tick = 0; tick < 10; tick++) {
        fetch_step(true);
        commit();
    }
    CHECK_EQ_U64(owed_count, kept_count);
    CHECK(ob.losses[PK_OUTBOX_LOSS_CAP].count > 0);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_CAP].count + kept_count + record_count, subject);
}

/* Nothing is dropped meanwhile: what low ones grow by leaves half of the reserve alone, and whose end finds
 * no room goes whole. */
PK_TEST(append__at_the_byte_cap__low_ones_that_end_leave_room_for_an_open_critical_one) {
    enum { CAP_BYTES = 4000 };
    uint32_t subject = 1, refused_count = 0;
    reset(CAP_BYTES);
    pk_outbox_online(&ob, false);
    while (append_long(subject, PK_SEV_LOW, true, 40) == PK_OK) {
        subject++;
    }
    commit();
    const uint32_t old_count = subject - 1;
    for (subject = 1; subject <= old_count; subject++) {
        refused_count += append_long(subject, PK_SEV_LOW, false, 80) == PK_E_NO_SPACE ? 1u : 0u;
        commit();
    }
    CHECK(refused_count > 0);
    CHECK(pk_outbox_bytes(&ob) <= CAP_BYTES + CAP_BYTES / 16);
    CHECK_EQ_U64(record_count, old_count - refused_count);
    CHECK_EQ_INT(append(SUBJECTS, PK_SEV_CRITICAL, true), PK_OK);
    drain();
    for (subject = 1; subject < SUBJECTS; subject++) {
        CHECK(!is_seen_open[subject]);
    }
    CHECK(is_seen_open[SUBJECTS]);
}

PK_TEST(drain__records_that_vanished__are_counted_as_lost_not_waited_for) {
    reset(10000000);
    for (uint32_t subject = 1; subject <= PK_LIMIT_OUTBOX_SLOTS + 10; subject++) {
        CHECK_EQ_INT(append(subject, PK_SEV_LOW, true), PK_OK);
        store_all();
    }
    record_count -= 4; /* the store passes over records whose check fails */
    drain();
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_DAMAGED].count, 4);
    CHECK_EQ_U64(delivered_count, PK_LIMIT_OUTBOX_SLOTS + 6);
}

PK_TEST(drain__unreadable_record__is_deleted_and_counted) {
    reset(10000000);
    for (uint32_t subject = 1; subject <= PK_LIMIT_OUTBOX_SLOTS + 4; subject++) {
        CHECK_EQ_INT(append(subject, PK_SEV_LOW, true), PK_OK);
        store_all();
    }
    records[record_count - 2].value[0] = 99;
    drain();
    CHECK_EQ_U64(record_count, 0);
    CHECK_EQ_U64(pk_outbox_depth(&ob), 0);
    CHECK_EQ_U64(ob.losses[PK_OUTBOX_LOSS_DAMAGED].count, 1);
    CHECK_EQ_U64(delivered_count, PK_LIMIT_OUTBOX_SLOTS + 3);
}

PK_TEST(drain__failing_store__is_asked_again_after_the_next_commit) {
    reset(10000000);
    for (uint32_t subject = 1; subject <= PK_LIMIT_OUTBOX_SLOTS + 4; subject++) {
        CHECK_EQ_INT(append(subject, PK_SEV_LOW, true), PK_OK);
        store_all();
    }
    pk_outbox_online(&ob, true);
    send_step(NULL);
    commit();
    REQUIRE(pk_outbox_fetch_wanted(&ob, &fetch));
    CHECK(!pk_outbox_fetch_wanted(&ob, &fetch));
    pk_outbox_fetched(&ob, PK_E_IO, 0, &KEEPER);
    CHECK(!pk_outbox_fetch_wanted(&ob, &fetch));
    CHECK_EQ_U64(pk_outbox_depth(&ob), 4);
    pk_outbox_durable(&ob, durable_seq + 1);
    REQUIRE(pk_outbox_fetch_wanted(&ob, &fetch));
    pk_outbox_fetch_cancelled(&ob);
    CHECK(pk_outbox_fetch_wanted(&ob, &fetch));
}

PK_TEST_MAIN(drain__open_ones_and_ends_fill_the_cap__what_is_owed_is_heard_when_there_is_room,
             drain__dropping_what_is_open__asks_who_keeps_it,
             hold__the_rest_goes_on_and_what_waits_takes_no_place, drain__says_how_long_it_will_take,
             drain__long_backlog__arrives_once_and_critical_first,
             drain__random_lives__every_last_revision_arrives_and_the_store_is_empty,
             drain__near_the_byte_cap__drops_resolved_and_low_first_and_says_so,
             drain__at_the_byte_cap__an_incident_that_ended_is_dropped_whole_or_heard_as_ended,
             drain__at_the_byte_cap__the_end_of_what_was_sent_is_heard,
             append__at_the_byte_cap__low_ones_that_end_leave_room_for_an_open_critical_one,
             drain__records_that_vanished__are_counted_as_lost_not_waited_for,
             drain__unreadable_record__is_deleted_and_counted,
             drain__failing_store__is_asked_again_after_the_next_commit)
