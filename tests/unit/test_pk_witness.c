#include "report/pk_witness.h"

#include <string.h>

#include "base/pk_assert.h"
#include "port/sim/pk_sim.h"
#include "support/pk_test.h"

#define KEY "000102030405060708090a0b0c0d0e0f"
static struct pk_sim sim;
static struct pk_port port;
static struct pk_witness one, two;
static uint8_t bytes[PK_WITNESS_BYTES_MAX], other[PK_WITNESS_BYTES_MAX];
static uint64_t now_ms;

static void open_one(struct pk_witness *w, const char *name, uint32_t boot, uint64_t number) {
    pk_witness_init(w, &port.crypto, pk_str_of("lab"), pk_str_of(name), boot, number);
    CHECK_EQ_INT(pk_witness_set_key(w, pk_str_of(KEY)), PK_OK);
}

static void begin(void) {
    const struct pk_sim_config config = {.seed = 1, .wall_ms = 1790000000000};
    pk_sim_init(&sim, &config, &port);
    now_ms = 1000000;
    open_one(&one, "gw-1", 1, 11);
    open_one(&two, "gw-2", 5, 22);
}

static struct pk_str say(struct pk_witness *w, uint8_t *to) {
    const uint32_t n = pk_witness_make(w, false, 42, now_ms, to);
    CHECK(n > 0);
    return pk_str_make((const char *)to, n);
}

/* Each hears the other twice: then both were answered. */
static void meet(struct pk_witness *x, struct pk_witness *y) {
    CHECK_EQ_INT(pk_witness_take(x, say(y, bytes), now_ms), PK_E_AGAIN);
    CHECK_EQ_INT(pk_witness_take(y, say(x, bytes), now_ms), PK_OK);
    CHECK_EQ_INT(pk_witness_take(x, say(y, bytes), now_ms), PK_OK);
}

static const struct pk_neighbour *row(const struct pk_witness *w, const char *name) {
    for (uint32_t i = 0; i < PK_LIMIT_NEIGHBOURS; i++) {
        if (strcmp(w->rows[i].gateway, name) == 0) {
            return &w->rows[i];
        }
    }
    return NULL;
}

PK_TEST(two_that_meet__see_each_other_and_what_they_say) {
    begin();
    meet(&one, &two);
    REQUIRE(row(&one, "gw-2") != NULL && row(&two, "gw-1") != NULL);
    CHECK(row(&one, "gw-2")->seen_ms == now_ms && !row(&one, "gw-2")->has_hub);
    CHECK_EQ_U64(row(&one, "gw-2")->hubless_s, 42);
    const uint32_t n = pk_witness_make(&two, true, 42, now_ms, bytes);
    CHECK_EQ_INT(pk_witness_take(&one, pk_str_make((const char *)bytes, n), now_ms + 5), PK_OK);
    CHECK(row(&one, "gw-2")->has_hub && row(&one, "gw-2")->hubless_s == 0);
    CHECK(row(&one, "gw-2")->seen_ms == now_ms + 5);
}

PK_TEST(key__is_32_to_128_hexadecimal_digits) {
    static const char *const BAD[] = {"", "00", KEY "0", KEY "zz", "000102030405060708090a0b0c0d0e"};
    begin();
    for (uint32_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        CHECK_EQ_INT(pk_witness_set_key(&one, pk_str_of(BAD[i])), PK_E_BAD_FIELD);
        CHECK_EQ_U64(pk_witness_make(&one, true, 0, now_ms, bytes), 0);
        CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_E_BAD_MSG);
    }
    CHECK_EQ_INT(pk_witness_set_key(&one, pk_str_of(KEY KEY KEY KEY)), PK_OK);
    CHECK_EQ_INT(pk_witness_set_key(&one, pk_str_of(KEY KEY KEY KEY "00")), PK_E_BAD_FIELD);
}

