#include "ctl/pk_ctl_lab.h"

#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_finding.h"
#include "wire/pk_incident_json.h"

enum {
    BOOT = 1,
    START_MS = 86400000,   /* boot-time clock at the first event: room for some that come late */
    SOURCES_KEPT_FREE = 16 /* names for the programs of this gateway, whoever knocks from outside */
};

static const char GATEWAY[] = "replay";

struct pk_ctl_lab *pk_ctl_lab_open(const struct pk_port_crypto *crypto) {
    struct pk_ctl_lab *lab = calloc(1, sizeof *lab);
    if (lab == NULL) {
        return NULL;
    }
    struct pk_incidents_settings settings;
    pk_intake_init(&lab->intake, 0, 1);
    pk_history_init(&lab->history, 0, 0);
    lab->now = (struct pk_stamp){.boot = BOOT, .mono_ms = START_MS, .quality = PK_TIME_HUB};
    const struct pk_engine_world world = {.types = &lab->intake.types,
                                          .sources = &lab->intake.sources,
                                          .text = &lab->intake.text,
                                          .history = &lab->history,
                                          .heartbeat_type_id = lab->intake.heartbeat_type_id,
                                          .heartbeat_default_ms = lab->intake.heartbeat_default_ms};
    pk_engine_init(&lab->engine, &world, lab->now.mono_ms);
    pk_thresholds_defaults(&lab->thresholds);
    lab->engine.rules.thresholds = &lab->thresholds;
    pk_incidents_settings_defaults(&settings);
    pk_incidents_init(&lab->incidents, crypto, pk_str_of(GATEWAY), BOOT, &settings);
    return lab;
}

void pk_ctl_lab_close(struct pk_ctl_lab *lab) {
    if (lab != NULL) {
        free(lab->records);
        free(lab);
    }
}

int pk_ctl_lab_rules(struct pk_ctl_lab *lab, const struct pk_rule_file *files, uint32_t file_count,
                     struct pk_diag *out_diag) {
    return pk_engine_load(&lab->engine, &PK_SHIPPED_RULES, files, file_count, lab->now.mono_ms, out_diag);
}

/* ---- incidents ---- */

static void keep(struct pk_ctl_lab *lab, const struct pk_incident *i) {
    while (i->number > lab->record_cap) {
        const uint32_t cap = lab->record_cap == 0 ? 64u : lab->record_cap * 2u;
        struct pk_incident *grown = realloc(lab->records, (size_t)cap * sizeof *grown);
        if (grown == NULL) {
            lab->is_short = true;
            return;
        }
        lab->records = grown;
        lab->record_cap = cap;
    }
    if (i->number > lab->record_count) {
        memset(&lab->records[lab->record_count], 0,
               (size_t)(i->number - lab->record_count) * sizeof lab->records[0]);
        lab->record_count = i->number;
    }
    lab->records[i->number - 1u] = *i;
}

static void keep_changes(struct pk_ctl_lab *lab) {
    struct pk_incident_change change;
    struct pk_incident_drop drop;
    while (pk_incidents_next_change(&lab->incidents, &change) == PK_OK) {
        if (change.incident != NULL) {
            keep(lab, change.incident);
        }
    }
    while (pk_incidents_next_drop(&lab->incidents, &drop) == PK_OK) {
        lab->dropped_count += drop.count;
    }
}

static struct pk_stamp stamp_at(const struct pk_ctl_lab *lab, uint64_t mono_ms) {
    struct pk_stamp s = lab->now;
    if (mono_ms < s.mono_ms) {
        s.wall_ms -= (int64_t)(s.mono_ms - mono_ms);
        s.mono_ms = mono_ms;
    }
    return s;
}

static struct pk_str source_name(const struct pk_ctl_lab *lab, uint16_t id) {
    return pk_str_of(pk_sources_name(&lab->intake.sources, id));
}

static void signal_of(const struct pk_ctl_lab *lab, const struct pk_rule *rule, const struct pk_finding *f,
                      struct pk_incident_signal *s) {
    memset(s, 0, sizeof *s);
    s->kind = f->kind == PK_FINDING_FIRE     ? PK_SIGNAL_FIRED
              : f->kind == PK_FINDING_RAISED ? PK_SIGNAL_RAISED
                                             : PK_SIGNAL_STILL;
    s->rule_id = pk_engine_str(&lab->engine, rule, rule->id);
    s->group_key = pk_str_of(f->group_key);
    s->type = pk_engine_str(&lab->engine, rule, rule->type);
    s->title = pk_engine_str(&lab->engine, rule, rule->title);
    s->description = pk_str_of(f->words);
    s->component = f->component_count > 0 ? source_name(lab, f->components[0]) : s->group_key;
    for (uint32_t i = 1; i < f->component_count && s->more_component_count < PK_COUNT_OF(s->more_components);
         i++) {
        s->more_components[s->more_component_count++] = source_name(lab, f->components[i]);
    }
    s->correlation_id = pk_finding_correlation(&lab->engine, f);
    s->severity = f->severity;
    s->is_drill = f->is_drill;
    s->is_replayed = f->is_replayed;
    s->first_event = stamp_at(lab, f->first_event_ms);
    s->event_count = f->event_count == 0 ? 1 : f->event_count;
    for (uint32_t i = 0; i < f->event_number_count && s->event_ref_count < PK_INC_SOURCE_EVENTS; i++) {
        s->event_refs[s->event_ref_count++] =
            (struct pk_incident_event_ref){.boot = BOOT, .sequence = f->event_numbers[i]};
    }
}

