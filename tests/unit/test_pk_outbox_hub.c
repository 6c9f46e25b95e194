/* The outbox with hub_ack against a store in memory, a broker that may forget and a hub that says what it
 * has. */
#include <stdio.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/outbox_store.h"
#include "support/pk_test.h"

enum {
    SUBJECTS = 300,
    SUBJECTS_MAX = 5 * PK_LIMIT_OUTBOX_SLOTS + SUBJECTS,
    BOOTS = 200,
    SEQS = 4096,
    WIRE = 512
};

static struct outbox_store store;
static uint64_t now_ms;
static uint32_t made_rev[SUBJECTS_MAX + 1], stored_rev[SUBJECTS_MAX + 1];

static void commit(void) {
    outbox_store_commit(&store);
    memcpy(stored_rev, made_rev, sizeof stored_rev);
}

static void answer_fetch(void) {
    outbox_store_answer(&store);
}

/* Read at once, or between two other things. */
static void read_back(struct pk_rng *rng) {
    if (store.ob.is_fetching) {
        answer_fetch();
    }
    if (pk_outbox_fetch_wanted(&store.ob, &store.fetch) && (rng == NULL || pk_rng_below(rng, 2) == 0)) {
        answer_fetch();
    }
}

static void start(uint32_t boot, uint64_t cap_bytes) {
    outbox_store_open(&store, boot, cap_bytes, true);
    pk_outbox_online(&store.ob, true);
}

static void reset(void) {
    store.count = 0;
    now_ms = 1000;
    start(1, 10000000);
}

/* ---- the agent ---- */

