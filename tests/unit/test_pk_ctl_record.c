#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
#define MORE(json) "{\"id\":$ID,\"more\":true,\"result\":" json "}\n"
#define INCIDENT "{\"kind\":\"incident\",\"change\":\"created\"}"
#define EVENT(n)                                                                                             \
    "{\"kind\":\"event\",\"received\":\"2026-01-01T00:00:04.000Z\",\"event\":{\"event_id\":\"1-" n           \
    "\",\"type\":\"temp\",\"source\":\"s1\",\"value\":7}}"
#define LINE(n)                                                                                              \
    "{\"received\":\"2026-01-01T00:00:04.000Z\",\"event_id\":\"1-" n                                         \
    "\",\"type\":\"temp\",\"source\":\"s1\",\"value\":7}\n"
#define DONE "{\"id\":$ID,\"done\":true}"

static char path[64], text[2000];

static int record(const char *reply, const char *options) {
    char words[200];
    const struct ctl_rig_step steps[] = {{.reply = reply}};
    (void)snprintf(path, sizeof path, "/tmp/pk-record-%ld", (long)getpid());
    (void)unlink(path);
    (void)snprintf(words, sizeof words, "events record %s%s", path, options);
    const int exit_code = ctl_rig_once(&rig, steps, 1, words);
    FILE *f = fopen(path, "re");
    const size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL) {
        (void)fclose(f);
    }
    (void)unlink(path);
    return exit_code;
}

PK_TEST(record__events_and_nothing_else) {
    CHECK_EQ_INT(record(MORE(EVENT("1")) MORE(INCIDENT) MORE(EVENT("2")) DONE, ""), 0);
    CHECK_STR(text, LINE("1") LINE("2"));
    CHECK(strstr(rig.out, "\"recorded\":2") != NULL && strstr(rig.out, "missed") == NULL);
    CHECK(strstr(rig.requests, "\"cmd\":\"watch\",\"args\":{\"events\":true}") != NULL);
}

PK_TEST(record__a_gap_is_told) {
    CHECK_EQ_INT(record(MORE(EVENT("1")) MORE(EVENT("5")) MORE(EVENT("2")) DONE, ""), 1);
    CHECK(strstr(rig.out, "\"missed\":3") != NULL);
    CHECK_STR(text, LINE("1") LINE("5") LINE("2")); /* a new life of the agent counts anew */
}

PK_TEST(record__limit_and_usage) {
    CHECK_EQ_INT(record(MORE(EVENT("1")) MORE(EVENT("2")) DONE, " --limit 1"), 0);
    CHECK_STR(text, LINE("1"));
    CHECK_EQ_INT(record(DONE, " --for soon"), 2);
    CHECK_EQ_INT(record(DONE, " --dry-run"), 0);
    CHECK_STR(text, "");
}

PK_TEST(record__a_file_that_is_there__is_not_touched) {
    const struct ctl_rig_step steps[] = {{.reply = DONE}};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "events record /etc/passwd"), 8);
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "events record /no/such/folder/x"), 1);
}

PK_TEST_MAIN(record__events_and_nothing_else, record__a_gap_is_told, record__limit_and_usage,
             record__a_file_that_is_there__is_not_touched)