/* Whatever byte is another one, and wherever it ends: refused, and nothing changes. */
PK_TEST(changed_or_cut__is_refused) {
    begin();
    meet(&one, &two);
    const struct pk_neighbour before = *row(&one, "gw-2");
    const struct pk_str good = say(&two, bytes);
    for (uint32_t i = 0; i < good.n; i++) {
        memcpy(other, bytes, good.n);
        other[i] ^= 0x40u;
        CHECK_EQ_INT(pk_witness_take(&one, pk_str_make((const char *)other, good.n), now_ms),
                     PK_E_BAD_SIGNATURE);
        CHECK(pk_witness_take(&one, pk_str_make((const char *)bytes, i), now_ms) < 0);
    }
    CHECK(memcmp(&before, row(&one, "gw-2"), sizeof before) == 0);
    CHECK_EQ_INT(pk_witness_take(&one, good, now_ms), PK_OK);
}

PK_TEST(another_key_or_site__is_refused) {
    struct pk_witness *x = &two;
    begin();
    CHECK_EQ_INT(pk_witness_set_key(x, pk_str_of("ff" KEY)), PK_OK);
    CHECK_EQ_INT(pk_witness_take(&one, say(x, bytes), now_ms), PK_E_BAD_SIGNATURE);
    pk_witness_init(x, &port.crypto, pk_str_of("elsewhere"), pk_str_of("gw-2"), 5, 22);
    CHECK_EQ_INT(pk_witness_set_key(x, pk_str_of(KEY)), PK_OK);
    CHECK_EQ_INT(pk_witness_take(&one, say(x, bytes), now_ms), PK_E_WRONG_AUDIENCE);
    CHECK(row(&one, "gw-2") == NULL);
}

PK_TEST(our_own__comes_back_unheeded__another_with_our_name_does_not) {
    begin();
    CHECK_EQ_INT(pk_witness_take(&one, say(&one, bytes), now_ms), PK_E_AGAIN);
    open_one(&two, "gw-1", 5, 22);
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_E_CONFLICT);
    CHECK_EQ_U64(one.used_count, 0);
}

/* What somebody recorded makes nobody alive: not in the same start of either, not after one of them started
 * anew. */
PK_TEST(recorded_earlier__does_not_count) {
    uint8_t old[PK_WITNESS_BYTES_MAX];
    begin();
    meet(&one, &two);
    const struct pk_str recorded = say(&two, old);
    CHECK_EQ_INT(pk_witness_take(&one, recorded, now_ms), PK_OK);
    now_ms += 600000;
    CHECK_EQ_INT(pk_witness_take(&one, recorded, now_ms), PK_E_REPLAYED);
    CHECK(row(&one, "gw-2")->seen_ms < now_ms);
    open_one(&one, "gw-1", 2,
             12); /* the hearer started anew: it knows nothing, and nothing recorded knows it */
    CHECK_EQ_INT(pk_witness_take(&one, recorded, now_ms), PK_E_AGAIN);
    CHECK_EQ_U64(row(&one, "gw-2")->seen_ms, 0);
    open_one(&two, "gw-2", 6, 23); /* the other did as well */
    now_ms += 1;
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_E_AGAIN);
    CHECK_EQ_INT(pk_witness_take(&two, say(&one, bytes), now_ms), PK_OK);
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_OK);
    CHECK_EQ_INT(pk_witness_take(&one, recorded, now_ms), PK_E_REPLAYED);
    CHECK_EQ_U64(row(&one, "gw-2")->boot, 6);
}

PK_TEST(table__is_bounded_and_gives_up_who_was_silent_for_an_hour) {
    begin();
    for (uint32_t i = 0; i <= PK_LIMIT_NEIGHBOURS; i++) {
        char name[8] = {'n', '-', (char)('a' + i), '\0'};
        open_one(&two, name, 1, 100 + i);
        CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms + i),
                     i < PK_LIMIT_NEIGHBOURS ? PK_E_AGAIN : PK_E_FULL);
    }
    CHECK_EQ_U64(one.full_count, 1);
    CHECK_EQ_U64(one.used_count, PK_LIMIT_NEIGHBOURS);
    CHECK(pk_witness_make(&one, true, 0, now_ms + 100, bytes) > 8 * PK_LIMIT_NEIGHBOURS);
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms + PK_WITNESS_FORGET_MS + 2), PK_E_AGAIN);
    CHECK(row(&one, "n-a") == NULL && row(&one, two.gateway) != NULL);
    CHECK_EQ_U64(one.used_count, PK_LIMIT_NEIGHBOURS);
}

