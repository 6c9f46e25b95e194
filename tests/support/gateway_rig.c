#include "support/gateway_rig.h"
#include "agent/pk_agent_priv.h"

#include <stdio.h>
#include <string.h>

#include "wire/pk_record.h"

const char GATEWAY_CONFIG[] = "[gateway]\nsite = lab\ngateway = @\n"
                              "[agent]\nmode = safe\n"
                              "[broker central]\nhost = broker.example\nport = 1883\ntls = no\n"
                              "reconnect_first = 1s\nreconnect_max = 20s\nwill_delay = 5s\n"
                              "[incidents]\nassess = 0\nrecover = 0\n"
                              "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 30s\nprocess = 5s\n"
                              "[process web]\n[disk root]\npath = /\n"
                              "[heartbeat press-7]\ninterval = 30s\n"
                              "[remote]\ncommands = list\n"
                              "allow = ping, incidents.ack, incidents.note, mitigate, approval.decide\n"
                              "[roles]\nviewer = uid:1000\nresponder = uid:1001\napprover = uid:1002\n";
const char GATEWAY_ACTIONS[] =
    "[action look]\nabout = Looks\nrisk = low\nargv = /bin/look\nread_only = yes\nidempotent = yes\n"
    "cooldown = 10s\nper_hour = 20\n"
    "[action restart_service]\nabout = Restarts\nrisk = low\nargv = /bin/restart {target}\n"
    "verify = /bin/check {target}\nverify_within = 10s\ntargets = web, db\ncritical_targets = core\n"
    "cooldown = 1m\nper_hour = 4\ntimeout = 10s\n"
    "[action wipe]\nabout = Wipes\nrisk = high\nargv = /bin/wipe {target}\ntargets = web\ncooldown = 1m\n"
    "per_hour = 2\n";

static const struct pk_agent_identity IDENTITY = {.version = "1.0.0", .isa = "sim", .board = "sim"};

static void on_frame(void *arg, struct pk_sim *sim, const struct pk_ipc_frame *frame) {
    struct gateway *g = arg;
    (void)sim;
    super_model_frame(&g->super, frame);
}

static void on_accepted(void *arg, const struct broker_publish *m) {
    struct gateway_site *site = arg;
    hub_model_accept(site->hub, m);
}

void gateway_site_init(struct gateway_site *site, struct broker_model *broker, struct hub_model *hub,
                       uint64_t seed) {
    memset(site, 0, sizeof *site);
    site->broker = broker;
    site->hub = hub;
    if (broker != NULL) {
        broker_init(broker, seed);
        broker->arg = site;
        broker->accepted = hub != NULL ? on_accepted : NULL;
    }
    if (hub != NULL) {
        hub_model_init(hub);
    }
}

/* '@' in the configuration stands for the gateway's name. */
static void set_config(struct gateway *g, const char *text) {
    char out[4096];
    struct pk_buf b;
    pk_buf_init(&b, out, sizeof out);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '@') {
            pk_buf_puts(&b, g->name);
        } else {
            pk_buf_putc(&b, *p);
        }
    }
    (void)pk_sim_file_set(&g->sim, "/etc/picket/picketd.conf", b.p, b.n);
}

static void set_file(struct gateway *g, const char *path, const char *text) {
    if (text != NULL) {
        (void)pk_sim_file_set(&g->sim, path, text, (uint32_t)strlen(text));
    }
}

void gateway_init(struct gateway *g, struct gateway_site *site, const struct gateway_setup *setup) {
    const struct pk_sim_config config = {.seed = setup->seed,
                                         .wall_ms = 1790000000000,
                                         .map_bytes = setup->map_bytes,
                                         .arg = g,
                                         .frame = on_frame};
    g->site = site;
    g->wrap = NULL;
    g->is_up = false;
    g->has_booted = false;
    g->boot_count = 0;
    g->tick_count = 0;
    g->last_mono_ms = 0;
    (void)snprintf(g->name, sizeof g->name, "%s", setup->name != NULL ? setup->name : "gw-1");
    pk_sim_init(&g->sim, &config, &g->port);
    super_model_init(&g->super, setup->seed + 1, &g->sim, &g->agent);
    g->index = site->count;
    site->gateways[site->count++] = g;
    pk_sim_advance(&g->sim, site->now_ms > 0 ? site->now_ms : 1000);
    site->now_ms = g->sim.now_ms;
    set_config(g, setup->config != NULL ? setup->config : GATEWAY_CONFIG);
    set_file(g, "/etc/picket/actions.conf", setup->actions != NULL ? setup->actions : GATEWAY_ACTIONS);
    set_file(g, "/etc/picket/rules.d/site.rules", setup->rules);
    set_file(g, "/etc/picket/keys/site.key", setup->keys);
    gateway_process(g, "web", true);
    (void)pk_sim_sample_set(&g->sim, PK_COLLECT_DISK, "disk_pct", "root", 40.0, PK_OK);
    if (site->broker != NULL && !setup->has_no_broker) {
        (void)broker_attach(site->broker, &g->sim, 1);
    }
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        g->sim.links[i].answer =
            i == 1 && site->broker != NULL && !setup->has_no_broker ? PK_SIM_ACCEPT : PK_SIM_REFUSE;
    }
}

