/* Incidents between the modules: causes and changes, and whether what stayed clear is well (REQUIREMENTS
 * S1-32, S1-33). */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "event/pk_source.h"
#include "event/pk_textring.h"

enum {
    HOLD_MS = 30000,
    FRESH_BOOT_MS = 600000,
    RATE_EVENTS = 100,
    LOOKS_PER_TICK = 16, /* each may read the whole history */
    LATER_MS = 100       /* the largest table is through before the first one held comes back */
};

/* The sources that name an affected component are all heard and can measure, and what probes it is well, and
 * answered in time. */
static const char *unwell_source(const struct pk_agent *a, const struct pk_incident *i, const char **why) {
    /* What a probe said before the cure says nothing of it. All results are of this start. */
    const uint64_t since_ms = i->mitigated.boot == a->now.boot ? i->mitigated.mono_ms : 0;
    for (uint32_t k = 0; k < i->component_count; k++) {
        const int id = pk_sources_find(&a->intake.sources, pk_str_of(i->components[k]));
        *why = pk_agent_probes_trouble(a, i->components[k], since_ms);
        if (*why != NULL) {
            return i->components[k];
        }
        if (id < 0) {
            continue;
        }
        const bool is_silent = pk_engine_is_silent(&a->engine, pk_str_of(i->components[k]));
        const enum pk_source_state state =
            pk_source_state_at(&a->intake.sources.state[id], is_silent, a->now.mono_ms);
        if (state == PK_SOURCE_SILENT || state == PK_SOURCE_FAULT) {
            *why = "nothing good is heard of ";
            return i->components[k];
        }
    }
    return NULL;
}

/* Errors among the events of the affected components since it was mitigated: 1 % or more is not recovered
 * (S1-33). Fewer than RATE_EVENTS say nothing. */
static bool has_errors(const struct pk_agent *a, const struct pk_incident *i) {
    uint32_t all = 0, bad = 0;
    int ids[PK_INC_COMPONENTS];
    for (uint32_t k = 0; k < i->component_count; k++) {
        ids[k] = pk_sources_find(&a->intake.sources, pk_str_of(i->components[k]));
    }
    const uint64_t from_ms = i->mitigated.boot == a->now.boot ? i->mitigated.mono_ms : a->now.mono_ms;
    const uint32_t count = pk_history_count(&a->history, a->now.mono_ms);
    for (uint32_t age = 0; age < count; age++) {
        const struct pk_event *e = pk_history_at(&a->history, age);
        if (e->receive_ms < from_ms) {
            break;
        }
        if (e->event_ms < from_ms) {
            continue; /* late: the history is in the order it came */
        }
        for (uint32_t k = 0; k < i->component_count; k++) {
            const bool is_his = ids[k] == (int)e->source_id;
            all += is_his ? 1u : 0u;
            bad += is_his && e->severity >= PK_SEV_HIGH ? 1u : 0u;
        }
    }
    return all >= RATE_EVENTS && bad * 100u >= all;
}

static bool shares_component(const struct pk_incident *x, const struct pk_incident *y) {
    for (uint32_t k = 0; k < x->component_count; k++) {
        for (uint32_t n = 0; n < y->component_count; n++) {
            if (pk_str_eq_c(pk_str_of(x->components[k]), y->components[n])) {
                return true;
            }
        }
    }
    return false;
}

/* Something severe that opened on the same component since it was mitigated, or answers that are still slow.
 */