static int append_as(uint32_t subject, uint8_t severity, bool is_open, bool then_clear, uint64_t *out_seq) {
    static const char BODY[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char text[24];
    (void)snprintf(text, sizeof text, "%u", (unsigned)subject);
    const struct pk_out_record record = {.kind = PK_OUT_INCIDENT,
                                         .severity = severity,
                                         .is_open = is_open,
                                         .then_clear = then_clear,
                                         .subject = subject,
                                         .rev = made_rev[subject] + 1,
                                         .id = pk_str_of(text),
                                         .body = pk_str_of(BODY)};
    const int err = pk_outbox_append(&store.ob, &store.batch, &record, out_seq);
    made_rev[subject] += err == PK_OK ? 1u : 0u;
    return err;
}

static uint64_t append(uint32_t subject, uint8_t severity) {
    uint64_t seq = 0;
    CHECK_EQ_INT(append_as(subject, severity, true, false, &seq), PK_OK);
    commit();
    return seq;
}

/* Sends the next entry; its number, 0: there is none. The broker answers it at once. */
static uint64_t send_one(void) {
    struct pk_outbox_view view;
    if (!pk_outbox_peek(&store.ob, now_ms, &view)) {
        return 0;
    }
    pk_outbox_sent(&store.ob, view.token);
    CHECK_EQ_INT(pk_outbox_answered(&store.ob, view.token, 0, now_ms), PK_OK);
    return view.seq;
}

static char said[4000];

/* The hub's word, until all of it was looked for. */
static void hear(const char *args) {
    struct pk_hub_ack ack;
    (void)snprintf(said, sizeof said, "%s", args);
    REQUIRE(pk_hub_ack_parse(pk_str_of(said), &ack) == PK_OK);
    pk_outbox_heard(&store.ob, &ack, now_ms);
    for (uint32_t i = 0; i < 10000 && pk_outbox_is_hearing(&store.ob); i++) {
        read_back(NULL);
        commit();
    }
    CHECK(!pk_outbox_is_hearing(&store.ob));
    commit();
}

static bool is_stored(uint64_t seq) {
    for (uint32_t i = 0; i < store.count; i++) {
        uint8_t lane = 0;
        uint32_t boot = 0;
        uint64_t at = 0;
        if (pk_record_key_outbox_parse(pk_str_make((char *)store.records[i].key, OUTBOX_STORE_KEY_BYTES),
                                       &lane, &boot, &at) == PK_OK &&
            at == seq) {
            return true;
        }
    }
    return false;
}

/* ---- tests ---- */

PK_TEST(hub__broker_has_it__slot_is_free_and_record_stays_until_named) {
    reset();
    for (uint32_t i = 1; i <= 2 * PK_LIMIT_OUTBOX_SLOTS; i++) { /* more than there are slots: none is held */
        const uint64_t seq = append(i, PK_SEV_HIGH);
        CHECK_EQ_U64(send_one(), seq);
        commit();
        CHECK_EQ_INT(store.ob.slots[0].state, PK_OUTBOX_FREE);
    }
    CHECK_EQ_U64(store.count, 2 * PK_LIMIT_OUTBOX_SLOTS);
    CHECK_EQ_U64(pk_outbox_depth(&store.ob), 2 * PK_LIMIT_OUTBOX_SLOTS);
    CHECK_EQ_U64(pk_outbox_unheard_count(&store.ob), 2 * PK_LIMIT_OUTBOX_SLOTS);
    CHECK_EQ_U64(send_one(), 0);
    CHECK(!pk_outbox_fetch_wanted(&store.ob, &store.fetch)); /* nothing is read again and again */
    hear("{\"boot\":1,\"ranges\":[[2,3],[5,5],[7,1000]]}");
    CHECK(is_stored(1) && !is_stored(2) && !is_stored(3) && is_stored(4) && !is_stored(5) && is_stored(6));
    CHECK_EQ_U64(store.count, 3);
    CHECK_EQ_U64(pk_outbox_unheard_count(&store.ob), 3);
    hear("{\"boot\":1,\"ranges\":[[2,3],[5,5],[7,1000]]}"); /* heard twice: as once */
    CHECK_EQ_U64(store.count, 3);
    hear("{\"boot\":1,\"ranges\":[[1,6]]}");
    CHECK_EQ_U64(store.count, 0);
    CHECK_EQ_U64(pk_outbox_depth(&store.ob), 0);
    CHECK_EQ_U64(pk_outbox_bytes(&store.ob), 0);
    CHECK_EQ_U64(store.ob.counters.acked_count, 2 * PK_LIMIT_OUTBOX_SLOTS);
}

PK_TEST(hub__other_boot_or_never_sent__stays) {
    reset();
    const uint64_t sent = append(1, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), sent);
    const uint64_t waiting = append(2, PK_SEV_HIGH);
    hear("{\"boot\":2,\"ranges\":[[0,1000]]}");
    hear("{\"boot\":0,\"ranges\":[[0,1000]]}");
    hear("{\"boot\":1,\"ranges\":[]}");
    CHECK(is_stored(sent) && is_stored(waiting));
    hear("{\"boot\":1,\"ranges\":[[0,9223372036854775807]]}");
    CHECK(!is_stored(sent));
    CHECK(is_stored(waiting));
    CHECK_EQ_U64(send_one(), waiting); /* it still goes */
    /* A sequence number that does not exist yet is not remembered for later. */
    hear("{\"boot\":1,\"ranges\":[[0,9223372036854775807]]}");
    CHECK_EQ_U64(store.count, 0);
    const uint64_t later = append(3, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), later);
    commit();
    CHECK(is_stored(later));
}

PK_TEST(hub__named_before_the_broker_answered__leaves_with_the_answer) {
    struct pk_outbox_view view;
    reset();
    const uint64_t seq = append(1, PK_SEV_HIGH);
    REQUIRE(pk_outbox_peek(&store.ob, now_ms, &view));
    pk_outbox_sent(&store.ob, view.token);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}");
    CHECK(is_stored(seq));
    CHECK_EQ_INT(pk_outbox_answered(&store.ob, view.token, 0, now_ms), PK_OK);
    commit();
    CHECK(!is_stored(seq));
    CHECK_EQ_U64(pk_outbox_depth(&store.ob), 0);
}