static uint64_t mono_ms(const struct gateway *g) {
    return g->sim.now_ms - g->sim.mono_offset;
}

bool gateway_boot(struct gateway *g) {
    struct pk_agent_start start;
    struct pk_agent *a = &g->agent;
    super_model_greet(&g->super, !g->has_booted, &start);
    if (g->wrap != NULL) {
        g->wrap(g);
    }
    pk_agent_init(a, &g->port, &IDENTITY);
    if (pk_agent_load(a, "/etc/picket/picketd.conf", NULL, &g->diag) != PK_OK) {
        return false;
    }
    g->start_error = pk_agent_start(a, &start);
    if (g->start_error != PK_OK) {
        return false;
    }
    g->is_up = true;
    g->has_booted = true;
    g->boot_count++;
    g->last_mono_ms = 0;
    g->until_ms = mono_ms(g);
    return true;
}

void gateway_crash(struct gateway *g) {
    g->is_up = false;
    pk_sim_crash(&g->sim, &g->port);
}

void gateway_power_cut(struct gateway *g) {
    g->is_up = false;
    pk_sim_reboot(&g->sim, &g->port);
}

/* ---- time */
static bool has_unfinished(const struct gateway *g) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (g->sim.links[i].is_unfinished) {
            return true;
        }
    }
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        if (g->sim.clients[i].is_unfinished) {
            return true;
        }
    }
    return false;
}

static bool is_due(const struct gateway *g) {
    return g->is_up &&
           (g->sim.is_event_due || g->sim.signals != 0 || g->until_ms <= mono_ms(g) || has_unfinished(g));
}

static void breach(struct gateway_site *site, const struct gateway *g, const char *what) {
    if (site->breach[0] == '\0') {
        (void)snprintf(site->breach, sizeof site->breach, "%s at %llu ms: %s", g->name,
                       (unsigned long long)g->sim.now_ms, what);
    }
}

