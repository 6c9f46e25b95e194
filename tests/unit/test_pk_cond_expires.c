#include <string.h>

#include "detect/pk_cond.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

#define DAY_MS 86400000ull
static const char CERTIFICATE[] =
    "[rule x]\non = type = cert\ntype = certificate_expiration\n"
    "severity = medium -> high if expires within 7d, critical if expires within 1d\n"
    "when = expires within 30d\nclear = stable for 1m\n";

static void give(double value) {
    const struct pk_event e = detect_rig_value(&rig, "cert", "s", value);
    detect_rig_give(&rig, &e);
}

PK_TEST(expires__days_left__time_alone_raises_it) {
    REQUIRE(detect_rig_init(&rig, CERTIFICATE) == PK_OK);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    give(31.5);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    detect_rig_wait(&rig, DAY_MS + DAY_MS / 2 - 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.severity, PK_SEV_MEDIUM);
    CHECK_STR(f.words, "expires in 30d, threshold 30d, condition expires within 30d");
    detect_rig_wait(&rig, 23 * DAY_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED);
    CHECK_EQ_INT(f.severity, PK_SEV_HIGH);
    detect_rig_wait(&rig, 6 * DAY_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED);
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL);
    give(365); /* renewed */
    detect_rig_wait(&rig, 61000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(expires__unix_time__and_what_is_no_time) {
    REQUIRE(detect_rig_init(&rig, CERTIFICATE) == PK_OK);
    give(1700000000.0 + 31.0 * 86400.0); /* the rig's wall clock begins at 1700000000 */
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    give(5e6);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FAULT);
    detect_rig_wait(&rig, 60 * DAY_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give(1700000000.0 + 60.5 * 86400.0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL); /* the highest step that holds, at once */
}

PK_TEST(expires__unix_time_while_the_clock_is_unsure__is_a_fault) {
    REQUIRE(detect_rig_init(&rig, CERTIFICATE) == PK_OK);
    struct pk_event e = detect_rig_value(&rig, "cert", "s", 1700000000.0 + 31.0 * 86400.0);
    e.flags |= PK_EVENT_CLOCK_UNSURE;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FAULT);
    e = detect_rig_value(&rig, "cert", "s", 31.0); /* days left need no clock */
    e.flags |= PK_EVENT_CLOCK_UNSURE;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
}

PK_TEST(expires__already_over__and_stale_when_the_rule_says_so) {
    REQUIRE(detect_rig_init(&rig, "[rule x]\non = type = cert\ntype = custom\nseverity = low\n"
                                  "when = expires within 1d\nstale = 10m\n") == PK_OK);
    give(-3);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.words, "expired 3d ago, threshold 1d, condition expires within 1d");
    detect_rig_wait(&rig, DAY_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* stale is not recovery */
}

PK_TEST(expires__defects) {
    CHECK_EQ_INT(detect_rig_init(&rig, "[rule x]\non = any\ntype = custom\nseverity = low\n"
                                       "when = expires in 30d\n"),
                 PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "expected 'within' before 'in'");
    CHECK_EQ_INT(detect_rig_init(&rig, "[rule x]\non = any\ntype = custom\nseverity = low\n"
                                       "when = expires within 3651d\n"),
                 PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "the time '3651d' must be above 0 and at most 3650d");
    CHECK_EQ_INT(detect_rig_init(&rig, "[rule x]\non = any\ntype = custom\nwhen = expires within 7d\n"
                                       "severity = low -> high if expires within 7d\n"),
                 PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "this needs 'when = expires within' a longer time");
}

PK_TEST_MAIN(expires__days_left__time_alone_raises_it, expires__unix_time__and_what_is_no_time,
             expires__unix_time_while_the_clock_is_unsure__is_a_fault,
             expires__already_over__and_stale_when_the_rule_says_so, expires__defects)