/* The topic of an incident that ended is emptied, whatever the hub says meanwhile. */
PK_TEST(hub__end_of_an_incident_named_early__its_topic_is_emptied_first) {
    struct pk_outbox_view view;
    uint64_t seq = 0;
    reset();
    CHECK_EQ_INT(append_as(1, PK_SEV_LOW, false, true, &seq), PK_OK);
    commit();
    REQUIRE(pk_outbox_peek(&store.ob, now_ms, &view));
    CHECK(!view.is_clearing);
    pk_outbox_sent(&store.ob, view.token);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}");
    CHECK_EQ_INT(pk_outbox_answered(&store.ob, view.token, 0, now_ms), PK_OK);
    CHECK(is_stored(seq));
    REQUIRE(pk_outbox_peek(&store.ob, now_ms, &view));
    CHECK(view.is_clearing);
    pk_outbox_sent(&store.ob, view.token);
    CHECK_EQ_INT(pk_outbox_answered(&store.ob, view.token, 0, now_ms), PK_OK);
    commit();
    CHECK(!is_stored(seq));
    /* And named between the two. */
    CHECK_EQ_INT(append_as(2, PK_SEV_LOW, false, true, &seq), PK_OK);
    commit();
    CHECK_EQ_U64(send_one(), seq);
    hear("{\"boot\":1,\"ranges\":[[1,2]]}");
    CHECK(is_stored(seq));
    CHECK_EQ_U64(send_one(), seq);
    commit();
    CHECK(!is_stored(seq));
}

PK_TEST(hub__newer_revision__takes_the_sent_one_with_it) {
    reset();
    const uint64_t first = append(1, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), first);
    const uint64_t second = append(1, PK_SEV_HIGH);
    CHECK(!is_stored(first));
    CHECK_EQ_U64(pk_outbox_unheard_count(&store.ob), 0);
    CHECK_EQ_U64(send_one(), second);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}"); /* of what is gone */
    CHECK(is_stored(second));
    hear("{\"boot\":1,\"ranges\":[[1,2]]}");
    CHECK_EQ_U64(store.count, 0);
}

/* Sent, not answered, and a newer one is queued: the broker's answer ends the older one. */
PK_TEST(hub__newer_revision_while_on_its_way__only_the_newer_one_waits) {
    struct pk_outbox_view view;
    reset();
    const uint64_t first = append(1, PK_SEV_HIGH);
    REQUIRE(pk_outbox_peek(&store.ob, now_ms, &view));
    pk_outbox_sent(&store.ob, view.token);
    const uint64_t second = append(1, PK_SEV_HIGH);
    CHECK(is_stored(first));
    CHECK_EQ_INT(pk_outbox_answered(&store.ob, view.token, 0, now_ms), PK_OK);
    commit();
    CHECK(!is_stored(first) && is_stored(second));
    CHECK_EQ_U64(send_one(), second);
}

PK_TEST(hub__says_nothing__is_sent_again_ever_more_seldom) {
    uint64_t last_ms = 0, apart_ms = 0;
    uint32_t count = 0;
    reset();
    const uint64_t seq = append(1, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), seq);
    last_ms = now_ms;
    for (uint32_t i = 0; i < 400 && count < 8; i++) {
        pk_outbox_remind(&store.ob, now_ms);
        read_back(NULL);
        if (send_one() == seq) {
            CHECK(now_ms - last_ms >= 2 * apart_ms || apart_ms >= PK_OUTBOX_UNHEARD_MAX_MS / 2);
            CHECK(now_ms - last_ms >= PK_OUTBOX_UNHEARD_MIN_MS);
            CHECK(now_ms - last_ms <= PK_OUTBOX_UNHEARD_MAX_MS + 1000);
            apart_ms = now_ms - last_ms;
            last_ms = now_ms;
            count++;
        }
        pk_outbox_remind(&store.ob, now_ms);
        const uint64_t next_ms = pk_outbox_next_deadline_ms(&store.ob);
        now_ms = next_ms == UINT64_MAX ? now_ms + 1000 : next_ms;
    }
    CHECK_EQ_U64(count, 8);
    CHECK_EQ_U64(store.ob.counters.resent_count, 8);
    /* It says anything at all: what it does not name soon it does not have. */
    hear("{\"boot\":1,\"ranges\":[]}");
    CHECK(pk_outbox_next_deadline_ms(&store.ob) <= now_ms + PK_OUTBOX_UNHEARD_MIN_MS);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}");
    pk_outbox_remind(&store.ob, now_ms);
    CHECK_EQ_U64(pk_outbox_next_deadline_ms(&store.ob), UINT64_MAX);
}