static void tick(struct gateway_site *site, struct gateway *g) {
    const uint32_t signals = g->port.loop.wait(g->port.loop.ctx, mono_ms(g));
    g->until_ms = pk_agent_tick(&g->agent, signals);
    g->tick_count++;
    if (g->agent.now.mono_ms < g->last_mono_ms) {
        breach(site, g, "the agent's boot-time clock went back");
    }
    g->last_mono_ms = g->agent.now.mono_ms;
    if (site->ticked != NULL) {
        site->ticked(site->arg, g);
    }
    if (pk_agent_is_stopped(&g->agent)) {
        g->is_up = false;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t gateway_next_ms(const struct gateway *g) {
    uint64_t next = earlier(pk_sim_next_ms(&g->sim), super_model_next_ms(&g->super));
    if (g->is_up && g->until_ms < UINT64_MAX - g->sim.mono_offset) {
        next = earlier(next, g->until_ms + g->sim.mono_offset);
    }
    return is_due(g) ? g->sim.now_ms : next;
}

static uint64_t site_next_ms(const struct gateway_site *site) {
    uint64_t next = site->next_ms != NULL ? site->next_ms(site->arg) : UINT64_MAX;
    for (uint32_t i = 0; i < site->count; i++) {
        next = earlier(next, gateway_next_ms(site->gateways[i]));
    }
    return site->broker != NULL ? earlier(next, broker_next_ms(site->broker)) : next;
}

/* Everything that is due at one moment, each gateway in its turn. */
static void step(struct gateway_site *site, uint64_t to_ms) {
    enum { TICKS_AT_ONCE = 200 };
    site->now_ms = to_ms;
    for (uint32_t i = 0; i < site->count; i++) {
        pk_sim_advance(&site->gateways[i]->sim, to_ms);
        super_model_run(&site->gateways[i]->super);
    }
    if (site->broker != NULL) {
        broker_run(site->broker, to_ms);
    }
    if (site->run != NULL && site->next_ms(site->arg) <= to_ms) {
        site->run(site->arg);
    }
    for (uint32_t i = 0; i < site->count; i++) {
        struct gateway *g = site->gateways[i];
        uint32_t count = 0;
        while (is_due(g)) {
            /* What arrives in single bytes takes many ticks; what the agent wants by itself may not. */
            const bool is_own_wish = !g->sim.is_event_due && g->sim.signals == 0 && !has_unfinished(g);
            tick(site, g);
            count += is_own_wish ? 1u : 0u;
            if (count == TICKS_AT_ONCE) {
                breach(site, g, "the agent ticks without end and without time passing");
                g->until_ms = mono_ms(g) + 1;
                break;
            }
        }
    }
}

bool gateway_site_until(struct gateway_site *site, uint64_t most_ms, bool (*done)(void *arg), void *arg) {
    const uint64_t end_ms = site->now_ms + most_ms;
    for (;;) {
        if (done != NULL && done(arg)) {
            return true;
        }
        const uint64_t next = site_next_ms(site);
        if (next > end_ms) {
            step(site, end_ms);
            return done == NULL || done(arg);
        }
        step(site, next > site->now_ms ? next : site->now_ms);
    }
}

void gateway_site_run(struct gateway_site *site, uint64_t ms) {
    (void)gateway_site_until(site, ms, NULL, NULL);
}

static bool is_stopped(void *arg) {
    const struct gateway *g = arg;
    return !g->is_up;
}

bool gateway_stop(struct gateway *g) {
    pk_sim_signal(&g->sim, PK_SIG_STOP);
    return gateway_site_until(g->site, PK_AGENT_STOP_MS + 100, is_stopped, g);
}

bool gateway_is_online(const struct gateway *g) {
    return g->is_up && pk_link_is_online(&g->agent.links[1]);
}

static bool online(void *arg) {
    return gateway_is_online(arg);
}

bool gateway_run_until_online(struct gateway *g) {
    return gateway_site_until(g->site, 60000, online, g);
}

/* ---- local clients */
struct reading {
    struct gateway *g;
    uint32_t client, n, lines_wanted;
    bool is_over;
};
static char answer_text[2 * PK_LIMIT_REPLY_BYTES];

static bool has_answer(void *arg) {
    struct reading *r = arg;
    uint32_t lines = 0;
    const int n = pk_sim_client_recv(&r->g->sim, r->client, answer_text + r->n,
                                     (uint32_t)sizeof answer_text - 1u - r->n);
    r->n += n > 0 ? (uint32_t)n : 0u;
    r->is_over = n < 0;
    for (uint32_t i = 0; i < r->n; i++) {
        lines += answer_text[i] == '\n' ? 1u : 0u;
    }
    return r->is_over || lines >= r->lines_wanted;
}

static const char *converse(struct gateway *g, enum pk_listener listener, uint32_t uid, const char *text,
                            uint32_t lines) {
    const int client = pk_sim_client_open(&g->sim, listener, uid, uid);
    if (client < 0) {
        return NULL;
    }
    struct reading r = {.g = g, .client = (uint32_t)client, .lines_wanted = lines};
    (void)pk_sim_client_send(&g->sim, r.client, text, (uint32_t)strlen(text));
    const bool is_answered = gateway_site_until(g->site, 2000, has_answer, &r);
    answer_text[r.n] = '\0';
    if (!r.is_over) {
        pk_sim_client_close(&g->sim, r.client);
        gateway_site_run(g->site, 1);
    }
    return is_answered && r.n > 0 ? answer_text : NULL;
}

const char *gateway_ask(struct gateway *g, uint32_t uid, const char *line) {
    char text[8192];
    (void)snprintf(text, sizeof text, "%s\n", line);
    const char *answer = converse(g, PK_LISTEN_CONTROL, uid, text, 1);
    if (answer != NULL) {
        answer_text[strcspn(answer_text, "\n")] = '\0';
    }
    return answer;
}

const char *gateway_command(struct gateway *g, uint32_t uid, const char *cmd, const char *args) {
    char line[8192];
    (void)snprintf(line, sizeof line, "{\"v\":1,\"id\":1,\"cmd\":\"%s\",\"args\":%s}", cmd, args);
    return gateway_ask(g, uid, line);
}

const char *gateway_events(struct gateway *g, const char *lines) {
    uint32_t count = 0;
    for (const char *p = lines; *p != '\0'; p++) {
        count += *p == '\n' ? 1u : 0u;
    }
    return converse(g, PK_LISTEN_EVENTS, 1000, lines, count);
}

void gateway_process(struct gateway *g, const char *name, bool is_up) {
    (void)pk_sim_sample_set(&g->sim, PK_COLLECT_PROCESS, "process_up", name, is_up ? 1.0 : 0.0, PK_OK);
}

const struct pk_incident *gateway_incident(const struct gateway *g, const char *rule) {
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next(&g->agent.incidents, (1u << PK_INC_STATUS_COUNT) - 1u, PK_SEV_INFO,
                                  &below)) != NULL) {
        if (strcmp(i->rule_id, rule) == 0) {
            return i;
        }
    }
    return NULL;
}

