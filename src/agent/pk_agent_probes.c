/* The table of what is measured for us: across reloads, what its newest results say together, and for people.
 */
#include <string.h>

#include "agent/pk_agent_priv.h"

enum {
    SPREAD_MS = 200,    /* between the first measurements after a start */
    OF_LATE_MS = 180000 /* older results say nothing of the network as it is now */
};

/* What is known of the rows before a reload, while the new ones are filled. */
struct kept {
    struct pk_agent_probe rows[PK_LIMIT_PROBES];
    struct pk_agent_probe_series series[PK_LIMIT_SERIES];
};
_Static_assert(sizeof(struct kept) + 8u <= PK_LIMIT_REPLY_BYTES, "it fits the scratch");

/* ---- reloads ---- */

static bool is_text(const struct pk_probes *x, uint16_t at_x, const struct pk_probes *y, uint16_t at_y) {
    return strcmp(pk_probe_text(x, at_x), pk_probe_text(y, at_y)) == 0;
}

/* Whether both rows measure the same thing: how often, how patiently and what counts as up may differ. */
static bool is_same(const struct pk_probes *x, const struct pk_probe *p, const struct pk_probes *y,
                    const struct pk_probe *q) {
    if (p->section != q->section || p->kind != q->kind || p->manager != q->manager || p->port != q->port ||
        p->use_tls != q->use_tls || p->argc != q->argc || !is_text(x, p->name, y, q->name) ||
        !is_text(x, p->host, y, q->host) || !is_text(x, p->path, y, q->path) ||
        !is_text(x, p->server_name, y, q->server_name)) {
        return false;
    }
    uint16_t at_p = p->argv, at_q = q->argv;
    for (uint32_t i = 0; i < (p->argc > 0 ? p->argc : 1u); i++) {
        if (!is_text(x, at_p, y, at_q)) {
            return false;
        }
        at_p = (uint16_t)(at_p + strlen(pk_probe_text(x, at_p)) + 1u);
        at_q = (uint16_t)(at_q + strlen(pk_probe_text(y, at_q)) + 1u);
    }
    return true;
}

/* Where counters stood, for the series that both pages pick. */
static void keep_series(struct pk_agent *a, const struct pk_probe *p, const struct pk_probes *old,
                        const struct pk_probe *q, const struct kept *kept) {
    const struct pk_probes *now = &a->config.probes;
    for (uint32_t i = p->series_first; i < (uint32_t)p->series_first + p->series_count; i++) {
        for (uint32_t k = q->series_first; k < (uint32_t)q->series_first + q->series_count; k++) {
            if (now->series[i].is_counter && old->series[k].is_counter &&
                is_text(now, now->series[i].selector, old, old->series[k].selector)) {
                a->probes.series[i] = kept->series[k];
            }
        }
    }
}

static void keep_row(struct pk_agent *a, uint32_t row, const struct pk_probes *old, const struct kept *kept) {
    const struct pk_probe *p = &a->config.probes.rows[row];
    struct pk_agent_probe *state = &a->probes.rows[row];
    for (uint32_t i = 0; i < old->count; i++) {
        if (!is_same(&a->config.probes, p, old, &old->rows[i])) {
            continue;
        }
        const uint64_t soon_ms = state->due_ms, latest_ms = a->now.mono_ms + p->interval_ms;
        *state = kept->rows[i];
        state->due_ms = state->asked_id != 0 ? soon_ms : state->due_ms; /* nobody takes that answer now */
        state->due_ms = state->due_ms < latest_ms ? state->due_ms : latest_ms;
        state->asked_id = 0;
        state->again_count = 0;
        keep_series(a, p, old, &old->rows[i], kept);
        return;
    }
}

void pk_agent_probes_configure(struct pk_agent *a) {
    struct pk_agent_probes *p = &a->probes;
    if (p->crc == a->config.probes.crc && p->crc != 0) {
        return;
    }
    const bool is_reload = p->crc != 0;
    struct kept *kept = (struct kept *)(void *)(a->reply + (8u - (uintptr_t)a->reply % 8u) % 8u);
    if (is_reload) {
        memcpy(kept->rows, p->rows, sizeof kept->rows);
        memcpy(kept->series, p->series, sizeof kept->series);
    }
    memset(p->rows, 0, sizeof p->rows);
    memset(p->series, 0, sizeof p->series);
    p->crc = a->config.probes.crc;
    for (uint32_t i = 0; i < a->config.probes.count; i++) {
        p->rows[i].due_ms = a->now.mono_ms + (uint64_t)i * SPREAD_MS;
        if (is_reload) {
            keep_row(a, i, &a->config_spare.probes, kept);
        }
    }
}

/* ---- the newest results ---- */

static uint32_t one_more(uint32_t n) {
    return n < UINT32_MAX ? n + 1u : n;
}

