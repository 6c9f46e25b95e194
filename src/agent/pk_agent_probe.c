/* Measurements the supervisor takes for us: asked for when they are due, so many at a time, and turned into
 * events. What cannot be measured is a fault of everything the row would have said. */
#include <string.h>

#include "agent/pk_agent_priv.h"

enum {
    AGAIN_MS = 1000,  /* busy, or the other process has the new table already */
    AGAIN_MAX = 5,    /* tries, then it is a fault */
    ANSWER_MS = 10000 /* beyond the patience of the row: the answer was lost */
};

static const struct pk_probe *row_of(const struct pk_agent *a, uint32_t i) {
    return &a->config.probes.rows[i];
}

static const char *text_of(const struct pk_agent *a, uint16_t at) {
    return pk_probe_text(&a->config.probes, at);
}

/* ---- events ---- */

struct measured {
    const char *type, *source;
    double value;
    int error;
    uint8_t severity;
    struct pk_str text;
    const char *host; /* of another machine, and whether it was met; NULL when nothing is to be said of it */
    bool is_met, is_cut_off;
};

static void pack(struct pk_event_in *in, const char *name, const char *value) {
    const struct pk_field f = {PK_FIELD_STRING, pk_str_of(name), pk_str_of(value)};
    uint32_t bytes = in->field_bytes;
    if (pk_field_pack(in->fields, sizeof in->fields, &bytes, &f) == PK_OK) {
        in->field_bytes = (uint16_t)bytes;
    }
}

static void offer(struct pk_agent *a, const struct measured *m) {
    struct pk_event_in *in = &a->event_in;
    if (pk_event_sample(m->type, m->source, m->value, m->error, in) < 0) {
        pk_intake_bad(&a->intake, pk_str_of(m->source), a->now.mono_ms);
        return;
    }
    in->severity = m->severity;
    if (m->text.n > 0) {
        struct pk_buf b = {.p = in->message, .cap_bytes = sizeof in->message, .n = in->message_bytes};
        if (b.n > 0) {
            pk_buf_puts(&b, "; ");
        }
        b.n += pk_str_copy_cut(m->text, in->message + b.n, sizeof in->message - b.n);
        in->message_bytes = (uint16_t)b.n;
    }
    if (m->host != NULL) {
        pack(in, "host", m->host);
        pack(in, "reached", m->is_met ? "yes" : "no");
        pack(in, "complete", m->is_cut_off ? "yes" : "no");
    }
    pk_agent_offer(a);
}

static void offer_plain(struct pk_agent *a, uint32_t row, const char *type, double value, int error,
                        struct pk_str text) {
    offer(a, &(struct measured){.type = type,
                                .source = text_of(a, row_of(a, row)->name),
                                .value = value,
                                .error = error,
                                .text = text});
}

/* Whether it is up, and what that says of the network. */
static void offer_up(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r, struct pk_str text) {
    offer(a, &(struct measured){.type = "probe_up",
                                .source = text_of(a, row_of(a, row)->name),
                                .value = (double)r->is_up,
                                .error = r->error,
                                .text = text,
                                .host = pk_agent_probes_host(a, row),
                                .is_met = a->probes.rows[row].reach == PK_REACH_MET,
                                .is_cut_off = pk_agent_probes_is_cut_off(a)});
}

/* ---- probes ---- */

static bool shows_certificate(const struct pk_probe *p) {
    return p->kind == PK_PROBE_TLS || p->kind == PK_PROBE_CERTIFICATE ||
           (p->kind == PK_PROBE_HTTP && p->use_tls);
}

static void offer_certificate(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r) {
    const double DAY_S = 86400.0;
    int err = r->error;
    if (err == PK_OK && r->not_after_s == 0) {
        err = PK_E_NOT_FOUND; /* it was not reached */
    }
    if (err == PK_OK && a->now.quality == PK_TIME_UNSET) {
        err = PK_E_CLOCK_UNSURE;
    }
    const double left_s = (double)r->not_after_s - (double)a->now.wall_ms / 1000.0;
    offer_plain(a, row, "certificate_days", err == PK_OK ? left_s / DAY_S : 0.0, err,
                err == PK_OK ? pk_str_make("", 0) : pk_str_of(r->u.text));
}

