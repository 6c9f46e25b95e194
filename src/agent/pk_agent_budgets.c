/* The budgets of flash and data: what is used of them, and what gives way while one is nearly used
 * (src/decisions/0081). Never a critical incident, nor anything a person or the hub asked for. */
#include "agent/pk_agent_priv.h"

enum {
    LOOK_MS = 5000,
    TIGHT_SUMMARY_MS = 900000, /* a summary at most so often */
    OVER_SUMMARY_MS = 3600000,
    /* What tells how often something happened, and nothing else. */
    DETAIL_KINDS = PK_INC_CHANGED_EVENTS | PK_INC_CHANGED_CAUSE | PK_INC_CHANGED_TIME
};

static const char *const LEVELS_TOLD[] = {"all of it is there again", "80 % are used", "90 % are used",
                                          "95 % are used", "all of it is used"};

uint8_t pk_agent_budget_level(const struct pk_agent *a, enum pk_spend_kind kind) {
    return a->spends[kind].level;
}

bool pk_agent_budget_counts(const struct pk_agent *a, uint8_t role) {
    const uint32_t link = pk_agent_link_for(a, role);
    return link == PK_LINKS || a->config.broker[link].metered != PK_METERED_NO;
}

uint8_t pk_agent_budget_data_level(const struct pk_agent *a, uint8_t role) {
    return pk_agent_budget_counts(a, role) ? a->spends[PK_SPEND_DATA].level : (uint8_t)PK_SPEND_FREE;
}

/* ---- what gives way ---- */

/* Lanes of the outbox that wait, by level: first what has ended, then low, then the rest but what is open and
 * high. Of critical incidents none (lanes 0 and 1, and in them how approvals ended; what is asked is in 2).
 */
static uint32_t held_lanes(const struct pk_agent *a) {
    static const uint32_t HELD[PK_SPEND_LEVEL_COUNT] = {
        [PK_SPEND_SHORT] = 1u << 9 | 1u << 7 | 1u << 5,
        [PK_SPEND_SCARCE] = 1u << 9 | 1u << 7 | 1u << 5 | 1u << 8 | 1u << 6,
        [PK_SPEND_OVER] = 1u << 9 | 1u << 7 | 1u << 5 | 1u << 8 | 1u << 6 | 1u << 4 | 1u << 3};
    return HELD[pk_agent_budget_data_level(a, PK_BROKER_INCIDENTS)];
}

uint64_t pk_agent_budget_summary_ms(const struct pk_agent *a) {
    const uint8_t level = pk_agent_budget_data_level(a, PK_BROKER_SUMMARY);
    const uint64_t least_ms = level >= PK_SPEND_OVER    ? (uint64_t)OVER_SUMMARY_MS
                              : level >= PK_SPEND_TIGHT ? (uint64_t)TIGHT_SUMMARY_MS
                                                        : 0u;
    return a->config.summary_ms > least_ms ? a->config.summary_ms : least_ms;
}

static bool is_given_up(const struct pk_agent *a, uint8_t severity, bool is_open) {
    const uint8_t level = pk_agent_budget_level(a, PK_SPEND_FLASH);
    if (severity >= PK_SEV_CRITICAL || level < PK_SPEND_SHORT) {
        return false;
    }
    return !is_open || (severity <= PK_SEV_LOW && level >= PK_SPEND_SCARCE) || level >= PK_SPEND_OVER;
}

bool pk_agent_budget_skips(struct pk_agent *a, const struct pk_incident *i, uint32_t kinds) {
    if ((kinds & ~(uint32_t)DETAIL_KINDS) != 0 ||
        !is_given_up(a, i->severity, pk_incident_status_is_active(i->status))) {
        return false;
    }
    a->spends[PK_SPEND_FLASH].left_out_count++;
    return true;
}

bool pk_agent_budget_skips_line(struct pk_agent *a, const struct pk_timeline_entry *t) {
    if (t->kind != PK_TL_JOINED || !is_given_up(a, t->severity, true)) {
        return false;
    }
    a->spends[PK_SPEND_FLASH].left_out_count++;
    return true;
}

bool pk_agent_budget_skips_capsule(struct pk_agent *a, const struct pk_incident *i) {
    if (pk_agent_budget_level(a, PK_SPEND_FLASH) < PK_SPEND_SHORT || i->severity >= PK_SEV_CRITICAL) {
        return false;
    }
    a->spends[PK_SPEND_FLASH].left_out_count++;
    return true;
}

bool pk_agent_budget_postpones(struct pk_agent *a) {
    if (pk_agent_budget_level(a, PK_SPEND_FLASH) < PK_SPEND_TIGHT || a->is_stopping) {
        return false;
    }
    a->spends[PK_SPEND_FLASH].left_out_count++;
    return true;
}

/* ---- counting ---- */

static uint64_t counter_of(struct pk_agent *a, enum pk_spend_kind kind) {
    if (kind == PK_SPEND_FLASH) {
        struct pk_store_status s;
        a->port->store.status(a->port->store.ctx, &s);
        return s.written_bytes;
    }
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const uint64_t carried = a->port->link[i].carried_bytes(a->port->link[i].ctx);
        const uint64_t more = carried >= a->carried_bytes[i] ? carried - a->carried_bytes[i] : carried;
        a->metered_bytes += a->config.broker[i].metered != PK_METERED_NO ? more : 0u;
        a->carried_bytes[i] = carried;
    }
    return a->metered_bytes;
}