PK_TEST(hub__offline__nothing_is_due) {
    reset();
    (void)append(1, PK_SEV_HIGH);
    CHECK(send_one() != 0);
    pk_outbox_remind(&store.ob, now_ms);
    CHECK(pk_outbox_next_deadline_ms(&store.ob) != UINT64_MAX);
    pk_outbox_online(&store.ob, false);
    pk_outbox_remind(&store.ob, now_ms);
    CHECK_EQ_U64(pk_outbox_next_deadline_ms(&store.ob), UINT64_MAX);
    now_ms += 10ull * PK_OUTBOX_UNHEARD_MAX_MS;
    pk_outbox_remind(&store.ob, now_ms); /* as each tick does */
    pk_outbox_online(&store.ob, true);
    pk_outbox_remind(&store.ob, now_ms); /* what the hub said meanwhile comes first */
    CHECK_EQ_U64(pk_outbox_unheard_count(&store.ob), 1);
    const uint64_t due_ms = pk_outbox_next_deadline_ms(&store.ob);
    CHECK(due_ms > now_ms && due_ms <= now_ms + 60000);
    pk_outbox_remind(&store.ob, due_ms); /* cuts do not put it off for ever */
    CHECK_EQ_U64(pk_outbox_unheard_count(&store.ob), 0);
}

PK_TEST(hub__broker_or_we_forgot__all_that_is_not_named_is_sent_again) {
    reset();
    for (uint32_t i = 1; i <= 40; i++) {
        const uint64_t seq = append(i, (uint8_t)(i % PK_SEV_COUNT));
        CHECK_EQ_U64(send_one(), seq);
    }
    hear("{\"boot\":1,\"ranges\":[[1,10]]}");
    for (uint32_t round = 0; round < 2; round++) {
        uint32_t again = 0;
        if (round == 0) {
            pk_outbox_resend(&store.ob);
        } else {
            start(2, 10000000);
        }
        for (uint32_t i = 0; i < 200; i++) {
            again += send_one() != 0 ? 1u : 0u;
            read_back(NULL);
            commit();
        }
        CHECK_EQ_U64(again, 30);
    }
    hear("{\"boot\":1,\"ranges\":[[1,40]]}"); /* of the boot before: sent in this one too */
    CHECK_EQ_U64(store.count, 0);
}

/* What another boot left, and this one has not sent yet: perhaps its topic is still to be emptied. */
PK_TEST(hub__named_before_it_was_sent_again__is_sent_again) {
    reset();
    const uint64_t seq = append(1, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), seq);
    start(2, 10000000);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}");
    CHECK(is_stored(seq));
    CHECK_EQ_U64(send_one(), seq);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}");
    CHECK(!is_stored(seq));
}

PK_TEST(hub__byte_cap__drops_what_was_sent_first_and_never_the_open_critical_one) {
    reset();
    start(1, 6000);
    const uint64_t critical = append(1, PK_SEV_CRITICAL);
    CHECK_EQ_U64(send_one(), critical);
    uint64_t seq = 0;
    uint32_t refused_count = 0;
    for (uint32_t i = 2; i <= 200; i++) {
        refused_count += append_as(i, PK_SEV_LOW, true, false, &seq) == PK_E_AGAIN ? 1u : 0u;
        commit();
        (void)send_one();
        read_back(NULL);
        commit();
        CHECK(pk_outbox_bytes(&store.ob) <= 6000);
    }
    CHECK(is_stored(critical));
    CHECK(is_stored(seq));
    CHECK(!is_stored(critical + 1));
    CHECK(store.ob.losses[PK_OUTBOX_LOSS_CAP].count > 100);
    CHECK_EQ_U64(store.ob.losses[PK_OUTBOX_LOSS_CAP].count + refused_count + store.count, 200);
    CHECK_EQ_U64(pk_outbox_depth(&store.ob), store.count);
    CHECK(pk_outbox_unheard_count(&store.ob) <= store.count);
    hear("{\"boot\":1,\"ranges\":[[1,1000]]}");
    CHECK_EQ_U64(store.count, 0);
}

