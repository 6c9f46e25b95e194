#ifndef PK_CTL_CASE_H
#define PK_CTL_CASE_H
/* What the agent knows about one incident, asked for once and kept: post-mortems, reports and explanations
 * are made from it. */
#include "ctl/pk_ctl_call.h"

struct pk_ctl_case {
    struct pk_ctl_text incident; /* object: the incident */
    struct pk_ctl_text timeline; /* array, oldest first */
    bool is_timeline_cut;
    /* Empty when the agent refused to tell, or has it no more: */
    struct pk_ctl_text status; /* object, answer of `status` */
    struct pk_ctl_text rule;   /* object, answer of `rules.show` for the incident's rule */
    struct pk_ctl_text
        events; /* array: events of the affected components that are still in memory, newest first */
    struct pk_ctl_text gauges;  /* array: the machine's own measurements, newest first */
    struct pk_ctl_text capsule; /* array: lines of its capsule */
    struct pk_ctl_text others;  /* array: rows of the incidents that were open in the same time */
};

/* Asks for all of it. Exit code; a failure to get the incident itself, or to reach the agent, is said. Zeroes
 * the struct first; free it in any case. */
int pk_ctl_case_open(struct pk_ctl *c, struct pk_ctl_case *k, const char *incident_id);
void pk_ctl_case_free(struct pk_ctl_case *k);

/* Member of the incident. */
struct pk_ctl_value pk_ctl_case_get(const struct pk_ctl_case *k, const char *path);
/* A moment of the incident in Unix ms; false: it has not come, or is not known. */
bool pk_ctl_case_time(const struct pk_ctl_case *k, const char *path, int64_t *out_ms);
/* First events to resolution, or to now while it is open. */
void pk_ctl_case_span(const struct pk_ctl_case *k, int64_t now_ms, int64_t *out_from_ms, int64_t *out_to_ms);
/* The line "name: ..." of the rule's explanation without its name, empty when there is none. Points into
 * `buffer`, which gets the whole explanation. */
struct pk_str pk_ctl_case_rule_line(const struct pk_ctl_case *k, const char *name,
                                    struct pk_ctl_text *buffer);
/* Whether the message of a status entry, "old -> new: why", ends in a status that begins with `word`. */
bool pk_ctl_leads_to(struct pk_str message, const char *word);
/* The incident with timeline and timeline_cut as one object (REQUIREMENTS S1-67). */
void pk_ctl_put_detail(struct pk_ctl_text *t, struct pk_str incident, struct pk_str timeline, bool is_cut);
#endif
