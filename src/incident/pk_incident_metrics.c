#include "incident/pk_incident_metrics.h"

#include "base/pk_assert.h"

static const struct {
    const char *word, *formula;
} METRICS[PK_METRIC_COUNT] = {[PK_MTTD] = {"mttd", "mean(detected - first contributing event)"},
                              [PK_MTTA] = {"mtta", "mean(acknowledged - detected)"},
                              [PK_MTTR] = {"mttr", "mean(resolved - detected)"},
                              [PK_MTTF] = {"mttf", "mean(next detected - resolved), per fingerprint"}};

const char *pk_metric_word(enum pk_incident_metric m) {
    return (unsigned)m < PK_METRIC_COUNT ? METRICS[m].word : "unknown";
}

const char *pk_metric_formula(enum pk_incident_metric m) {
    return (unsigned)m < PK_METRIC_COUNT ? METRICS[m].formula : "";
}

bool pk_stamp_is_set(const struct pk_stamp *s) {
    return s->mono_ms != 0 || s->wall_ms != 0;
}

bool pk_stamp_elapsed_ms(const struct pk_stamp *from, const struct pk_stamp *to, uint64_t *out_ms) {
    if (!pk_stamp_is_set(from) || !pk_stamp_is_set(to)) {
        return false;
    }
    /* mono_ms 0 beside a wall time: the record came from elsewhere and has no boot-time clock. */
    if (from->boot == to->boot && from->mono_ms != 0 && to->mono_ms != 0) {
        *out_ms = to->mono_ms > from->mono_ms ? to->mono_ms - from->mono_ms : 0;
        return true;
    }
    if (from->wall_ms <= 0 || to->wall_ms <= 0) {
        return false;
    }
    *out_ms = to->wall_ms > from->wall_ms ? (uint64_t)(to->wall_ms - from->wall_ms) : 0;
    return true;
}

bool pk_stamp_is_sure(const struct pk_stamp *earlier, const struct pk_stamp *later) {
    if (earlier->boot == later->boot) {
        return true;
    }
    return earlier->quality >= PK_TIME_NTP
               ? later->quality >= PK_TIME_FLOOR
               : earlier->quality == PK_TIME_FLOOR && later->quality == PK_TIME_FLOOR;
}

bool pk_incident_duration_ms(const struct pk_incident *i, enum pk_incident_metric m, uint64_t *out_ms) {
    switch (m) {
    case PK_MTTD:
        return pk_stamp_elapsed_ms(&i->first_event, &i->detected, out_ms);
    case PK_MTTA:
        return pk_stamp_elapsed_ms(&i->detected, &i->acknowledged, out_ms);
    case PK_MTTR:
        return pk_stamp_elapsed_ms(&i->detected, &i->resolved, out_ms);
    case PK_MTTF:
    case PK_METRIC_COUNT:
        break;
    }
    return false;
}

static unsigned bucket_of(uint64_t ms) {
    unsigned b = 0;
    while (b + 1u < PK_METRIC_BUCKETS && ms >> (b + 1u) != 0) {
        b++;
    }
    return b;
}

void pk_metric_add(struct pk_metric *m, uint64_t ms) {
    m->count++;
    m->sum_ms += ms;
    m->hist[bucket_of(ms)]++;
}

void pk_metric_remove(struct pk_metric *m, uint64_t ms) {
    const unsigned b = bucket_of(ms);
    PK_ASSERT(m->count > 0 && m->hist[b] > 0);
    PK_ASSERT(m->sum_ms >= ms);
    m->count--;
    m->sum_ms -= ms;
    m->hist[b]--;
}

uint64_t pk_metric_mean_ms(const struct pk_metric *m) {
    return m->count > 0 ? m->sum_ms / m->count : 0;
}
