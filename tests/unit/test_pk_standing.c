#include "respond/pk_standing.h"

#include <string.h>

#include "support/pk_test.h"
#include "wire/pk_role.h"

static struct pk_standings t;
static struct pk_stamp now;

static struct pk_standing order(const char *action, const char *target, uint8_t uses) {
    struct pk_standing s = {.role = PK_ROLE_APPROVER, .left = uses, .until = now};
    s.until.mono_ms += 3600000;
    s.until.wall_ms += 3600000;
    pk_str_copy_cut(pk_str_of(action), s.action, sizeof s.action);
    pk_str_copy_cut(pk_str_of(target), s.target, sizeof s.target);
    pk_str_copy_cut(pk_str_of("ann"), s.by[0], sizeof s.by[0]);
    return s;
}

static void begin(void) {
    memset(&t, 0, sizeof t);
    now = (struct pk_stamp){.boot = 3, .mono_ms = 1000, .wall_ms = 1700000000000, .quality = PK_TIME_NTP};
}

static const struct pk_standing *take(uint8_t role, uint8_t people) {
    return pk_standings_take(&t, pk_str_of("restart"), pk_str_of("web"), role, people, &now);
}

static struct pk_str stored(struct pk_standing_record *r) {
    CHECK_EQ_INT(pk_standings_next_dirty(&t, &now, r), PK_OK);
    return pk_str_make((const char *)r->value, r->value_bytes);
}

PK_TEST(take__only_its_action_target_role_people_and_as_often_as_it_says) {
    begin();
    struct pk_standing s = order("restart", "web", 2);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    CHECK(pk_standings_take(&t, pk_str_of("restart"), pk_str_of("db"), PK_ROLE_NONE, 1, &now) == NULL);
    CHECK(pk_standings_take(&t, pk_str_of("wipe"), pk_str_of("web"), PK_ROLE_NONE, 1, &now) == NULL);
    CHECK(pk_standings_take(&t, pk_str_of("restart"), pk_str_of(""), PK_ROLE_NONE, 1, &now) == NULL);
    CHECK(take(PK_ROLE_ADMIN, 1) == NULL);
    CHECK(take(PK_ROLE_APPROVER, 2) == NULL);
    CHECK(take(PK_ROLE_APPROVER, 1) != NULL);
    CHECK(take(PK_ROLE_RESPONDER, 1) != NULL);
    CHECK(take(PK_ROLE_RESPONDER, 1) == NULL);
    struct pk_standing_record r;
    CHECK_EQ_U64(stored(&r).n, 0); /* used up: its key goes */
    CHECK_EQ_INT(pk_standings_next_dirty(&t, &now, &r), PK_E_NOT_FOUND);
    CHECK(pk_standings_get(&t, 1) == NULL);
    s = order("restart", "web", 1);
    pk_str_copy_cut(pk_str_of("bob"), s.by[1], sizeof s.by[1]);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 2); /* a number is not given twice */
    CHECK(take(PK_ROLE_APPROVER, 2) != NULL);
}

PK_TEST(end__by_time_and_by_a_person) {
    struct pk_standing_record r;
    begin();
    struct pk_standing s = order("restart", "web", 9);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    now.mono_ms += 3599999;
    CHECK(pk_standing_holds(pk_standings_get(&t, 1), &now));
    now.wall_ms += 90000000; /* the wall clock of the same start does not matter */
    CHECK(take(PK_ROLE_NONE, 0) != NULL);
    now.mono_ms += 1;
    CHECK(take(PK_ROLE_NONE, 0) == NULL);
    CHECK_EQ_U64(stored(&r).n, 0);
    begin();
    s = order("restart", "web", 9);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    CHECK_EQ_INT(pk_standings_end(&t, 1), PK_OK);
    CHECK(take(PK_ROLE_NONE, 0) == NULL && pk_standings_get(&t, 1) == NULL);
    CHECK_EQ_INT(pk_standings_end(&t, 1), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_standings_end(&t, 0), PK_E_NOT_FOUND);
    CHECK_EQ_U64(stored(&r).n, 0);
}