static void on_probe(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r) {
    const struct pk_probe *p = row_of(a, row);
    const struct pk_str text = pk_str_of(r->u.text);
    if (p->kind != PK_PROBE_CERTIFICATE) {
        offer_up(a, row, r, text);
    }
    if (p->kind != PK_PROBE_CERTIFICATE && r->error == PK_OK && r->is_up == 1) {
        offer_plain(a, row, "probe_latency_ms", (double)r->latency_us / 1000.0, PK_OK, pk_str_make("", 0));
    }
    if (p->kind == PK_PROBE_HTTP) {
        const int err = r->error == PK_OK && r->status == 0 ? PK_E_UNREACHABLE : r->error;
        offer_plain(a, row, "http_status", (double)r->status, err, pk_str_make("", 0));
    }
    if (shows_certificate(p)) {
        offer_certificate(a, row, r);
    }
}

/* ---- pages ---- */

/* A counter as a rate; a first look, and one at a counter that ran backwards, gives nothing. */
static void offer_rate(struct pk_agent *a, uint32_t index, double value) {
    const struct pk_probe_series *s = &a->config.probes.series[index];
    struct pk_agent_probe_series *was = &a->probes.series[index];
    const bool is_usable = was->at_ms != 0 && a->now.mono_ms > was->at_ms && value >= was->value;
    const double rate = is_usable ? (value - was->value) * 1000.0 / (double)(a->now.mono_ms - was->at_ms) : 0;
    was->at_ms = a->now.mono_ms;
    was->value = value;
    if (is_usable) {
        offer(a, &(struct measured){
                     .type = text_of(a, s->type), .source = text_of(a, s->source), .value = rate});
    }
}

static int error_of_found(uint8_t found) {
    static const int16_t ERRORS[] = {[PK_PROM_MISSING] = PK_E_NOT_FOUND,
                                     [PK_PROM_FOUND] = PK_OK,
                                     [PK_PROM_SEVERAL] = PK_E_CONFLICT,
                                     [PK_PROM_NO_NUMBER] = PK_E_UNSUPPORTED};
    return ERRORS[found];
}

static void on_page(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r) {
    const struct pk_probe *p = row_of(a, row);
    const bool is_read = r->error == PK_OK && r->is_up == 1;
    const struct pk_str text = is_read ? pk_str_make("", 0) : pk_str_of(r->u.text);
    a->probes.bad_line_count += is_read ? r->bad_count : 0;
    offer_up(a, row, r, text);
    if (is_read) {
        offer_plain(a, row, "probe_latency_ms", (double)r->latency_us / 1000.0, PK_OK, text);
    }
    for (uint32_t i = 0; i < p->series_count; i++) {
        const uint32_t index = (uint32_t)p->series_first + i;
        const struct pk_probe_series *s = &a->config.probes.series[index];
        const int reached = r->error != PK_OK ? r->error : PK_E_UNREACHABLE;
        const int err = is_read ? error_of_found(r->u.series.found[i]) : reached;
        if (err != PK_OK) {
            offer(a, &(struct measured){.type = text_of(a, s->type),
                                        .source = text_of(a, s->source),
                                        .error = err,
                                        .text = is_read ? pk_str_of(text_of(a, s->selector)) : text});
        } else if (s->is_counter) {
            offer_rate(a, index, r->u.series.value[i]);
        } else {
            offer(a, &(struct measured){.type = text_of(a, s->type),
                                        .source = text_of(a, s->source),
                                        .value = r->u.series.value[i]});
        }
    }
}

/* ---- programs ---- */

/* Nagios: 0 ok, 1 warning, 2 critical, everything else unknown. */
static void on_check(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r) {
    static const uint8_t SEVERITIES[] = {PK_SEV_INFO, PK_SEV_MEDIUM, PK_SEV_HIGH};
    struct pk_check_words words;
    pk_check_words(pk_str_of(r->u.text), &words);
    int err = r->error;
    err = err == PK_OK && r->exit_code > 2 ? PK_E_BAD_MSG : err;
    const char *source = text_of(a, row_of(a, row)->name);
    offer(a, &(struct measured){.type = "check_state",
                                .source = source,
                                .value = (double)r->exit_code,
                                .error = err,
                                .severity = err == PK_OK ? SEVERITIES[r->exit_code] : PK_SEV_INFO,
                                .text = words.text});
    if (words.has_value || a->probes.rows[row].gave_value) {
        a->probes.rows[row].gave_value = true; /* from then on its absence is a fault */
        offer_plain(a, row, "check_value", words.value,
                    err != PK_OK ? err : (words.has_value ? PK_OK : PK_E_NOT_FOUND), pk_str_make("", 0));
    }
}

