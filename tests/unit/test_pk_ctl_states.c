#include <string.h>

#include "incident/pk_incident_fsm.h"
#include "incident/pk_incident_words.h"
#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

static uint32_t lines(void) {
    uint32_t n = 0;
    for (const char *p = rig.out; *p != '\0'; p++) {
        n += *p == '\n' ? 1u : 0u;
    }
    return n;
}

PK_TEST(states__every_cell_and_every_word_without_a_daemon) {
    uint32_t words = 0;
    (void)pk_incident_words(&words);
    CHECK_EQ_INT(ctl_rig_once(&rig, NULL, 0, "explain states --format csv"), 0);
    CHECK_EQ_U64(lines(), PK_INC_STATUS_COUNT * PK_INC_EVENT_COUNT + 1u);
    CHECK(strstr(rig.out, "\nresolved,closed,closed,postmortem,stamp_closed\n") != NULL);
    CHECK(strstr(rig.out, "\nclosed,fired,(refused),,\n") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, NULL, 0, "incidents states --words --format csv"), 0);
    CHECK_EQ_U64(lines(), words + 1u);
    CHECK(strstr(rig.out, "\nremediating,other word,mitigating,remediate\n") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, NULL, 0, "explain states --format json"), 0);
    CHECK(strstr(rig.out, "\"states\":[{\"status\":\"detected\",\"event\":\"fired\"") != NULL);
}

PK_TEST_MAIN(states__every_cell_and_every_word_without_a_daemon)
