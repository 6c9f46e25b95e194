#include "event/pk_probe.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"

const char *pk_probe_text(const struct pk_probes *t, uint16_t at) {
    PK_ASSERT(at < sizeof t->text);
    return t->text + at;
}

const char *pk_probe_kind_word(uint8_t kind) {
    static const char *const WORDS[PK_PROBE_KIND_COUNT] = {
        [PK_PROBE_TCP] = "tcp",       [PK_PROBE_HTTP] = "http",   [PK_PROBE_DNS] = "dns",
        [PK_PROBE_TLS] = "tls",       [PK_PROBE_ICMP] = "icmp",   [PK_PROBE_CERTIFICATE] = "certificate",
        [PK_PROBE_SCRAPE] = "scrape", [PK_PROBE_CHECK] = "check", [PK_PROBE_SERVICE] = "service",
    };
    return kind < PK_PROBE_KIND_COUNT ? WORDS[kind] : "unknown";
}

static void copy(const struct pk_probes *t, uint16_t at, char *out, size_t cap_bytes) {
    const int n = pk_str_copy(pk_str_of(pk_probe_text(t, at)), out, cap_bytes);
    PK_ASSERT(n >= 0); /* the parser keeps nothing longer */
}

void pk_probe_order(const struct pk_probes *t, uint32_t row, struct pk_ipc_probe_order *out) {
    PK_ASSERT(row < t->count && t->rows[row].kind <= PK_PROBE_SCRAPE);
    const struct pk_probe *p = &t->rows[row];
    pk_zero(out, sizeof *out);
    out->timeout_ms = p->timeout_ms;
    out->port = p->port;
    out->status_min = p->status_min;
    out->status_max = p->status_max;
    out->kind = p->kind;
    out->use_tls = p->use_tls ? 1 : 0;
    copy(t, p->host, out->host, sizeof out->host);
    copy(t, p->server_name, out->server_name, sizeof out->server_name);
    copy(t, p->path, out->path, sizeof out->path);
    copy(t, p->ca, out->ca, sizeof out->ca);
    copy(t, p->expect, out->expect, sizeof out->expect);
    out->series_count = p->series_count;
    for (uint32_t i = 0; i < p->series_count; i++) {
        copy(t, t->series[p->series_first + i].selector, out->selectors[i], sizeof out->selectors[i]);
    }
}

/* {unit}: the service's name. */
static const char *const MANAGER_ARGV[PK_MANAGER_COUNT][8] = {
    [PK_MANAGER_SYSTEMD] = {"/usr/bin/systemctl", "show", "--property=NRestarts", "--", "{unit}", NULL},
    [PK_MANAGER_OPENRC] = {"/bin/cat", "{unit}", NULL}, /* the path of the start count */
    [PK_MANAGER_PROCD] = {"/bin/ubus", "-S", "call", "service", "list", "{unit}", NULL},
};

uint32_t pk_probe_argv(const struct pk_probes *t, uint32_t row, const char **argv, uint32_t cap_count) {
    PK_ASSERT(row < t->count && t->rows[row].kind >= PK_PROBE_CHECK && cap_count > 0);
    const struct pk_probe *p = &t->rows[row];
    const char *word = pk_probe_text(t, p->argv);
    uint32_t n = 0;
    if (p->kind == PK_PROBE_CHECK) {
        for (; n < p->argc && n + 1u < cap_count; n++) {
            argv[n] = word;
            word += strlen(word) + 1u;
        }
    } else {
        const char *const *template = MANAGER_ARGV[p->manager];
        for (; template[n] != NULL && n + 1u < cap_count; n++) {
            argv[n] = strcmp(template[n], "{unit}") == 0 ? word : template[n];
        }
    }
    argv[n] = NULL;
    return n;
}

uint32_t pk_probe_patience_ms(const struct pk_probe *row) {
    enum { GRACE_MS = 2000 };
    return row->timeout_ms + (row->kind < PK_PROBE_CHECK ? (uint32_t)GRACE_MS : 0u);
}