PK_TEST(restart__counts_what_is_left_and_believes_only_a_good_clock) {
    struct pk_standing_record r;
    begin();
    struct pk_standing s = order("restart", "web", 3);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    CHECK(take(PK_ROLE_NONE, 0) != NULL);
    const struct pk_str value = stored(&r);
    memset(&t, 0, sizeof t);
    now.boot++;
    now.mono_ms = 5;
    CHECK_EQ_INT(pk_standings_restore(&t, value), PK_OK);
    CHECK_EQ_INT(pk_standings_restore(&t, value), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_standings_get(&t, 1)->left, 2);
    now.quality = PK_TIME_FLOOR;
    CHECK(take(PK_ROLE_NONE, 0) == NULL);
    struct pk_standing_record none;
    CHECK_EQ_INT(pk_standings_next_dirty(&t, &now, &none),
                 PK_E_NOT_FOUND); /* it is kept until that is known */
    now.quality = PK_TIME_NTP;
    CHECK(take(PK_ROLE_NONE, 0) != NULL);
    now.wall_ms += 3600000;
    CHECK(take(PK_ROLE_NONE, 0) == NULL);
    /* Given while the clock was not sure: it ends with the start it was given in. */
    begin();
    now.quality = PK_TIME_FLOOR;
    s = order("restart", "web", 3);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    CHECK(take(PK_ROLE_NONE, 0) != NULL);
    now.boot++;
    now.quality = PK_TIME_NTP;
    CHECK(take(PK_ROLE_NONE, 0) == NULL);
}

PK_TEST(damage__of_every_byte_gives_nobody_more) {
    struct pk_standing_record r;
    begin();
    const struct pk_standing s = order("restart", "web", 3);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    const struct pk_str value = stored(&r);
    for (uint32_t n = 0; n < value.n; n++) {
        memset(&t, 0, sizeof t);
        CHECK_EQ_INT(pk_standings_restore(&t, pk_str_make(value.p, n)), PK_E_CORRUPT);
    }
    for (uint32_t n = 4; n < 7; n++) { /* role, uses, complement of the uses */
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t copy[PK_STANDING_STORED_BYTES];
            memcpy(copy, value.p, value.n);
            copy[n] = (uint8_t)(copy[n] ^ (1u << bit));
            memset(&t, 0, sizeof t);
            const int err = pk_standings_restore(&t, pk_str_make((const char *)copy, value.n));
            CHECK(err == PK_E_CORRUPT || n == 4);
        }
    }
    begin();
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), 1);
    t.rows[0].left = 200; /* in memory */
    CHECK(take(PK_ROLE_NONE, 0) == NULL);
    CHECK_EQ_U64(stored(&r).n, 0);
}

PK_TEST(add__refuses_nonsense_and_counts_what_has_no_room) {
    begin();
    struct pk_standing s = order("restart", "web", 0);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), PK_E_BAD_FIELD);
    s = order("restart", "web", 251);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), PK_E_BAD_FIELD);
    s = order("", "web", 1);
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), PK_E_BAD_FIELD);
    s = order("restart", "web", 1);
    s.until = now;
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), PK_E_BAD_FIELD);
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        s = order("restart", "web", 1);
        CHECK_EQ_INT(pk_standings_add(&t, &s, &now), (int)i + 1);
    }
    CHECK_EQ_INT(pk_standings_add(&t, &s, &now), PK_E_FULL);
    CHECK(t.refused_count == 1 && t.high_count == PK_LIMIT_STANDING);
}

PK_TEST_MAIN(take__only_its_action_target_role_people_and_as_often_as_it_says, end__by_time_and_by_a_person,
             restart__counts_what_is_left_and_believes_only_a_good_clock,
             damage__of_every_byte_gives_nobody_more, add__refuses_nonsense_and_counts_what_has_no_room)