static void on_service(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r) {
    const struct pk_probe *p = row_of(a, row);
    struct pk_agent_probe *state = &a->probes.rows[row];
    uint64_t count = 0;
    int err = r->error;
    if (err == PK_OK) {
        err = r->exit_code != 0 ? PK_E_NOT_FOUND : pk_service_count(p->manager, pk_str_of(r->u.text), &count);
    }
    if (err != PK_OK) {
        offer_plain(a, row, "service_restarts", 0.0, err, pk_str_of(r->u.text));
        return;
    }
    const bool is_pid = p->manager == PK_MANAGER_PROCD;
    const bool is_usable = state->has_count && (is_pid || count >= state->count);
    const uint64_t restarts = is_pid ? (count != state->count ? 1u : 0u) : count - state->count;
    state->count = count;
    state->has_count = true;
    if (is_usable) {
        offer_plain(a, row, "service_restarts", (double)restarts, PK_OK, pk_str_make("", 0));
    }
}

static void take(struct pk_agent *a, uint32_t row, struct pk_ipc_probed *r) {
    const struct pk_probe *p = row_of(a, row);
    a->probes.fault_count += r->error != PK_OK ? 1u : 0u;
    pk_agent_probes_note(a, row, r);
    switch ((enum pk_probe_kind)p->kind) {
    case PK_PROBE_TCP:
    case PK_PROBE_HTTP:
    case PK_PROBE_DNS:
    case PK_PROBE_TLS:
    case PK_PROBE_ICMP:
    case PK_PROBE_CERTIFICATE:
        on_probe(a, row, r);
        break;
    case PK_PROBE_SCRAPE:
        on_page(a, row, r);
        break;
    case PK_PROBE_CHECK:
        on_check(a, row, r);
        break;
    case PK_PROBE_SERVICE:
        on_service(a, row, r);
        break;
    case PK_PROBE_KIND_COUNT:
        break;
    }
}

/* ---- asking ---- */

static void plan_next(struct pk_agent *a, uint32_t row) {
    const uint64_t period_ms = row_of(a, row)->interval_ms;
    /* Aligned, so that rows of equal period share a wake-up. */
    a->probes.rows[row].due_ms = (a->now.mono_ms / period_ms + 1u) * period_ms;
    a->probes.rows[row].asked_id = 0;
}

static void give_up(struct pk_agent *a, uint32_t row, int err, const char *why) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    r.error = err;
    r.kind = row_of(a, row)->kind;
    (void)pk_str_copy_cut(pk_str_of(why), r.u.text, sizeof r.u.text);
    a->probes.rows[row].again_count = 0;
    plan_next(a, row);
    take(a, row, &r);
}

void pk_agent_probed(struct pk_agent *a, uint32_t id, const struct pk_ipc_probed *result) {
    uint32_t row = 0;
    while (row < a->config.probes.count && a->probes.rows[row].asked_id != id) {
        row++;
    }
    if (id == 0 || row == a->config.probes.count) {
        return; /* of the table before, or given up already */
    }
    struct pk_agent_probe *state = &a->probes.rows[row];
    if ((result->error == PK_E_STALE || result->error == PK_E_BUSY) && state->again_count < AGAIN_MAX) {
        state->again_count++;
        state->asked_id = 0;
        state->due_ms = a->now.mono_ms + AGAIN_MS;
        return;
    }
    struct pk_ipc_probed r = *result;
    if (r.error == PK_E_STALE) {
        r.kind = row_of(a, row)->kind; /* the other side did not know it */
    }
    if (pk_probe_result_check(row_of(a, row), &r) != PK_OK) {
        a->counters.ipc_bad++;
        give_up(a, row, PK_E_BAD_MSG, "the prober's result is broken");
        return;
    }
    if (r.error == PK_E_TIMEOUT && r.reach == PK_REACH_UNKNOWN && row_of(a, row)->kind < PK_PROBE_CHECK) {
        r.reach = PK_REACH_LOST; /* ended with its time: its name was still being asked for */
    }
    state->again_count = 0;
    plan_next(a, row);
    take(a, row, &r);
}

