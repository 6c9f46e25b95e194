#ifndef PK_WINDOW_H
#define PK_WINDOW_H
/* The windows of all rules: one hashed pool of (rule, group) slots, and blocks of six sizes cut from 1 KiB
 * pages, given on first match: rings of times, or what the conditions of the rule keep (pk_cond.h). When a
 * rule has all the windows it asked for, its stalest one makes room (counted); windows that are firing are
 * never taken. */
#include "detect/pk_rule.h"

enum {
    PK_WINDOW_CLASSES = 6,
    PK_WINDOW_NO_RING = 0xFF,
    PK_WINDOW_PAGE_TIMES = 256, /* a page holds 1 x 256, 2 x 128 ... or 32 x 8 times */
    PK_WINDOW_LRU_SHIFT =
        10 /* the order of use is kept to 1.024 s, so that a busy window is not re-linked for each event */
};
extern const uint16_t PK_WINDOW_CLASS_TIMES[PK_WINDOW_CLASSES]; /* 8 16 32 64 128 256 words of 4 bytes */
#define PK_WINDOW_NONE 0xFFFFFFFFu
#define PK_WINDOW_PAGES (PK_LIMIT_WINDOW_BYTES / 1024u)

enum pk_window_state {
    PK_WIN_IDLE,     /* the condition does not hold */
    PK_WIN_PENDING,  /* it holds, but not yet for long enough */
    PK_WIN_FIRING,   /* FIRE was given */
    PK_WIN_CLEARING, /* firing, and the clear condition holds, not yet for long enough */
    PK_WIN_COOLING   /* cleared, and it may not fire again yet */
};

struct pk_window {  /* 56 bytes */
    uint64_t key;   /* group: source id, or hash of the correlation id or field value; PK_WINDOW_KEY_ALL */
    uint32_t chain; /* next in its hash bucket; free list */
    uint32_t older, newer; /* order of use within the rule */
    uint32_t ring;         /* first of its times, in times; PK_WINDOW_NONE */
    uint32_t last_ms;      /* of the last event that counted (low 32 bits of the boot-time clock) */
    uint32_t since_ms;     /* of the state: when the condition began or stopped to hold */
    uint32_t gap_ms;       /* VALUE: usual gap between samples; ABSENT: promised interval */
    uint16_t rule, source_id;
    uint16_t active;                      /* index of the firing record, or PK_WINDOW_NO_ACTIVE */
    uint8_t state;                        /* enum pk_window_state */
    uint8_t verdict;                      /* enum pk_verdict, last known of the condition */
    uint8_t ring_class, head, count, run; /* ring position; run: violations in a row, saturating */
    uint32_t held; /* across: sources that hold now (on the window of the group), or 1 on the source's own */
    bool is_heard; /* an event came; else last_ms is when the window was made */
    bool is_learned; /* it began with what was learned before a restart */
    /* Since the condition began to hold: so often there was no room for what it fired, and of what severity
     * at most. */
    uint8_t put_off_count, put_off_severity;
};
enum { PK_WINDOW_NO_ACTIVE = 0xFFFF };

struct pk_window_page {
    uint32_t next, prev; /* list of pages with the same largest free run */
    uint32_t used_bits;  /* bit per unit of 8 times */
    uint8_t list;        /* 0: full, n: the largest aligned free run is of class n - 1 */
};

struct pk_window_rows { /* what is kept for each rule */
    uint64_t evicted[PK_LIMIT_RULES];
    uint32_t newest[PK_LIMIT_RULES], oldest[PK_LIMIT_RULES]; /* order of use; firing windows are not in it */
    uint32_t block_bytes[PK_LIMIT_RULES];                    /* of the windows held */
    uint16_t keys[PK_LIMIT_RULES];                           /* windows held */
};

struct pk_windows {
    struct pk_window slots[PK_LIMIT_KEYS];
    union {
        uint32_t buckets[PK_LIMIT_KEYS];
        struct pk_window_rows moved; /* the chains are made anew after a renumbering: its work space */
    };
    /* Blocks are zeroed when given. Each is used as one type as long as it is held. */
    _Alignas(8) uint32_t times[PK_WINDOW_PAGES * PK_WINDOW_PAGE_TIMES];
    struct pk_window_page pages[PK_WINDOW_PAGES];
    uint32_t page_lists[PK_WINDOW_CLASSES + 1];
    struct pk_window_rows rows;
    uint32_t fresh; /* slots from here on were never used, nor touched */
    uint32_t free_head, used, high, times_used, times_high;
    uint64_t evicted_count, refused_count, made_count;
};

void pk_windows_init(struct pk_windows *w);
/* Slot or PK_WINDOW_NONE. */
uint32_t pk_windows_find(const struct pk_windows *w, uint16_t rule, uint64_t key);
/* The window that must go before the rule can have another one (its stalest; the caller disarms its timer,
 * then pk_windows_evict), or PK_WINDOW_NONE when there is room or nothing may go. */
uint32_t pk_windows_victim(const struct pk_windows *w, uint16_t rule, uint16_t keys_max);
/* Frees and counts. */
void pk_windows_evict(struct pk_windows *w, uint32_t slot);
/* Slot of a new window (zeros, IDLE, verdict STALE) or PK_WINDOW_NONE, counted: the rule has keys_max, or
 * there is no memory left. */
uint32_t pk_windows_make(struct pk_windows *w, uint16_t rule, uint64_t key, uint8_t ring_class,
                         uint16_t keys_max);
void pk_windows_free(struct pk_windows *w, uint32_t slot);
bool pk_windows_is_used(const struct pk_windows *w, uint32_t slot);
/* An event came, of this time: last_ms is set. */
void pk_windows_touch(struct pk_windows *w, uint32_t slot, uint32_t now_ms);
/* While pinned to a firing record it is not a victim. */
void pk_windows_pin(struct pk_windows *w, uint32_t slot, uint16_t active);
void pk_windows_unpin(struct pk_windows *w, uint32_t slot);

/* Time ring of a slot, ordered: keeps the largest `cap` times put; cap is the same in all calls for a slot.
 * O(1) for times in order; a late one is moved into its place. Times are the low 32 bits of a clock, compared
 * modulo 2^32, and must lie within 24 days of each other. */
void pk_windows_push(struct pk_windows *w, uint32_t slot, uint32_t cap, uint32_t time_ms);
/* The nth newest time (1 = newest). false when there are fewer. */
bool pk_windows_nth(const struct pk_windows *w, uint32_t slot, uint32_t cap, uint32_t nth, uint32_t *out_ms);
/* Times in (now_ms - within_ms, now_ms] among those kept; none may be later than now_ms. */
uint32_t pk_windows_count_within(const struct pk_windows *w, uint32_t slot, uint32_t cap, uint32_t now_ms,
                                 uint32_t within_ms);
void pk_windows_clear_times(struct pk_windows *w, uint32_t slot);
/* Rules have new indices; one without windows may have none (>= PK_LIMIT_RULES). */
void pk_windows_renumber(struct pk_windows *w, const uint16_t new_index[PK_LIMIT_RULES]);
#endif
