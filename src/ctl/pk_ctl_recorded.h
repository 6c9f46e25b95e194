#ifndef PK_CTL_RECORDED_H
#define PK_CTL_RECORDED_H
/* What replay, test-rule and test-pattern have in common: events and rules out of files, errors with their
 * place. */
#include "ctl/pk_ctl.h"
#include "ctl/pk_ctl_input.h"
#include "ctl/pk_ctl_lab.h"
#include "event/pk_patterns_own.h"

/* Opens what the argument names; a failure is said. Exit code. */
int pk_ctl_recorded_open(struct pk_ctl *c, const char *path, struct pk_ctl_input *out);

/* Rules files of the command line. */
enum { PK_CTL_RULES_FILES_MAX = 16 };
struct pk_ctl_rules {
    struct pk_ctl_input inputs[PK_CTL_RULES_FILES_MAX];
    struct pk_rule_file files[PK_CTL_RULES_FILES_MAX];
    uint32_t count;
};
/* Reads every --rules. Exit code; close it in any case. */
int pk_ctl_recorded_rules(struct pk_ctl *c, struct pk_ctl_rules *out);
void pk_ctl_recorded_rules_close(struct pk_ctl_rules *rules);
/* A lab with the shipped rules and these (NULL = none). Exit code, a failure is said as file:line:column:
 * message. */
int pk_ctl_recorded_lab(struct pk_ctl *c, const struct pk_ctl_rules *rules, struct pk_ctl_lab **out);

/* Every --patterns of the command line, and the shipped ones. */
struct pk_ctl_patterns {
    struct pk_patterns_own own;
    struct pk_patterns_use use;
    struct pk_patterns_tables tables;
};
/* Exit code; a failure is said as file:line:column: message. */
int pk_ctl_recorded_patterns(struct pk_ctl *c, struct pk_ctl_patterns *out);

/* Calls take() for each event of JSON lines or of one array. Bad ones are said as file:line: message.
 * bad_count NULL: the first one is the last that is read, exit code PK_EXIT_FAILED. Else they are passed over
 * and counted there, PK_CTL_BAD_SHOWN of them are said, and the exit code is 0; only of an array that ends in
 * what is no JSON nothing more can be read. */
enum { PK_CTL_BAD_SHOWN = 20 };
int pk_ctl_recorded_events(struct pk_ctl *c, const char *path, const struct pk_ctl_input *in,
                           void (*take)(void *ctx, struct pk_event_in *event), void *ctx,
                           uint64_t *bad_count);

/* The event as replay reads it. */
void pk_ctl_recorded_event(struct pk_json_writer *w, const char *key, const struct pk_event_in *e);
/* One line each on standard output: the event as replay reads it; the incident, with what a change of rules
 * did to it (NULL: nothing is said of that). */
void pk_ctl_recorded_put_event(struct pk_ctl *c, const struct pk_event_in *e);
void pk_ctl_recorded_put_incident(struct pk_ctl *c, const struct pk_incident *record, const char *change);
#endif