struct under_way {
    uint32_t all, programs;
};
static struct under_way count_under_way(const struct pk_agent *a) {
    struct under_way n = {0, 0};
    for (uint32_t i = 0; i < a->config.probes.count; i++) {
        const bool is_asked = a->probes.rows[i].asked_id != 0;
        n.all += is_asked ? 1u : 0u;
        n.programs += is_asked && row_of(a, i)->kind >= PK_PROBE_CHECK ? 1u : 0u;
    }
    return n;
}

static bool may_ask(const struct pk_agent *a, uint32_t row, const struct under_way *n) {
    return a->probes.rows[row].asked_id == 0 && n->all < PK_PROBES_AT_ONCE &&
           (row_of(a, row)->kind < PK_PROBE_CHECK || n->programs < PK_PROGRAMS_AT_ONCE);
}

static uint64_t lost_ms(const struct pk_agent *a, uint32_t row) {
    return a->probes.rows[row].asked_ms + pk_probe_patience_ms(row_of(a, row)) + ANSWER_MS;
}

static void ask(struct pk_agent *a, uint32_t row) {
    struct pk_agent_probe *state = &a->probes.rows[row];
    const struct pk_ipc_probe body = {.probes_crc = a->config.probes.crc, .index = (uint16_t)row};
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_PROBE, .body_bytes = sizeof body};
    a->probes.next_id += a->probes.next_id == UINT32_MAX ? 2u : 1u; /* never 0 */
    f.id = a->probes.next_id;
    memcpy(f.body, &body, sizeof body);
    if (a->port->ipc.send(a->port->ipc.ctx, &f) != PK_OK) {
        state->due_ms = a->now.mono_ms + AGAIN_MS;
        return;
    }
    state->asked_id = f.id;
    state->asked_ms = a->now.mono_ms;
    a->probes.asked_count++;
}

/* The row that has waited longest, or the count of rows: with more of them than can be kept up with, all get
 * their turn. */
static uint32_t longest_due(const struct pk_agent *a, const struct under_way *n) {
    uint32_t found = a->config.probes.count;
    for (uint32_t i = 0; i < a->config.probes.count; i++) {
        const uint64_t due_ms = a->probes.rows[i].due_ms;
        if (due_ms <= a->now.mono_ms && may_ask(a, i, n) &&
            (found == a->config.probes.count || due_ms < a->probes.rows[found].due_ms)) {
            found = i;
        }
    }
    return found;
}

void pk_agent_probe(struct pk_agent *a) {
    if (a->is_stopping) {
        return;
    }
    for (uint32_t i = 0; i < a->config.probes.count; i++) {
        if (a->probes.rows[i].asked_id != 0 && a->now.mono_ms >= lost_ms(a, i)) {
            give_up(a, i, PK_E_TIMEOUT, "the supervisor did not answer");
        }
    }
    struct under_way n = count_under_way(a);
    for (uint32_t tries = 0; tries < PK_PROBES_AT_ONCE; tries++) {
        const uint32_t row = longest_due(a, &n);
        if (row == a->config.probes.count) {
            return;
        }
        ask(a, row);
        n.all++;
        n.programs += row_of(a, row)->kind >= PK_PROBE_CHECK ? 1u : 0u;
    }
}

uint64_t pk_agent_probe_next_ms(const struct pk_agent *a) {
    const struct under_way n = count_under_way(a);
    uint64_t next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < a->config.probes.count && !a->is_stopping; i++) {
        /* What may not be asked now waits for an answer, which wakes us. */
        const uint64_t at_ms = a->probes.rows[i].asked_id != 0 ? lost_ms(a, i)
                               : may_ask(a, i, &n)             ? a->probes.rows[i].due_ms
                                                               : UINT64_MAX;
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}
