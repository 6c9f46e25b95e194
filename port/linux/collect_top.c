/* Which processes use time and memory most, for the capsule of an incident. */
#include <string.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

/* One call is part of a tick: a process is an open, a read and a close, some 10 us on a slow board. */
enum { LOOKS_PER_CALL = 32, LOOKED_MAX = 4096 };

static bool is_above(const struct pk_top *x, const struct pk_top *y, bool by_memory) {
    return by_memory ? x->rss_bytes > y->rss_bytes : x->cpu_permille > y->cpu_permille;
}

/* In order, the least falls off. */
static void keep(struct pk_source_top_list *l, const struct pk_top *p, bool by_memory) {
    uint32_t at = l->n;
    while (at > 0 && is_above(p, &l->rows[at - 1u], by_memory)) {
        at--;
    }
    if (at == PK_SOURCE_TOP_ROWS) {
        return;
    }
    const uint32_t moved = (l->n < PK_SOURCE_TOP_ROWS ? l->n : PK_SOURCE_TOP_ROWS - 1u) - at;
    memmove(&l->rows[at + 1u], &l->rows[at], moved * sizeof l->rows[0]);
    l->rows[at] = *p;
    l->n += l->n < PK_SOURCE_TOP_ROWS ? 1u : 0u;
}

/* Whether x is the one to give up its place: free or gone, or of the two the one that used less in its life.
 */
static bool is_worth_less(const struct pk_source_top *t, const struct pk_source_busy *x,
                          const struct pk_source_busy *y) {
    const bool x_is_old = x->round == 0 || x->round + 1u < t->round;
    const bool y_is_old = y->round == 0 || y->round + 1u < t->round;
    return x_is_old != y_is_old ? x_is_old : x->used_ticks < y->used_ticks;
}

/* Its own place, or that of one that is gone or used less; NULL: all others used more. With more processes
 * than places, those that never do anything are not kept in mind. */
static struct pk_source_busy *place_of(struct pk_source_top *t, uint32_t pid, uint32_t used_ticks) {
    struct pk_source_busy *least = NULL;
    const struct pk_source_busy this_one = {.pid = pid, .used_ticks = used_ticks, .round = t->round};
    for (uint32_t i = 0; i < PK_SOURCE_TOP_PLACES; i++) {
        struct pk_source_busy *b = &t->busy[(pid + i) % PK_LIMIT_TOP_SLOTS];
        if (b->round != 0 && b->pid == pid) {
            return b;
        }
        if (least == NULL || is_worth_less(t, b, least)) {
            least = b;
        }
    }
    return is_worth_less(t, least, &this_one) ? least : NULL;
}

/* A round takes several calls, so each process has its own time of being looked at. */
static int32_t busy_permille(struct pk_source *s, uint32_t pid, uint64_t used_ticks) {
    struct pk_source_top *t = &s->top;
    struct pk_source_busy *b = place_of(t, pid, (uint32_t)used_ticks);
    if (b == NULL) {
        return -1;
    }
    const struct pk_source_busy before = *b;
    *b = (struct pk_source_busy){.pid = pid,
                                 .used_ticks = (uint32_t)used_ticks,
                                 .at_ms = (uint32_t)(s->now_us() / 1000u),
                                 .round = t->round};
    const uint32_t passed_ms = b->at_ms - before.at_ms;
    if (before.round == 0 || before.pid != pid || before.round + 1u != t->round || passed_ms == 0 ||
        s->ticks_per_s == 0) {
        return -1;
    }
    const uint64_t ticks = b->used_ticks - before.used_ticks;
    const uint64_t permille = ticks * 1000000u / s->ticks_per_s / passed_ms;
    return permille > INT32_MAX ? -1 : (int32_t)permille; /* the number went to another process */
}

static bool look(struct pk_source *s, const char *name, struct pk_top *out) {
    struct pk_proc_pid p;
    uint64_t pid = 0;
    if (pk_parse_u64(pk_str_of(name), &pid) != PK_OK || pid > UINT32_MAX ||
        pk_collect_pid(s, pk_str_of(name), &p) != PK_OK) {
        return false;
    }
    memset(out, 0, sizeof *out);
    out->pid = (uint32_t)pid;
    out->cpu_permille = busy_permille(s, out->pid, p.used_ticks);
    out->rss_bytes = p.rss_pages * s->page_bytes;
    (void)pk_str_copy_cut(pk_str_of(p.comm), out->name, sizeof out->name);
    return true;
}

static bool is_in(const struct pk_source_top_list *l, uint32_t count, uint32_t pid) {
    for (uint32_t i = 0; i < count; i++) {
        if (l->rows[i].pid == pid) {
            return true;
        }
    }
    return false;
}

/* The busiest, and behind them the largest without those that are among them. */
static uint32_t put(const struct pk_source_top *t, struct pk_top *out, uint32_t half) {
    const uint32_t busy_count = t->busiest.n < half ? t->busiest.n : half;
    const uint32_t large_count = t->largest.n < half ? t->largest.n : half;
    uint32_t n = busy_count;
    memcpy(out, t->busiest.rows, busy_count * sizeof *out);
    for (uint32_t i = 0; i < large_count; i++) {
        if (!is_in(&t->busiest, busy_count, t->largest.rows[i].pid)) {
            out[n++] = t->largest.rows[i];
        }
    }
    return n;
}

static int begin(struct pk_source *s) {
    struct pk_source_top *t = &s->top;
    if (pk_dir_open(&t->walk, s->proc_root) != PK_OK) {
        return PK_E_IO;
    }
    t->is_open = true;
    t->looked_count = t->busiest.n = t->largest.n = 0;
    t->round++;
    return PK_OK;
}

int pk_collect_top(struct pk_source *s, struct pk_top *out, uint32_t cap_count) {
    struct pk_source_top *t = &s->top;
    struct pk_top p;
    const char *name = "";
    if (!t->is_open && begin(s) < 0) {
        return PK_E_IO;
    }
    for (uint32_t i = 0; i < LOOKS_PER_CALL && t->looked_count < LOOKED_MAX && name != NULL;) {
        name = pk_dir_next(&t->walk);
        if (name != NULL && look(s, name, &p)) {
            if (p.cpu_permille > 0) {
                keep(&t->busiest, &p, false);
            }
            keep(&t->largest, &p, true);
            t->looked_count++;
            i++;
        }
    }
    if (name != NULL && t->looked_count < LOOKED_MAX) {
        return PK_E_AGAIN;
    }
    pk_dir_close(&t->walk);
    t->is_open = false;
    return (int)put(t, out, cap_count / 2u);
}
