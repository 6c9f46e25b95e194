#include <string.h>

#include "detect/pk_cond.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;
static char text[1024];

#define HEAD "[rule x]\non = any\ntype = custom\nseverity = low\n"

static void give(const char *source, const char *user, uint64_t before_ms) {
    struct pk_event e = detect_rig_event(&rig, "login", source, PK_SEV_INFO);
    if (user != NULL) {
        detect_rig_field(&rig, &e, "user", user);
    }
    e.event_ms -= before_ms;
    detect_rig_give(&rig, &e);
}

PK_TEST(distinct__values_of_a_field__each_counts_once) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "when = distinct(data.user) >= 3 in 10s by source\nclear = stable for 1s\n") ==
            PK_OK);
    give("s", "a", 0);
    give("s", "a", 0);
    give("s", "b", 0);
    give("s", NULL, 0);
    give("t", "c", 0); /* of another group */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 9999);
    give("s", "a", 0);
    give("s", "c", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.words, "3 or more of 3 values in 10s, condition distinct(data....) >= 3 in 10s");
    detect_rig_wait(&rig, 1 + 999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED); /* b went out of the window */
}

PK_TEST(distinct__sources__late_sights_count_by_their_own_time) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = distinct(source) of (type = login) >= 3 in 10s\n") == PK_OK);
    give("a", NULL, 0);
    give("b", NULL, 12000);
    give("c", NULL, 3000);
    give("d", NULL, 11000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("b", NULL, 9000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_U64(f.first_event_ms, rig.now_ms - 9000);
}

static uint16_t give_foreign(const char *source) {
    struct pk_event e = detect_rig_event(&rig, "login", "known", PK_SEV_LOW);
    const int id = pk_sources_intern_foreign(&rig.sources, pk_str_of(source));
    CHECK(id >= 0);
    e.source_id = (uint16_t)id;
    detect_rig_give(&rig, &e);
    return e.source_id;
}

PK_TEST(distinct__source_forgotten__its_number_means_another_one) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = distinct(source) of (type = login) >= 3 in 10s\n") == PK_OK);
    const uint16_t number = give_foreign("first");
    pk_sources_forget(&rig.sources, number);
    CHECK_EQ_INT(give_foreign("second"), number);
    CHECK_EQ_INT(give_foreign("second"), number);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    pk_sources_forget(&rig.sources, number);
    CHECK_EQ_INT(give_foreign("third"), number);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(consecutive__a_good_one_breaks_the_run) {
    REQUIRE(detect_rig_init(&rig, "[rule x]\non = type = t\ntype = custom\nseverity = low\n"
                                  "when = consecutive(value > 3) >= 3 by source\n"
                                  "clear = consecutive(value < 2) >= 2\n") == PK_OK);
    static const double VALUES[] = {5, 5, 1, 5, 5, 5};
    for (size_t i = 0; i < 6; i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
        const struct pk_event e = detect_rig_value(&rig, "t", "s", VALUES[i]);
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.words, "3 in a row, threshold 3, condition consecutive(...) >= 3");
    struct pk_event e = detect_rig_value(&rig, "t", "s", 1);
    detect_rig_give(&rig, &e);
    e = detect_rig_value(&rig, "t", "s", 1);
    e.event_ms -= 500; /* older than the last one: of no run */
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 100);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    e = detect_rig_value(&rig, "t", "s", 0);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

static void refuse(const char *when, uint32_t column, const char *message) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, HEAD "when = ");
    pk_buf_puts(&b, when);
    pk_buf_puts(&b, "\n");
    CHECK_EQ_INT(detect_rig_init(&rig, text), PK_E_CONFIG);
    CHECK_EQ_U64(rig.diag.column, column);
    CHECK_STR(rig.diag.message, message);
}

PK_TEST(defects__are_told_with_their_place) {
    refuse("distinct(sorce) >= 3 in 1m", 17, "'sorce' is not source or data.NAME; did you mean 'source'?");
    refuse("distinct >= 3 in 1m", 17, "expected '(' before '>='");
    refuse("distinct(source) >= 1 in 1m", 28, "1 is outside 2 .. 60");
    refuse("distinct(source) of >= 2 in 1m", 28, "expected '(' before '>='");
    refuse("consecutive >= 3", 20, "expected '(' before '>='");
    refuse("consecutive(value > 1) >= 1", 34, "1 is outside 2 .. 65535");
}

PK_TEST_MAIN(distinct__values_of_a_field__each_counts_once,
             distinct__sources__late_sights_count_by_their_own_time,
             distinct__source_forgotten__its_number_means_another_one, consecutive__a_good_one_breaks_the_run,
             defects__are_told_with_their_place)
