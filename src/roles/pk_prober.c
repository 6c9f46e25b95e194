#include "roles/pk_prober.h"

#include <string.h>

#include "base/pk_address.h"
#include "base/pk_assert.h"
#include "base/pk_zero.h"
#include "event/pk_dns.h"
#include "event/pk_http.h"

static bool is_terminated(const char *text, size_t cap_bytes) {
    return memchr(text, '\0', cap_bytes) != NULL;
}

bool pk_prober_is_order(const struct pk_ipc_probe_order *o) {
    bool is_whole = o->kind <= PK_PROBE_SCRAPE && o->series_count <= PK_PROBE_SERIES &&
                    is_terminated(o->host, sizeof o->host) && is_terminated(o->path, sizeof o->path) &&
                    is_terminated(o->server_name, sizeof o->server_name) &&
                    is_terminated(o->ca, sizeof o->ca) && is_terminated(o->expect, sizeof o->expect);
    for (uint32_t i = 0; is_whole && i < o->series_count; i++) {
        is_whole = is_terminated(o->selectors[i], sizeof o->selectors[i]);
    }
    return is_whole;
}

const char *pk_prober_file(const struct pk_ipc_probe_order *order) {
    return order->kind == PK_PROBE_CERTIFICATE ? order->path : order->ca;
}

static void words(struct pk_prober *p, const char *a, const char *b) {
    struct pk_buf text;
    pk_buf_init(&text, p->out->u.text, sizeof p->out->u.text);
    pk_buf_puts(&text, a);
    (void)pk_str_copy_cut(pk_str_of(b), p->out->u.text + text.n, sizeof p->out->u.text - text.n);
}

/* Measured: it is not up. */
static void down(struct pk_prober *p, const char *a, const char *b) {
    p->out->is_up = 0;
    words(p, a, b);
}

/* Nothing could be measured. */
static void fault(struct pk_prober *p, int err, const char *a, const char *b) {
    p->out->error = err;
    down(p, a, b);
}

static const char *error_of(const struct pk_prober *p) {
    return p->dial->error_text(p->dial->ctx);
}

static uint64_t now_us(const struct pk_prober *p) {
    return p->dial->mono_us(p->dial->ctx);
}

