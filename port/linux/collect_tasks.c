/* Tasks that wait for a device that does not answer, and dead ones nobody waits for. */
#include <string.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

/* Remembers a task in uninterruptible sleep; true when it is in it for longer than it may be. A task that
 * woke up between two looks and fell asleep again counts as asleep all the time: load, not a hang, would do
 * that only with luck at each look. */
static bool is_hung(struct pk_source *s, uint32_t pid, uint64_t start_ticks, uint64_t now_us) {
    struct pk_source_stuck *free_slot = NULL;
    for (uint32_t i = 0; i < PK_SOURCE_STUCK; i++) {
        struct pk_source_stuck *t = &s->stuck[i];
        if (t->pid == pid && t->start_ticks == start_ticks) {
            t->round = s->round[PK_COLLECT_TASKS];
            return now_us - t->since_us >= (uint64_t)s->hung_ms * 1000u;
        }
        free_slot = t->pid == 0 && free_slot == NULL ? t : free_slot;
    }
    if (free_slot !=
        NULL) { /* beyond the table they are not told apart: those in it are enough of an alarm */
        *free_slot = (struct pk_source_stuck){
            .pid = pid, .round = s->round[PK_COLLECT_TASKS], .start_ticks = start_ticks, .since_us = now_us};
    }
    return false;
}

static void forget_awake(struct pk_source *s) {
    for (uint32_t i = 0; i < PK_SOURCE_STUCK; i++) {
        if (s->stuck[i].pid != 0 && s->stuck[i].round != s->round[PK_COLLECT_TASKS]) {
            memset(&s->stuck[i], 0, sizeof s->stuck[i]);
        }
    }
}

int pk_collect_tasks(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    struct pk_dir_walk walk;
    const char *name;
    uint32_t looked = 0, hung_count = 0, zombie_count = 0;
    if (pk_dir_open(&walk, s->proc_root) != PK_OK) {
        return PK_E_IO;
    }
    const uint64_t now_us = s->now_us();
    int err = PK_OK;
    s->round[PK_COLLECT_TASKS]++;
    while ((name = pk_dir_next(&walk)) != NULL) {
        struct pk_proc_pid process;
        uint64_t pid = 0;
        if (pk_parse_u64(pk_str_of(name), &pid) != PK_OK || pid == 0 || pid > UINT32_MAX) {
            continue;
        }
        if (++looked > PK_SOURCE_PROCESSES_MAX) {
            err = PK_E_TOO_BIG;
            break;
        }
        if (pk_collect_pid(s, pk_str_of(name), &process) != PK_OK) {
            continue; /* it ended meanwhile */
        }
        zombie_count += process.state == 'Z' ? 1u : 0u;
        if (process.state == 'D' && is_hung(s, (uint32_t)pid, process.start_ticks, now_us)) {
            hung_count++;
        }
    }
    pk_dir_close(&walk);
    forget_awake(s);
    /* Of a walk that is not whole, what was found counts and what was not found proves nothing. */
    pk_collect_add(&o, "hung_tasks", "tasks", (double)hung_count, hung_count > 0 ? PK_OK : err);
    pk_collect_add(&o, "zombies", "tasks", (double)zombie_count, err);
    return (int)o.n;
}