PK_TEST(hub__switched_off__what_was_sent_is_sent_again_and_leaves_with_the_brokers_answer) {
    reset();
    const uint64_t seq = append(1, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), seq);
    pk_outbox_hub(&store.ob, false);
    hear("{\"boot\":1,\"ranges\":[[1,1]]}"); /* nobody listens */
    CHECK(is_stored(seq));
    for (uint32_t i = 0; i < 4; i++) {
        read_back(NULL);
    }
    CHECK_EQ_U64(send_one(), seq);
    commit();
    CHECK_EQ_U64(store.count, 0);
    pk_outbox_remind(&store.ob, now_ms);
    CHECK_EQ_U64(pk_outbox_next_deadline_ms(&store.ob), UINT64_MAX);
}

/* What happened just now overtakes the backlog of its lane, which goes on all the same. */
PK_TEST(hub__live_ones_overtake__the_backlog_is_sent_without_a_wait) {
    enum { COUNT = 5 * PK_LIMIT_OUTBOX_SLOTS };
    static bool is_sent[COUNT + 2];
    reset();
    memset(is_sent, 0, sizeof is_sent);
    pk_outbox_online(&store.ob, false);
    for (uint32_t i = 1; i <= COUNT; i++) {
        (void)append(i, PK_SEV_HIGH);
    }
    pk_outbox_online(&store.ob, true);
    for (uint32_t i = 0; i < 3; i++) { /* some slots are free again */
        is_sent[send_one()] = true;
    }
    const uint64_t live = append(COUNT + 1, PK_SEV_HIGH);
    CHECK_EQ_U64(send_one(), live);
    is_sent[live] = true;
    for (uint32_t i = 0; i < 10 * COUNT; i++) {
        const uint64_t seq = send_one();
        is_sent[seq] = true; /* [0]: there was none */
        read_back(NULL);
        commit();
    }
    for (uint64_t seq = 1; seq <= live; seq++) {
        CHECK(is_sent[seq]);
    }
    CHECK_EQ_U64(pk_outbox_unheard_count(&store.ob), COUNT + 1);
    hear("{\"boot\":1,\"ranges\":[[1,1000]]}");
    CHECK_EQ_U64(store.count, 0);
}

/* ---- all of it at random ---- */

static struct {
    uint32_t boot, subject, rev;
    uint64_t seq, token;
} on_wire[WIRE];
static uint32_t on_wire_count;
static uint8_t hub_has[BOOTS][SEQS]; /* 1: to be said, 2: said */
static uint32_t hub_rev[SUBJECTS + 1];

static void put_on_wire(void) {
    struct pk_outbox_view v;
    if (on_wire_count == PK_LIMIT_OUTBOX_SLOTS || !pk_outbox_peek(&store.ob, now_ms, &v)) {
        return;
    }
    REQUIRE(v.boot < BOOTS && v.seq < SEQS);
    on_wire[on_wire_count].boot = v.boot;
    on_wire[on_wire_count].seq = v.seq;
    on_wire[on_wire_count].token = v.token;
    on_wire[on_wire_count].subject = v.is_clearing ? 0 : v.record.subject;
    on_wire[on_wire_count].rev = v.record.rev;
    on_wire_count++;
    pk_outbox_sent(&store.ob, v.token);
}