static void take_finding(struct pk_ctl_lab *lab, const struct pk_finding *f) {
    const struct pk_rule *rule = pk_engine_rule(&lab->engine, f->rule_index);
    struct pk_incident_signal s;
    uint32_t kinds = 0;
    PK_ASSERT(rule != NULL);
    if (lab->on_finding != NULL) {
        lab->on_finding(lab->ctx, lab, f);
    }
    signal_of(lab, rule, f, &s);
    const int64_t number = f->kind == PK_FINDING_CLEARED
                               ? pk_incidents_cleared(&lab->incidents, s.rule_id, s.group_key, 0, &lab->now)
                               : pk_incidents_signal(&lab->incidents, &s, &lab->now, &kinds);
    for (uint32_t i = 0; number > 0 && (kinds & PK_INC_CHANGED_CREATED) != 0 && i < rule->action_count; i++) {
        if (pk_incidents_recommend(&lab->incidents, (uint32_t)number,
                                   pk_engine_str(&lab->engine, rule, rule->actions[i])) < 0) {
            break; /* no room for more of them */
        }
    }
    keep_changes(lab);
}

static void drain(struct pk_ctl_lab *lab) {
    struct pk_finding f;
    while (pk_engine_next_finding(&lab->engine, &f)) {
        take_finding(lab, &f);
    }
}

/* ---- time ---- */

static uint64_t tick(struct pk_ctl_lab *lab) {
    pk_engine_tick(&lab->engine, lab->now.mono_ms);
    drain(lab);
    const uint64_t incidents_ms = pk_incidents_tick(&lab->incidents, &lab->now);
    const uint64_t engine_ms = pk_engine_next_ms(&lab->engine);
    keep_changes(lab);
    return engine_ms < incidents_ms ? engine_ms : incidents_ms;
}

static void set_now(struct pk_ctl_lab *lab, uint64_t mono_ms) {
    lab->now.wall_ms += (int64_t)(mono_ms - lab->now.mono_ms);
    lab->now.mono_ms = mono_ms;
}

void pk_ctl_lab_advance(struct pk_ctl_lab *lab, int64_t wall_ms) {
    if (!lab->is_started) {
        lab->now.wall_ms = wall_ms;
        lab->is_started = true;
    }
    if (wall_ms <= lab->now.wall_ms) {
        return;
    }
    const uint64_t target_ms = lab->now.mono_ms + (uint64_t)(wall_ms - lab->now.wall_ms);
    uint64_t next_ms = tick(lab);
    while (next_ms <= target_ms) {
        set_now(lab, next_ms > lab->now.mono_ms ? next_ms : lab->now.mono_ms + 1u);
        next_ms = tick(lab);
        if (lab->now.mono_ms >= target_ms) {
            return;
        }
    }
    set_now(lab, target_ms);
    (void)tick(lab);
}

/* ---- events ---- */

/* A name table that strangers fill must not lock out what runs here. */
static void fold_source(struct pk_ctl_lab *lab, struct pk_event_in *event) {
    const struct pk_sources *s = &lab->intake.sources;
    event->is_foreign = false; /* nothing is forgotten here, so there is no part of the table for it */
    if (s->count + SOURCES_KEPT_FREE < PK_LIMIT_SOURCES ||
        pk_sources_find(s, pk_str_of(event->source)) >= 0) {
        return;
    }
    (void)pk_str_copy_cut(pk_str_of("others"), event->source, sizeof event->source);
    lab->folded_count++;
}

void pk_ctl_lab_event(struct pk_ctl_lab *lab, struct pk_event_in *event) {
    uint32_t number = 0;
    struct pk_event e;
    const int64_t clock_ms = event->received_ms > 0 ? event->received_ms
                             : event->has_time      ? event->wall_ms
                                                    : 0;
    if (clock_ms > 0) {
        pk_ctl_lab_advance(lab, clock_ms);
    }
    /* It brought no time of its own: a recording says when it came. */
    event->has_time = event->has_time && event->wall_ms != event->received_ms;
    event->has_time = event->has_time && lab->is_started;
    fold_source(lab, event);
    const struct pk_intake_clock clock = {
        .mono_ms = lab->now.mono_ms, .wall_ms = lab->now.wall_ms, .is_wall_good = lab->now.wall_ms > 0};
    lab->event_count++;
    if (pk_intake_offer(&lab->intake, event, &clock, &number) < 0) {
        lab->refused_count++;
        return;
    }
    while (pk_intake_pop(&lab->intake, &e)) {
        pk_history_put(&lab->history, &e);
        pk_engine_event(&lab->engine, &e, lab->now.mono_ms);
        drain(lab);
    }
}

void pk_ctl_lab_finish(struct pk_ctl_lab *lab) {
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    (void)tick(lab);
    while ((i = pk_incidents_next(&lab->incidents, UINT32_MAX, PK_SEV_INFO, &below)) != NULL) {
        keep(lab, i); /* counts that were not worth a change */
    }
}

bool pk_ctl_lab_put(const struct pk_incident *record, struct pk_buf *out) {
    struct pk_json_writer w;
    const struct pk_incident_view view = {
        .site = pk_str_of(GATEWAY), .gateway = pk_str_of(GATEWAY), .boot = BOOT, .seq = 0};
    pk_jw_init(&w, out);
    pk_incident_json_write(&w, NULL, record, &view);
    return !out->is_cut;
}
