#include <string.h>

#include "event/pk_probe.h"

/* What strangers wrote: one line of text, nothing that could be more. */
static void clean(char *text, uint32_t cap_bytes) {
    text[cap_bytes - 1u] = '\0';
    for (char *c = text; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' && *c != '\n' ? ' ' : (*c == 0x7f ? ' ' : *c);
    }
    uint32_t at = 0;
    while (text[at] != '\0') {
        const uint32_t n = pk_utf8_len(text + at, strlen(text + at));
        if (n == 0) {
            text[at] = '?';
        }
        at += n == 0 ? 1u : n;
    }
}

static int check_series(const struct pk_probe *row, const struct pk_ipc_probed *r) {
    if (r->series_count != row->series_count || r->series_count > PK_PROBE_SERIES) {
        return PK_E_BAD_MSG;
    }
    for (uint32_t i = 0; i < r->series_count; i++) {
        const double v = r->u.series.value[i];
        if (r->u.series.found[i] > PK_PROM_NO_NUMBER || !(v - v == 0.0)) {
            return PK_E_BAD_MSG; /* not finite */
        }
    }
    return PK_OK;
}

int pk_probe_result_check(const struct pk_probe *row, struct pk_ipc_probed *r) {
    enum { YEAR_9999_S = 253402300 };
    if (r->kind != row->kind || r->is_up > 1 || r->error > 0 || r->reach > PK_REACH_LOST ||
        (r->status != 0 && (r->status < 100 || r->status > 599)) || r->exit_code < 0 || r->exit_code > 255 ||
        r->not_after_s / 1000 > YEAR_9999_S || r->not_after_s / 1000 < -YEAR_9999_S) {
        return PK_E_BAD_MSG;
    }
    if (row->kind == PK_PROBE_SCRAPE && r->error == PK_OK && r->is_up == 1) {
        return check_series(row, r);
    }
    clean(r->u.text, sizeof r->u.text);
    return PK_OK;
}

void pk_check_words(struct pk_str output, struct pk_check_words *out) {
    struct pk_str line, rest = output, word;
    *out = (struct pk_check_words){.has_value = false};
    if (!pk_str_split(&rest, '\n', &line) || !pk_str_split(&line, '|', &word)) {
        return;
    }
    out->text = pk_str_trim(word);
    if (line.p == NULL) {
        return;
    }
    /* 'label with blanks'=value[unit];warn;crit;min;max */
    struct pk_str perf = pk_str_trim(line);
    uint32_t at = 0;
    bool is_quoted = false;
    while (at < perf.n && (perf.p[at] != '=' || is_quoted)) {
        is_quoted = perf.p[at] == '\'' ? !is_quoted : is_quoted;
        at++;
    }
    uint32_t end = at + 1u;
    while (end < perf.n && ((perf.p[end] >= '0' && perf.p[end] <= '9') || perf.p[end] == '.' ||
                            (perf.p[end] == '-' && end == at + 1u))) {
        end++;
    }
    if (at < perf.n && end > at + 1u) {
        out->has_value = pk_parse_double(pk_str_make(perf.p + at + 1u, end - at - 1u), &out->value) == PK_OK;
    }
}

/* The number behind the first occurrence of `mark`. */
static int number_after(struct pk_str text, const char *mark, uint64_t *out) {
    const uint32_t mark_bytes = (uint32_t)strlen(mark);
    for (uint32_t i = 0; i + mark_bytes <= text.n; i++) {
        if (memcmp(text.p + i, mark, mark_bytes) != 0) {
            continue;
        }
        uint32_t from = i + mark_bytes;
        while (from < text.n && text.p[from] == ' ') {
            from++;
        }
        uint32_t to = from;
        while (to < text.n && text.p[to] >= '0' && text.p[to] <= '9') {
            to++;
        }
        return pk_parse_u64(pk_str_make(text.p + from, to - from), out) == PK_OK ? PK_OK : PK_E_BAD_MSG;
    }
    return PK_E_BAD_MSG;
}

int pk_service_count(uint8_t manager, struct pk_str output, uint64_t *out) {
    if (manager == PK_MANAGER_SYSTEMD) {
        return number_after(output, "NRestarts=", out);
    }
    if (manager == PK_MANAGER_OPENRC) {
        return pk_parse_u64(pk_str_trim(output), out) == PK_OK ? PK_OK : PK_E_BAD_MSG;
    }
    return number_after(output, "\"pid\":", out);
}