static void took(struct pk_prober *p, uint64_t since_us) {
    const uint64_t us = now_us(p) - since_us;
    p->out->latency_us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static bool is_numeric(const char *host) {
    const struct pk_str s = pk_str_of(host);
    bool is_v4 = s.n > 0;
    for (uint32_t i = 0; i < s.n; i++) {
        is_v4 = is_v4 && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.');
    }
    return is_v4 || strchr(host, ':') != NULL;
}

/* What that says of the network between: a host that refuses is there, and this machine always is. */
static void meet(struct pk_prober *p, const char *address, int err) {
    if (pk_address_is_loopback(pk_str_of(address))) {
        p->out->reach = PK_REACH_HERE;
    } else if (err == PK_OK || err == PK_E_CLOSED) {
        p->out->reach = PK_REACH_MET;
    } else if ((err == PK_E_TIMEOUT || err == PK_E_UNREACHABLE) && p->out->reach != PK_REACH_MET) {
        p->out->reach = PK_REACH_LOST;
    }
}

/* Addresses of the host. False: said already. */
static bool find(struct pk_prober *p, struct pk_ipc_resolved *out) {
    const char *host = p->order->host;
    pk_zero(out, sizeof *out);
    if (is_numeric(host)) {
        out->address_count = 1;
        (void)pk_str_copy_cut(pk_str_of(host), out->address[0], sizeof out->address[0]);
        return true;
    }
    const uint64_t start_us = now_us(p);
    p->dial->resolve(p->dial->ctx, host, out);
    p->deadline_us += now_us(p) - start_us; /* the patience is for the host, not for its name */
    if (out->error == PK_E_NOT_FOUND) {
        down(p, "no such host: ", host);
    } else if (out->error != PK_OK || out->address_count == 0) {
        p->out->reach = out->error == PK_E_AGAIN ? PK_REACH_LOST : PK_REACH_UNKNOWN;
        fault(p, out->error != PK_OK ? out->error : PK_E_IO, "its name cannot be resolved: ", host);
    }
    return out->error == PK_OK && out->address_count > 0;
}

/* A connection to one of its addresses, each with its share of the time. False: said already. */
static bool reach(struct pk_prober *p) {
    struct pk_ipc_resolved r;
    if (!find(p, &r)) {
        return false;
    }
    int err = PK_E_UNREACHABLE;
    for (uint32_t i = 0; i < r.address_count && i < PK_COUNT_OF(r.address); i++) {
        const uint64_t start_us = now_us(p);
        const uint64_t left_us = p->deadline_us > start_us ? p->deadline_us - start_us : 0;
        err = p->dial->connect(p->dial->ctx, r.address[i], p->order->port, false,
                               start_us + left_us / (r.address_count - i));
        meet(p, r.address[i], err);
        if (err == PK_OK) {
            took(p, start_us);
            return true;
        }
    }
    if (err == PK_E_FULL) {
        fault(p, err, error_of(p), "");
    } else {
        down(p, error_of(p), "");
    }
    return false;
}

/* TLS over it. False: said already. */
static bool secure(struct pk_prober *p) {
    struct pk_dial_peer peer;
    const char *name = p->order->server_name[0] != '\0' ? p->order->server_name : p->order->host;
    if (p->files->error != PK_OK) {
        fault(p, p->files->error, "its CA cannot be read: ", p->order->ca);
        return false;
    }
    const int err = p->dial->secure(p->dial->ctx, name, p->files->ca, p->deadline_us, &peer);
    if (err != PK_OK) {
        down(p, error_of(p), "");
        return false;
    }
    p->out->not_after_s = peer.not_after_s;
    if (p->files->ca.n > 0 && !peer.is_verified) {
        down(p, error_of(p), "");
        return false;
    }
    return true;
}

static void run_tls(struct pk_prober *p) {
    const uint64_t start_us = now_us(p);
    if (reach(p) && secure(p)) {
        took(p, start_us);
        p->out->is_up = 1;
    }
}

static void run_tcp(struct pk_prober *p) {
    p->out->is_up = reach(p) ? 1 : 0;
}

/* Connects and asks. False: said already. */
static bool ask_page(struct pk_prober *p, const char *accept) {
    char text[640];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    const struct pk_str host =
        pk_str_of(p->order->server_name[0] != '\0' ? p->order->server_name : p->order->host);
    const uint16_t usual = p->order->use_tls ? 443 : 80;
    const uint16_t port = p->order->port == usual ? 0 : p->order->port;
    if (pk_http_get(&b, host, port, pk_str_of(p->order->path), pk_str_of(accept)) != PK_OK) {
        fault(p, PK_E_BAD_FIELD, "host or path cannot be asked for", "");
        return false;
    }
    if (!reach(p) || (p->order->use_tls && !secure(p))) {
        return false;
    }
    if (p->dial->send(p->dial->ctx, text, b.n, p->deadline_us) != PK_OK) {
        down(p, error_of(p), "");
        return false;
    }
    return true;
}

/* More of the page, up to `until_head` or its end. PK_OK: go on; PK_E_CLOSED: it is over. Body goes to `page`
 * when there is one. */
static int read_page(struct pk_prober *p, struct pk_http *h, struct pk_prom *page) {
    const int n = p->dial->recv(p->dial->ctx, p->bytes, sizeof p->bytes, p->deadline_us);
    if (n < 0) {
        return n;
    }
    p->out->byte_count += (uint32_t)n <= UINT32_MAX - p->out->byte_count ? (uint32_t)n : 0u;
    uint32_t at = 0;
    while (at < (uint32_t)n && h->state != PK_HTTP_END) {
        struct pk_str body;
        const int taken = pk_http_feed(h, p->bytes + at, (uint32_t)n - at, &body);
        if (taken < 0) {
            return PK_E_PROTOCOL;
        }
        at += (uint32_t)taken;
        if (page != NULL && body.n > 0) {
            pk_prom_feed(page, body);
        }
    }
    return h->state == PK_HTTP_END ? PK_E_CLOSED : PK_OK;
}

static void say_status(struct pk_prober *p, uint16_t status) {
    char number[16];
    struct pk_buf b;
    pk_buf_init(&b, number, sizeof number);
    pk_buf_put_u64(&b, status);
    down(p, "the server answers ", number);
}

static void run_http(struct pk_prober *p) {
    struct pk_http h;
    const uint64_t start_us = now_us(p);
    if (!ask_page(p, "*/*")) {
        return;
    }
    pk_http_init(&h);
    int err = PK_OK;
    while (err == PK_OK && !pk_http_has_head(&h)) {
        err = read_page(p, &h, NULL);
    }
    if (!pk_http_has_head(&h)) {
        down(p, err == PK_E_PROTOCOL ? "not an HTTP answer" : error_of(p), "");
        return;
    }
    took(p, start_us);
    p->out->status = h.status;
    p->out->is_up = h.status >= p->order->status_min && h.status <= p->order->status_max ? 1 : 0;
    if (p->out->is_up == 0) {
        say_status(p, h.status);
    }
}

/* ---- pages of series ---- */

static void give_series(struct pk_prober *p) {
    p->out->is_up = 1;
    p->out->series_count = (uint16_t)p->order->series_count;
    p->out->bad_count = p->page.bad_count > UINT32_MAX ? UINT32_MAX : (uint32_t)p->page.bad_count;
    pk_zero(&p->out->u, sizeof p->out->u);
    for (uint32_t i = 0; i < p->order->series_count; i++) {
        p->out->u.series.value[i] = p->page.value[i];
        p->out->u.series.found[i] = p->page.found[i];
    }
}

static void run_scrape(struct pk_prober *p) {
    struct pk_http h;
    const uint64_t start_us = now_us(p);
    for (uint32_t i = 0; i < p->order->series_count; i++) {
        if (pk_prom_selector_parse(pk_str_of(p->order->selectors[i]), &p->selectors[i]) != PK_OK) {
            fault(p, PK_E_BAD_FIELD, "not a series: ", p->order->selectors[i]);
            return;
        }
    }
    pk_prom_init(&p->page, p->selectors, p->order->series_count);
    if (!ask_page(p, "text/plain;version=0.0.4")) {
        return;
    }
    pk_http_init(&h);
    int err = PK_OK;
    while (err == PK_OK && (!pk_http_has_head(&h) || h.status == 200)) {
        err = read_page(p, &h, &p->page);
    }
    took(p, start_us);
    p->out->status = pk_http_has_head(&h) ? h.status : 0;
    if (err == PK_E_PROTOCOL) {
        down(p, "not an HTTP answer", "");
    } else if (pk_http_has_head(&h) && h.status != 200) {
        say_status(p, h.status);
    } else if (err != PK_E_CLOSED || !pk_http_has_head(&h)) {
        down(p, error_of(p), "");
    } else if (!pk_http_is_whole(&h)) {
        down(p, "the page ends before its end", "");
    } else if (pk_prom_end(&p->page) != PK_OK) {
        down(p, "not a page of series", "");
    } else {
        give_series(p);
    }
}

/* ---- names ---- */

/* What the answer says, as probed. */
static void judge_answer(struct pk_prober *p, const struct pk_dns_answer *a, const struct pk_str *expected) {
    char number[16];
    struct pk_buf b;
    if (a->rcode != 0) {
        pk_buf_init(&b, number, sizeof number);
        pk_buf_put_u64(&b, a->rcode);
        down(p, a->rcode == 3 ? "no such name, code " : "the server answers with code ", number);
        return;
    }
    if (a->address_count == 0) {
        down(p, a->is_cut ? "the answer is too long for a datagram" : "the name has no address", "");
        return;
    }
    p->out->is_up = 1;
    for (uint32_t i = 0; expected->n > 0 && i < a->address_count; i++) {
        if (memcmp(a->address[i], expected->p, expected->n) == 0) {
            return;
        }
    }
    if (expected->n > 0) {
        down(p, "it is not at ", p->order->expect);
    }
}

/* Waits for the answer to this very question; strangers' datagrams are passed over. */
static void await_answer(struct pk_prober *p, const char *server, const uint8_t *query, uint32_t query_bytes,
                         const struct pk_str *expected) {
    struct pk_dns_answer answer;
    uint32_t strangers = 0;
    const uint64_t start_us = now_us(p);
    if (p->dial->send(p->dial->ctx, query, query_bytes, p->deadline_us) != PK_OK) {
        down(p, error_of(p), "");
        return;
    }
    for (;;) {
        const int n = p->dial->recv(p->dial->ctx, p->bytes, PK_DNS_MESSAGE_BYTES, p->deadline_us);
        if (n >= 0 || strangers == 0) {
            meet(p, server, n < 0 ? n : PK_OK);
        }
        if (n < 0) {
            down(p, strangers > 0 ? "only answers to other questions came" : error_of(p), "");
            return;
        }
        const int err = pk_dns_answer(query, query_bytes, (const uint8_t *)p->bytes, (uint32_t)n, &answer);
        if (err == PK_E_BAD_MSG) {
            down(p, "the answer is broken", "");
            return;
        }
        if (err == PK_OK) {
            took(p, start_us);
            judge_answer(p, &answer, expected);
            return;
        }
        strangers++;
    }
}

static void run_dns(struct pk_prober *p) {
    uint8_t query[320], address[4];
    char server[PK_ADDRESS_BYTES];
    struct pk_str expected = {NULL, 0};
    if (p->order->expect[0] != '\0') {
        if (!pk_address_parse_v4(pk_str_of(p->order->expect), address)) {
            fault(p, PK_E_BAD_FIELD, "not an IPv4 address: ", p->order->expect);
            return;
        }
        expected = pk_str_make((const char *)address, sizeof address);
    }
    const int bytes = pk_dns_query(pk_str_of(p->order->server_name), PK_DNS_A, p->dial->random(p->dial->ctx),
                                   query, sizeof query);
    if (bytes < 0) {
        fault(p, bytes, "not a host name: ", p->order->server_name);
        return;
    }
    (void)pk_str_copy_cut(pk_str_of(p->order->host), server, sizeof server);
    if (server[0] == '\0' && p->dial->name_server(p->dial->ctx, server) != PK_OK) {
        fault(p, PK_E_NOT_FOUND, "this machine has no name server", "");
        return;
    }
    if (p->dial->connect(p->dial->ctx, server, p->order->port, true, p->deadline_us) != PK_OK) {
        meet(p, server, PK_E_UNREACHABLE);
        down(p, error_of(p), "");
        return;
    }
    await_answer(p, server, query, (uint32_t)bytes, &expected);
}

static void run_icmp(struct pk_prober *p) {
    struct pk_ipc_resolved r;
    if (!find(p, &r)) {
        return;
    }
    const int err = p->dial->ping(p->dial->ctx, r.address[0], p->deadline_us, &p->out->latency_us);
    meet(p, r.address[0], err);
    if (err == PK_E_DENIED) {
        fault(p, err, error_of(p), "");
    } else if (err != PK_OK) {
        down(p, error_of(p), "");
    }
    p->out->is_up = err == PK_OK ? 1 : 0;
}

static void run_certificate(struct pk_prober *p) {
    if (p->files->error != PK_OK) {
        fault(p, p->files->error, "the file cannot be read: ", p->order->path);
        return;
    }
    const int err = p->dial->certificate(p->dial->ctx, p->files->file, &p->out->not_after_s);
    if (err != PK_OK) {
        fault(p, err, error_of(p), "");
        return;
    }
    p->out->is_up = 1;
}

void pk_prober_run(struct pk_prober *p, const struct pk_port_dial *dial,
                   const struct pk_ipc_probe_order *order, const struct pk_prober_files *files,
                   struct pk_ipc_probed *out) {
    static void (*const RUN[PK_PROBE_CHECK])(struct pk_prober *) = {
        [PK_PROBE_TCP] = run_tcp,       [PK_PROBE_HTTP] = run_http, [PK_PROBE_DNS] = run_dns,
        [PK_PROBE_TLS] = run_tls,       [PK_PROBE_ICMP] = run_icmp, [PK_PROBE_CERTIFICATE] = run_certificate,
        [PK_PROBE_SCRAPE] = run_scrape,
    };
    PK_ASSERT(order->kind < PK_PROBE_CHECK);
    p->dial = dial;
    p->order = order;
    p->files = files;
    p->out = out;
    p->deadline_us = dial->mono_us(dial->ctx) + (uint64_t)order->timeout_ms * 1000u;
    pk_zero(out, sizeof *out);
    out->kind = order->kind;
    RUN[order->kind](p);
    dial->close(dial->ctx);
}
