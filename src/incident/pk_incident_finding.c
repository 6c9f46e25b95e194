#include "incident/pk_incident_finding.h"

#include "base/pk_assert.h"

static uint8_t kind_of(uint8_t finding_kind) {
    switch ((enum pk_finding_kind)finding_kind) {
    case PK_FINDING_FIRE:
        return PK_SIGNAL_FIRED;
    case PK_FINDING_RAISED:
        return PK_SIGNAL_RAISED;
    case PK_FINDING_STILL:
    case PK_FINDING_CLEARED:
    case PK_FINDING_KIND_COUNT:
        break;
    }
    return PK_SIGNAL_STILL;
}

/* The moment on the boot-time clock, with the wall time it must have had. */
static struct pk_stamp stamp_at(uint64_t mono_ms, const struct pk_stamp *now) {
    struct pk_stamp s = *now;
    if (mono_ms == 0 || mono_ms > now->mono_ms) {
        return s;
    }
    s.mono_ms = mono_ms;
    s.wall_ms = now->wall_ms > 0 ? now->wall_ms - (int64_t)(now->mono_ms - mono_ms) : 0;
    return s;
}

void pk_incident_signal_of_finding(const struct pk_engine *e, const struct pk_sources *sources,
                                   const struct pk_finding *f, const struct pk_stamp *now,
                                   struct pk_incident_signal *out) {
    const struct pk_rule *rule = pk_engine_rule(e, f->rule_index);
    PK_ASSERT(rule != NULL && f->kind != PK_FINDING_CLEARED);
    *out = (struct pk_incident_signal){.rule_id = pk_engine_str(e, rule, rule->id),
                                       .group_key = pk_str_of(f->group_key),
                                       .type = pk_engine_str(e, rule, rule->type),
                                       .title = pk_engine_str(e, rule, rule->title),
                                       .description = pk_str_of(f->words),
                                       .kind = kind_of(f->kind),
                                       .severity = f->severity,
                                       .is_drill = f->is_drill,
                                       .is_replayed = f->is_replayed,
                                       .first_event = stamp_at(f->first_event_ms, now),
                                       .event_count = f->event_count > 0 ? f->event_count : 1};
    if (f->component_count > 0) {
        out->component = pk_str_of(pk_sources_name(sources, f->components[0]));
    } else {
        out->component = out->group_key;
    }
    if (rule->group == PK_GROUP_CORRELATION) {
        out->correlation_id = out->group_key;
    }
    for (uint32_t k = 0; k < f->event_number_count && k < PK_INC_SOURCE_EVENTS; k++) {
        out->event_refs[out->event_ref_count++] =
            (struct pk_incident_event_ref){.boot = now->boot, .sequence = f->event_numbers[k]};
    }
}

struct pk_str pk_incident_default_target(const struct pk_incident *i) {
    return pk_str_of(i->component_count > 0 ? i->components[0] : i->group_key);
}