static void tell(struct pk_agent *a, enum pk_spend_kind kind, uint8_t before) {
    const struct pk_spend *s = &a->spends[kind];
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    if (s->level == before) {
        return; /* a new period like the one before */
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, kind == PK_SPEND_FLASH ? "what a day may write to the flash ([store] day): "
                                           : "what a month may send ([report] month): ");
    pk_buf_puts(&b, LEVELS_TOLD[s->level]);
    pk_agent_audit(a, 0, "budget", "agent", pk_buf_str(&b));
    pk_agent_log(a, s->level > before ? PK_LOG_WARNING : PK_LOG_NOTICE, text);
}

/* A power cut forgets what was not stored, and who loses power each hour would never reach a limit: each
 * hundredth of it is stored, so at most a hundred times a period. Of the flash no less than what many such
 * commits write themselves. */
static bool is_much_unsaved(const struct pk_agent *a, enum pk_spend_kind kind) {
    enum { FLASH_LEAST_BYTES = 1 << 20 };
    const struct pk_spend *s = &a->spends[kind];
    const uint64_t used = s->record.used_bytes, stored = a->meta.spends[kind].used_bytes;
    const uint64_t least = kind == PK_SPEND_FLASH ? (uint64_t)FLASH_LEAST_BYTES : 1u;
    const uint64_t part = s->limit_bytes / 100u;
    return stored < s->limit_bytes && used > stored && used - stored >= (part > least ? part : least);
}

static void look(struct pk_agent *a, enum pk_spend_kind kind) {
    struct pk_spend *s = &a->spends[kind];
    const uint8_t before = s->level;
    const bool is_told = pk_spend_look(s, counter_of(a, kind), &a->now);
    a->is_meta_dirty = a->is_meta_dirty || is_much_unsaved(a, kind);
    if (!is_told) {
        return;
    }
    a->is_meta_dirty = true;
    tell(a, kind, before);
    if (kind == PK_SPEND_DATA) {
        pk_outbox_hold(&a->outbox, held_lanes(a));
    }
}

void pk_agent_budgets(struct pk_agent *a) {
    if (a->now.mono_ms < a->spends_due_ms) {
        return;
    }
    a->spends_due_ms = a->now.mono_ms + LOOK_MS;
    bool is_limited = false;
    for (uint32_t i = 0; i < PK_SPEND_COUNT; i++) {
        look(a, (enum pk_spend_kind)i);
        is_limited = is_limited || a->spends[i].limit_bytes > 0;
    }
    /* Where the clock is good its floor is saved, and this with it. */
    if (is_limited && a->now.quality < PK_TIME_NTP &&
        a->now.mono_ms - a->spends_saved_ms >= PK_AGENT_META_SAVE_MS) {
        a->spends_saved_ms = a->now.mono_ms;
        a->is_meta_dirty = true;
    }
}

void pk_agent_budgets_configure(struct pk_agent *a) {
    pk_spend_limit(&a->spends[PK_SPEND_FLASH], a->config.flash_day_bytes);
    pk_spend_limit(&a->spends[PK_SPEND_DATA], a->config.data_month_bytes);
    pk_outbox_hold(&a->outbox, held_lanes(a));
}

void pk_agent_budgets_restore(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_SPEND_COUNT; i++) {
        pk_spend_init(&a->spends[i], (enum pk_spend_kind)i);
        pk_spend_restore(&a->spends[i], &a->meta.spends[i]);
    }
    a->spends_saved_ms = a->now.mono_ms;
}

void pk_agent_budgets_meta(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_SPEND_COUNT; i++) {
        a->meta.spends[i] = a->spends[i].record;
    }
}

/* ---- telling ---- */

void pk_agent_budgets_summarise(const struct pk_agent *a, struct pk_agent_summary *s) {
    static const char *const REASONS[PK_SPEND_COUNT] = {
        [PK_SPEND_FLASH] = "flash_budget", [PK_SPEND_DATA] = "data_budget"};
    s->summary.budgets = s->budgets;
    for (uint32_t i = 0; i < PK_SPEND_COUNT; i++) {
        const struct pk_spend *spend = &a->spends[i];
        if (spend->limit_bytes > 0) {
            s->budgets[s->summary.budget_count++] =
                (struct pk_summary_budget){.name = pk_spend_word((enum pk_spend_kind)i),
                                           .level = pk_spend_level_word((enum pk_spend_level)spend->level),
                                           .used_bytes = spend->record.used_bytes,
                                           .limit_bytes = spend->limit_bytes};
        }
        const uint64_t count =
            spend->left_out_count + (i == PK_SPEND_DATA ? pk_outbox_held_count(&a->outbox) : 0u);
        if (count > 0) { /* the range is the period: its day, or month, since 1970 */
            s->losses[s->summary.loss_count++] = (struct pk_summary_loss){.source = pk_str_of("picketd"),
                                                                          .reason = REASONS[i],
                                                                          .from = spend->record.period,
                                                                          .to = spend->record.period,
                                                                          .count = count};
        }
    }
}

void pk_agent_budgets_put(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "budgets");
    for (uint32_t i = 0; i < PK_SPEND_COUNT; i++) {
        const struct pk_spend *s = &a->spends[i];
        pk_jw_object(w, pk_spend_word((enum pk_spend_kind)i));
        pk_jw_u64(w, "used_bytes", s->record.used_bytes);
        if (s->limit_bytes > 0) {
            pk_jw_u64(w, "limit_bytes", s->limit_bytes);
        } else {
            pk_jw_null(w, "limit_bytes");
        }
        pk_jw_cstr(w, "period", i == PK_SPEND_FLASH ? "day" : "month");
        pk_jw_cstr(w, "level", pk_spend_level_word((enum pk_spend_level)s->level));
        pk_jw_u64(w, "left_out", s->left_out_count);
        if (i == PK_SPEND_DATA) {
            pk_jw_u64(w, "held", pk_outbox_held_count(&a->outbox));
        }
        pk_jw_object_end(w);
    }
    pk_jw_object_end(w);
}