/* The newest result. */
static bool is_good(const struct pk_agent *a, uint32_t row) {
    const struct pk_agent_probe *s = &a->probes.rows[row];
    const bool is_program = a->config.probes.rows[row].kind >= PK_PROBE_CHECK;
    return s->error == PK_OK && (is_program ? s->status == 0 : s->is_up == 1);
}

void pk_agent_probes_note(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r) {
    const bool is_program = a->config.probes.rows[row].kind >= PK_PROBE_CHECK;
    struct pk_agent_probe *s = &a->probes.rows[row];
    s->done_ms = a->now.mono_ms;
    s->done_count = one_more(s->done_count);
    s->latency_us = r->latency_us;
    s->byte_count = r->byte_count;
    s->bad_count = r->bad_count;
    s->error = r->error;
    s->status = is_program ? (uint16_t)r->exit_code : r->status;
    s->is_up = r->is_up;
    s->reach = r->reach;
    s->failed_count = is_good(a, row) ? s->failed_count : one_more(s->failed_count);
}

const char *pk_agent_probes_trouble(const struct pk_agent *a, const char *source, uint64_t since_ms) {
    const struct pk_probes *t = &a->config.probes;
    double most_ms = 0;
    const bool has_limit =
        pk_thresholds_get(&a->config.thresholds, pk_str_of("max_latency"), &most_ms) == PK_OK;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct pk_agent_probe *s = &a->probes.rows[i];
        const uint8_t kind = t->rows[i].kind;
        const bool is_reached = kind < PK_PROBE_CERTIFICATE;
        if (s->done_ms == 0 || s->done_ms < since_ms || (!is_reached && kind != PK_PROBE_CHECK) ||
            strcmp(pk_probe_text(t, t->rows[i].name), source) != 0) {
            continue;
        }
        if (!is_good(a, i)) {
            return "the newest probe says no good of ";
        }
        if (is_reached && has_limit && (double)s->latency_us / 1000.0 > most_ms) {
            return "the newest probe took longer than $max_latency of ";
        }
    }
    return NULL;
}

const char *pk_agent_probes_host(const struct pk_agent *a, uint32_t row) {
    const uint8_t reach = a->probes.rows[row].reach;
    if (reach != PK_REACH_MET && reach != PK_REACH_LOST) {
        return NULL;
    }
    const char *host = pk_probe_text(&a->config.probes, a->config.probes.rows[row].host);
    return host[0] != '\0' ? host : "name-server"; /* the one of this machine */
}

bool pk_agent_probes_is_cut_off(const struct pk_agent *a) {
    const char *first = NULL;
    bool are_two = false;
    for (uint32_t i = 0; i < a->config.probes.count; i++) {
        const struct pk_agent_probe *s = &a->probes.rows[i];
        const char *host = pk_agent_probes_host(a, i);
        if (host == NULL || s->done_ms + OF_LATE_MS < a->now.mono_ms) {
            continue;
        }
        if (s->reach == PK_REACH_MET) {
            return false;
        }
        are_two = are_two || (first != NULL && strcmp(first, host) != 0);
        first = first == NULL ? host : first;
    }
    return are_two;
}

/* ---- for people ---- */

static void put_result(struct pk_json_writer *w, const struct pk_probe *p, const struct pk_agent_probe *s) {
    if (s->done_ms == 0) {
        pk_jw_cstr(w, "result", "not measured yet");
    } else if (s->error != PK_OK) {
        pk_jw_cstr(w, "result", pk_err_text(s->error));
    } else if (p->kind >= PK_PROBE_CHECK) {
        pk_jw_cstr(w, "result", s->status == 0 ? "done" : "done with an error");
        pk_jw_u64(w, "exit_code", s->status);
    } else {
        pk_jw_cstr(w, "result", s->is_up == 1 ? "up" : "down");
    }
    if (p->kind < PK_PROBE_CHECK && s->status != 0) {
        pk_jw_u64(w, "http_status", s->status);
    }
}

void pk_agent_probes_put(const struct pk_agent *a, struct pk_json_writer *w, const char *source) {
    const struct pk_probes *t = &a->config.probes;
    bool has_one = false;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct pk_agent_probe *s = &a->probes.rows[i];
        if (strcmp(pk_probe_text(t, t->rows[i].name), source) != 0) {
            continue;
        }
        if (!has_one) {
            pk_jw_array(w, "probes");
        }
        has_one = true;
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "kind", pk_probe_kind_word(t->rows[i].kind));
        put_result(w, &t->rows[i], s);
        pk_jw_u64(w, "measured", s->done_count);
        pk_jw_u64(w, "failed", s->failed_count);
        if (s->done_ms != 0) {
            pk_jw_ms_as_seconds(w, "seconds_ago", a->now.mono_ms - s->done_ms);
            pk_jw_double(w, "latency_ms", (double)s->latency_us / 1000.0);
            pk_jw_u64(w, "bytes", s->byte_count);
            pk_jw_u64(w, "bad_lines", s->bad_count);
        }
        pk_jw_object_end(w);
    }
    if (has_one) {
        pk_jw_array_end(w);
    }
}