/* A board with its store in memory draws its boot epoch: a lower one is not gone for ever. */
PK_TEST(a_lower_boot__after_silence__is_a_new_life) {
    uint8_t old[PK_WITNESS_BYTES_MAX];
    begin();
    open_one(&two, "gw-2", 0xB0000000u, 22);
    meet(&one, &two);
    const uint32_t n = pk_witness_make(&two, false, 42, now_ms, old);
    const uint64_t seen_ms = now_ms;
    open_one(&two, "gw-2", 0x90000000u, 23);
    now_ms += PK_WITNESS_HEARD_MS;
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_E_REPLAYED);
    CHECK_EQ_U64(one.number, 11);
    now_ms += 1;
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_E_AGAIN);
    CHECK(one.number != 11);
    CHECK_EQ_U64(row(&one, "gw-2")->seen_ms, seen_ms);
    /* What was recorded of its life before knows the old number of ours: it makes nobody alive. */
    CHECK_EQ_INT(pk_witness_take(&one, pk_str_make((const char *)old, n), now_ms), PK_E_AGAIN);
    CHECK_EQ_U64(row(&one, "gw-2")->seen_ms, seen_ms);
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_E_AGAIN);
    CHECK_EQ_INT(pk_witness_take(&two, say(&one, bytes), now_ms), PK_OK);
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, bytes), now_ms), PK_OK);
    CHECK_EQ_U64(row(&one, "gw-2")->seen_ms, now_ms);
    CHECK_EQ_U64(row(&one, "gw-2")->boot, 0x90000000u);
}

/* Who replays again and again does not make our number change all the time. */
PK_TEST(a_lower_boot__our_number_changes_seldom_and_is_still_ours) {
    uint8_t old[PK_WITNESS_BYTES_MAX], own[PK_WITNESS_BYTES_MAX];
    struct pk_witness three;
    begin();
    open_one(&two, "gw-2", 9, 22);
    open_one(&three, "gw-3", 9, 33);
    meet(&one, &two);
    meet(&one, &three);
    now_ms += PK_WITNESS_HEARD_MS + 1;
    const uint32_t n = pk_witness_make(&one, true, 0, now_ms, own);
    open_one(&two, "gw-2", 4, 24);
    open_one(&three, "gw-3", 4, 34);
    CHECK_EQ_INT(pk_witness_take(&one, say(&two, old), now_ms), PK_E_AGAIN);
    CHECK_EQ_INT(pk_witness_take(&one, say(&three, old), now_ms), PK_E_REPLAYED);
    CHECK_EQ_U64(one.number, 12);
    CHECK_EQ_INT(pk_witness_take(&one, pk_str_make((const char *)own, n), now_ms), PK_E_AGAIN);
    now_ms += PK_WITNESS_RENEW_MS;
    CHECK_EQ_INT(pk_witness_take(&one, say(&three, old), now_ms), PK_E_AGAIN);
    CHECK_EQ_U64(one.number, 13);
}

PK_TEST_MAIN(a_lower_boot__after_silence__is_a_new_life,
             a_lower_boot__our_number_changes_seldom_and_is_still_ours,
             two_that_meet__see_each_other_and_what_they_say, key__is_32_to_128_hexadecimal_digits,
             changed_or_cut__is_refused, another_key_or_site__is_refused,
             our_own__comes_back_unheeded__another_with_our_name_does_not, recorded_earlier__does_not_count,
             table__is_bounded_and_gives_up_who_was_silent_for_an_hour)