static void answer_wire(bool is_forgotten, bool is_refused) {
    if (on_wire_count == 0) {
        return;
    }
    const uint32_t subject = on_wire[0].subject;
    if (!is_forgotten && !is_refused && subject != 0) {
        hub_has[on_wire[0].boot][on_wire[0].seq] = 1;
        hub_rev[subject] = on_wire[0].rev > hub_rev[subject] ? on_wire[0].rev : hub_rev[subject];
    }
    CHECK_EQ_INT(pk_outbox_answered(&store.ob, on_wire[0].token, is_refused ? 0x97 : 0, now_ms), PK_OK);
    on_wire_count--;
    memmove(&on_wire[0], &on_wire[1], on_wire_count * sizeof on_wire[0]);
}

/* Of one boot what it received since it spoke last, as ranges. */
static void hub_speaks(uint32_t boot, bool is_lost) {
    struct pk_buf b;
    struct pk_hub_ack ack;
    uint32_t ranges = 0;
    pk_buf_init(&b, said, sizeof said);
    pk_buf_puts(&b, "{\"boot\":");
    pk_buf_put_u64(&b, boot);
    pk_buf_puts(&b, ",\"ranges\":[");
    for (uint64_t seq = 0; seq < SEQS && b.n < sizeof said - 60; seq++) {
        const uint64_t from = seq;
        while (seq < SEQS && hub_has[boot][seq] == 1) {
            hub_has[boot][seq++] = 2;
        }
        if (seq > from) {
            pk_buf_puts(&b, ranges++ > 0 ? ",[" : "[");
            pk_buf_put_u64(&b, from);
            pk_buf_putc(&b, ',');
            pk_buf_put_u64(&b, seq - 1);
            pk_buf_putc(&b, ']');
        }
    }
    pk_buf_puts(&b, "]}");
    if (!is_lost) {
        REQUIRE(pk_hub_ack_parse(pk_buf_str(&b), &ack) == PK_OK);
        pk_outbox_heard(&store.ob, &ack, now_ms);
    }
}

/* The counts, seen from the store once nothing is between it and the outbox. */
static void check_counts(void) {
    uint64_t slots = 0;
    for (uint32_t i = 0; i < PK_OUTBOX_LANES; i++) {
        slots += store.ob.lanes[i].slot_count;
        CHECK((uint64_t)store.ob.lanes[i].slot_count + store.ob.lanes[i].sent_count <=
              store.ob.lanes[i].count);
    }
    CHECK(slots <= PK_LIMIT_OUTBOX_SLOTS);
}

static void something_happens(struct pk_rng *rng, uint32_t *boot) {
    uint64_t seq = 0;
    const uint32_t subject = 1 + (uint32_t)pk_rng_below(rng, SUBJECTS);
    switch (pk_rng_below(rng, 40)) {
    case 0:
        pk_outbox_online(&store.ob, false);
        break;
    case 1:
    case 2:
    case 3:
        pk_outbox_online(&store.ob, true);
        break;
    case 4: /* the broker lost all it had */
        pk_outbox_restart_inflight(&store.ob);
        pk_outbox_resend(&store.ob);
        on_wire_count = 0;
        break;
    case 5:
        if (*boot + 1 < BOOTS && pk_rng_below(rng, 4) == 0) {
            on_wire_count = 0;
            memcpy(made_rev, stored_rev, sizeof made_rev); /* nobody heard of what was not durable */
            start(++*boot, 10000000);
        }
        break;
    case 6:
        pk_outbox_hold(&store.ob, pk_rng_below(rng, 2) == 0 ? 0x3F0u : 0u);
        break;
    case 7:
        now_ms += PK_OUTBOX_UNHEARD_MIN_MS;
        break;
    default:
        if (store.count < OUTBOX_STORE_RECORDS / 4 && store.ob.next_seq < SEQS) {
            const bool is_open = pk_rng_below(rng, 3) != 0;
            (void)append_as(subject, (uint8_t)(subject % PK_SEV_COUNT), is_open, !is_open, &seq);
        }
    }
}