bool gateway_log_has(const struct gateway *g, const char *text) {
    const size_t n = strlen(text);
    for (uint32_t i = 0; i + n <= g->sim.log_bytes; i++) {
        if (memcmp(g->sim.log + i, text, n) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the durable log */
struct log_walk {
    struct gateway *g;
    struct pk_meta meta;
    struct pk_audit_head head;
    int64_t count;
    bool has_meta, is_bad;
};

static int find_meta(void *arg, struct pk_str key, struct pk_str value) {
    struct log_walk *w = arg;
    if (pk_str_eq_c(key, "meta")) {
        w->has_meta = pk_record_meta_unpack(value, &w->meta) == PK_OK;
    }
    return PK_OK;
}

static int check_entry(void *arg, struct pk_str key, struct pk_str value) {
    struct log_walk *w = arg;
    struct pk_log_record record;
    uint64_t n = 0;
    if (pk_record_key_log_parse(key, &n) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    if (pk_record_log_unpack(value, &record) != PK_OK ||
        pk_audit_check(&w->head, &w->g->port.crypto, n, record.json, record.hash) != PK_OK) {
        w->is_bad = true;
        return PK_E_CORRUPT;
    }
    w->head.n = n;
    memcpy(w->head.hash, record.hash, sizeof w->head.hash);
    w->count++;
    return PK_OK;
}

int64_t gateway_verify_log(struct gateway *g) {
    struct log_walk w = {.g = g};
    const struct pk_port_store *s = &g->port.store;
    (void)s->load(s->ctx, PK_TREE_OBJECTS, pk_str_of(""), find_meta, &w);
    if (w.has_meta) {
        w.head = w.meta.log_base;
    }
    (void)s->load(s->ctx, PK_TREE_JOURNAL, pk_str_of("L"), check_entry, &w);
    if (w.is_bad || (w.has_meta && w.head.n < w.meta.log_checkpoint.n)) {
        breach(g->site, g, "the durable log is not a whole chain");
        return -1;
    }
    return w.count;
}

struct entry_search {
    const char *text;
    uint32_t count;
};

static int look_for_text(void *arg, struct pk_str key, struct pk_str value) {
    struct entry_search *s = arg;
    struct pk_log_record record;
    char json[PK_AUDIT_JSON_BYTES];
    uint64_t n = 0;
    if (pk_record_key_log_parse(key, &n) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    if (pk_record_log_unpack(value, &record) == PK_OK) {
        (void)pk_str_copy_cut(record.json, json, sizeof json);
        s->count += strstr(json, s->text) != NULL ? 1u : 0u;
    }
    return PK_OK;
}

uint32_t gateway_log_entries(struct gateway *g, const char *text) {
    struct entry_search s = {.text = text};
    (void)g->port.store.load(g->port.store.ctx, PK_TREE_JOURNAL, pk_str_of("L"), look_for_text, &s);
    return s.count;
}

/* ---- a store that takes nothing */
static int refuse_batch(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq) {
    (void)ctx;
    (void)batch;
    (void)out_seq;
    return PK_E_FULL;
}

void gateway_stall_store(struct gateway *g) {
    g->stalled_submit = g->port.store.submit;
    g->port.store.submit = refuse_batch;
    while (pk_agent_batch_has_room(&g->agent, PK_AGENT_AUDIT_OP_BYTES)) {
        pk_agent_audit(&g->agent, 0, "note", "test", pk_str_of("what fills the batch"));
    }
}

void gateway_free_store(struct gateway *g) {
    g->port.store.submit = g->stalled_submit;
}