static const struct pk_incident *new_trouble(const struct pk_agent *a, const struct pk_incident *i) {
    const struct pk_incidents *t = &a->incidents;
    const struct pk_incident *newest = NULL;
    /* One pass, in whatever order: there may be a thousand, and each of them may be looked at. */
    for (uint32_t slot = 0; slot < t->high_count; slot++) {
        const struct pk_incident *other = &t->slots[slot].incident;
        if (t->numbers[slot] == 0 || (PK_INC_UNMITIGATED >> other->status & 1u) == 0 ||
            (newest != NULL && other->number < newest->number)) {
            continue;
        }
        const bool is_new = other->number > i->number && other->severity >= PK_SEV_HIGH &&
                            other->detected.boot == i->mitigated.boot &&
                            other->detected.mono_ms >= i->mitigated.mono_ms;
        const bool is_slow = pk_str_eq_c(pk_str_of("performance_degradation"), other->type);
        if ((is_new || is_slow) && other != i && other->is_drill == i->is_drill &&
            shares_component(other, i)) {
            newest = other;
        }
    }
    return newest;
}

static void hold(struct pk_agent *a, uint32_t number, const char *why, const char *what) {
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "not yet recovered: ");
    pk_buf_puts(&b, why);
    pk_buf_puts(&b, what);
    pk_incidents_hold(&a->incidents, number, HOLD_MS, pk_buf_str(&b), &a->now);
}

void pk_agent_recover(struct pk_agent *a) {
    const struct pk_incident *i = NULL;
    uint32_t cursor = 0;
    for (uint32_t looks = 0;
         looks < LOOKS_PER_TICK && pk_incidents_is_recovered(&a->incidents, &cursor, &a->now, &i); looks++) {
        const char *why = NULL;
        const char *source = unwell_source(a, i, &why);
        const struct pk_incident *trouble = source == NULL ? new_trouble(a, i) : NULL;
        if (source != NULL) {
            hold(a, i->number, why, source);
        } else if (has_errors(a, i)) {
            hold(a, i->number, "errors are 1 % or more of the events of ", i->components[0]);
        } else if (trouble != NULL) {
            hold(a, i->number, "there is ", trouble->id);
        }
    }
    pk_incidents_postpone(&a->incidents, cursor, LATER_MS, &a->now);
}

/* ---- causes ---- */

const struct pk_topology *pk_agent_topology(const struct pk_agent *a) {
    return &a->topology[a->topology_index];
}

void pk_agent_correlate(struct pk_agent *a, uint32_t number) {
    pk_correlate(&a->incidents, pk_agent_topology(a), number, &a->now);
}

static void note(struct pk_agent *a, uint8_t kind, const struct pk_stamp *at, const char *component,
                 struct pk_str text) {
    struct pk_change c;
    memset(&c, 0, sizeof c);
    c.kind = kind;
    c.at = *at;
    (void)pk_str_copy_cut(pk_str_of(component), c.component, sizeof c.component);
    (void)pk_str_copy_cut(text, c.text, sizeof c.text);
    pk_correlate_change(&a->incidents, &c);
}

void pk_agent_note_change(struct pk_agent *a, const struct pk_event *e) {
    uint8_t *known = &a->change_kinds[e->type_id];
    uint8_t kind = 0;
    if (*known == 0) {
        const struct pk_str type = pk_str_of(pk_types_name(&a->intake.types, e->type_id));
        *known = pk_change_kind_of(type, &kind) == PK_OK ? (uint8_t)(2u + kind) : 1u;
    }
    if (*known < 2u) {
        return;
    }
    const struct pk_stamp at = pk_agent_stamp_at(a, e->event_ms);
    note(a, (uint8_t)(*known - 2u), &at, pk_sources_name(&a->intake.sources, e->source_id),
         pk_textring_message(&a->intake.text, e));
}

void pk_agent_note_start(struct pk_agent *a, struct pk_str story) {
    if (a->now.mono_ms < FRESH_BOOT_MS) { /* the boot-time clock began with the machine */
        const struct pk_stamp at = pk_agent_stamp_at(a, 1);
        note(a, PK_CHANGE_REBOOT, &at, "", story);
    }
}

void pk_agent_note_reload(struct pk_agent *a) {
    note(a, PK_CHANGE_CONFIGURATION, &a->now, "picketd", pk_str_of("reloaded"));
}