static void one_step(struct pk_rng *rng, uint32_t *boot, bool is_calm) {
    if (!is_calm && pk_rng_below(rng, 3) == 0) {
        something_happens(rng, boot);
    }
    struct pk_outbox_view view;
    if (!is_calm && pk_rng_below(rng, 12) == 0 && pk_outbox_peek(&store.ob, now_ms, &view)) {
        pk_outbox_put_by(&store.ob, view.token, now_ms);
    }
    put_on_wire();
    if (is_calm || pk_rng_below(rng, 2) == 0) {
        answer_wire(!is_calm && pk_rng_below(rng, 5) == 0, !is_calm && pk_rng_below(rng, 4) == 0);
    }
    if (!pk_outbox_is_hearing(&store.ob) && (is_calm || pk_rng_below(rng, 20) == 0)) {
        hub_speaks((uint32_t)pk_rng_below(rng, *boot + 1u), !is_calm && pk_rng_below(rng, 5) == 0);
    }
    read_back(rng);
    if (is_calm || pk_rng_below(rng, 3) != 0) {
        commit();
    }
    now_ms += 50;
    pk_outbox_remind(&store.ob, now_ms);
    check_counts();
}

static void run_at_random(uint64_t seed) {
    struct pk_rng rng;
    uint32_t boot = 1;
    pk_rng_seed(&rng, seed);
    memset(hub_has, 0, sizeof hub_has);
    memset(hub_rev, 0, sizeof hub_rev);
    memset(made_rev, 0, sizeof made_rev);
    memset(stored_rev, 0, sizeof stored_rev);
    on_wire_count = 0;
    reset();
    for (uint32_t i = 0; i < 4000; i++) {
        one_step(&rng, &boot, false);
    }
    pk_outbox_online(&store.ob, true);
    pk_outbox_hold(&store.ob, 0);
    commit();
    uint32_t steps = 0;
    while (steps < 60000 && (store.count > 0 || pk_outbox_depth(&store.ob) > 0)) {
        one_step(&rng, &boot, true);
        now_ms += steps % 4000 == 3999 ? PK_OUTBOX_UNHEARD_MAX_MS : 0u;
        steps++;
    }
    CHECK_EQ_U64(store.count, 0);
    CHECK_EQ_U64(pk_outbox_depth(&store.ob), 0);
    CHECK_EQ_U64(pk_outbox_bytes(&store.ob), 0);
    for (uint32_t i = 1; i <= SUBJECTS; i++) {
        CHECK_EQ_U64(hub_rev[i], made_rev[i]);
    }
    for (uint32_t i = 0; i < PK_OUTBOX_LOSS_COUNT; i++) {
        CHECK_EQ_U64(store.ob.losses[i].count, 0);
    }
}

PK_TEST(hub__at_random_with_a_broker_that_forgets_and_refuses__every_last_revision_arrives) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        run_at_random(seed);
    }
}

PK_TEST_MAIN(hub__broker_has_it__slot_is_free_and_record_stays_until_named,
             hub__other_boot_or_never_sent__stays,
             hub__named_before_the_broker_answered__leaves_with_the_answer,
             hub__end_of_an_incident_named_early__its_topic_is_emptied_first,
             hub__newer_revision__takes_the_sent_one_with_it,
             hub__newer_revision_while_on_its_way__only_the_newer_one_waits,
             hub__says_nothing__is_sent_again_ever_more_seldom, hub__offline__nothing_is_due,
             hub__broker_or_we_forgot__all_that_is_not_named_is_sent_again,
             hub__named_before_it_was_sent_again__is_sent_again,
             hub__byte_cap__drops_what_was_sent_first_and_never_the_open_critical_one,
             hub__switched_off__what_was_sent_is_sent_again_and_leaves_with_the_brokers_answer,
             hub__live_ones_overtake__the_backlog_is_sent_without_a_wait,
             hub__at_random_with_a_broker_that_forgets_and_refuses__every_last_revision_arrives)
