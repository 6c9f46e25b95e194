#ifndef PK_JUDGE_H
#define PK_JUDGE_H
/* What a window says about its condition at a moment. Pure: nothing is changed. */
#include "detect/pk_engine.h"

enum {
    PK_JUDGE_STALE_MS = 60000 /* of a gauge seen once */,
    PK_JUDGE_STALE_LEAST_MS = 30000,
    PK_JUDGE_STALE_GAPS = 3
};

struct pk_judgement {
    enum pk_verdict verdict;
    uint64_t from_ms;  /* since when, as far as it is known; <= now */
    uint64_t until_ms; /* when it changes if nothing more comes; UINT64_MAX = never */
};

/* The moment on the full clock of 32 bits that are not later than now. */
uint64_t pk_judge_full_ms(uint64_t now_ms, uint32_t ms);
/* How long a gauge's last sample counts as fresh. */
uint64_t pk_judge_stale_ms(const struct pk_rule *r, const struct pk_window *w);
/* When a source falls due under an absence rule. */
uint64_t pk_judge_deadline_ms(const struct pk_rule *r, const struct pk_window *w, uint64_t now_ms);
struct pk_judgement pk_judge_when(const struct pk_engine *e, uint32_t slot, uint64_t now_ms);
/* Only of a window that is firing. */
struct pk_judgement pk_judge_clear(const struct pk_engine *e, uint32_t slot, uint64_t now_ms);
/* One escalation clause of the window's rule. */
struct pk_judgement pk_judge_raise(const struct pk_engine *e, uint32_t slot,
                                   const struct pk_rule_raise *raise, uint64_t now_ms);
/* Notes an event that speaks for a firing (NULL = none) for the escalation clauses that ask for one. */
void pk_judge_note(const struct pk_engine *e, struct pk_active *a, const struct pk_rule *r,
                   const struct pk_event *event);
/* Of replayed events under a plain rule: whether count holds around the newest time. */
bool pk_judge_replayed_count(const struct pk_engine *e, uint32_t slot);
/* Sources of an across rule that had a counting event in (now - within, now]; *out_until_ms when the first of
 * them drops out. */
uint32_t pk_judge_sources(const struct pk_engine *e, uint16_t rule, uint64_t replay_bit, uint32_t now_ms,
                          uint32_t within_ms, uint32_t *out_first_left_ms);
/* Counts of ratio(...): four buckets of a quarter window each, so it looks back three quarters to one window.
 */
void pk_judge_ratio_add(struct pk_windows *w, uint32_t slot, uint32_t within_ms, uint64_t time_ms,
                        bool is_counted);
void pk_judge_ratio_sums(const struct pk_windows *w, uint32_t slot, uint32_t within_ms, uint64_t now_ms,
                         uint32_t *out_counted, uint32_t *out_all);
/* The window of a rule's group when it is of the children of an across rule (its own source), else not. */
bool pk_judge_is_child(const struct pk_rule *r, const struct pk_window *w);
#endif
