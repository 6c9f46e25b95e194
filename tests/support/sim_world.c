#include "support/sim_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_hash.h"
#include "support/sim_world_priv.h"

static struct world world; /* 40 MB: one at a time */

static const char *const CANARY_WORDS[WORLD_CANARY_COUNT] = {
    [WORLD_SOUND] = "sound",
    [WORLD_STORE_LIES] = "store_lies",
    [WORLD_STORE_LOSES_ENTRY] = "store_loses_entry",
    [WORLD_STORE_LOSES_OBJECT] = "store_loses_object",
    [WORLD_RUNS_TWICE] = "runs_twice",
    [WORLD_RESTARTS_FORGET] = "restarts_forget",
    [WORLD_HUB_COUNTS_TWICE] = "hub_counts_twice",
    [WORLD_BROKER_FORGETS] = "broker_forgets",
    [WORLD_CLOCK_GOES_BACK] = "clock_goes_back",
    [WORLD_HUB_MISSES] = "hub_misses",
    [WORLD_HUB_MISSES_AND_ACKS] = "hub_misses_and_acks"};

const char *world_canary_word(enum world_canary canary) {
    return CANARY_WORDS[canary];
}

uint64_t world_below(struct world *w, uint64_t bound) {
    return pk_rng_below(&w->rng, bound);
}

uint64_t world_between(struct world *w, uint64_t min, uint64_t max) {
    return min + pk_rng_below(&w->rng, max - min + 1);
}

void world_breach(struct world *w, const struct gateway *g, const char *what) {
    if (w->breach[0] == '\0') {
        (void)snprintf(w->breach, sizeof w->breach, "%s at %" PRIu64 " ms: %s", g != NULL ? g->name : "site",
                       w->site.now_ms, what);
    }
}

/* What the models found wrong. */
static void collect_breaches(struct world *w) {
    if (w->site.breach[0] != '\0') {
        world_breach(w, NULL, w->site.breach);
    }
    if (w->broker.breach[0] != '\0') {
        world_breach(w, NULL, w->broker.breach);
    }
    if (w->hub.breach[0] != '\0') {
        world_breach(w, NULL, w->hub.breach);
    }
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        if (w->places[i].gateway.super.breach[0] != '\0') {
            world_breach(w, &w->places[i].gateway, w->places[i].gateway.super.breach);
        }
    }
}

/* ---- the turns of the world */
static uint64_t next_ms(void *arg) {
    const struct world *w = arg;
    uint64_t next = w->broker_up_ms;
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        const struct world_place *p = &w->places[i];
        for (uint32_t t = 0; t < WORLD_TIMERS; t++) {
            next = p->timers[t] < next ? p->timers[t] : next;
        }
    }
    return next;
}

static bool take_timer(struct world *w, struct world_place *p, enum world_timer timer) {
    if (p->timers[timer] > w->site.now_ms) {
        return false;
    }
    p->timers[timer] = UINT64_MAX;
    return true;
}

static void boot(struct world *w, struct world_place *p) {
    if (!gateway_boot(&p->gateway)) {
        char text[240];
        (void)snprintf(text, sizeof text, "it does not start: %d %s", p->gateway.start_error,
                       p->gateway.diag.message);
        world_breach(w, &p->gateway, text);
        return;
    }
    if (w->is_tight) { /* no configuration may say so little */
        enum { CAP_BYTES = 6000 };
        p->gateway.agent.config.store_map_bytes = 2u * CAP_BYTES;
        p->gateway.agent.outbox.critical_cap_bytes = CAP_BYTES + CAP_BYTES / 8u;
    }
    world_check_start(w, p);
}

static void turn(struct world *w, struct world_place *p) {
    if (take_timer(w, p, WORLD_BOOT)) {
        boot(w, p);
    }
    if (take_timer(w, p, WORLD_DISK_BACK)) {
        p->gateway.sim.store.is_disk_full = false;
    }
    if (take_timer(w, p, WORLD_NET_BACK)) {
        p->gateway.sim.links[1].answer = PK_SIM_ACCEPT;
    }
    if (take_timer(w, p, WORLD_CLOCK_BACK)) {
        p->gateway.sim.is_wall_synced = true;
        p->gateway.sim.wall_offset_ms = 0;
    }
    if (take_timer(w, p, WORLD_PROCESS_BACK)) {
        gateway_process(&p->gateway, "web", true);
    }
    if (take_timer(w, p, WORLD_HEARTBEAT)) {
        p->timers[WORLD_HEARTBEAT] = w->site.now_ms + 15000;
        world_heartbeat(w, p);
    }
    if (take_timer(w, p, WORLD_HUB_SPEAKS)) {
        p->timers[WORLD_HUB_SPEAKS] = w->site.now_ms + 2000;
        world_hub_speaks(w, p);
    }
    if (take_timer(w, p, WORLD_WORK)) {
        if (!w->is_healing) {
            p->timers[WORLD_WORK] = w->site.now_ms + world_between(w, 1000, 40000);
        }
        world_work(w, p);
    }
    if (take_timer(w, p, WORLD_FAULT) && !w->is_healing) {
        p->timers[WORLD_FAULT] = w->site.now_ms + world_between(w, 1000, 2 * w->fault_every_ms);
        world_fault(w, p);
    }
}

static void run(void *arg) {
    struct world *w = arg;
    if (w->broker_up_ms <= w->site.now_ms) {
        w->broker_up_ms = UINT64_MAX;
        w->broker.is_down = false;
    }
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        turn(w, &w->places[i]);
    }
}

static void ended(void *arg, const struct super_start *start, int32_t exit_code) {
    struct world_place *p = arg;
    (void)start;
    if (exit_code == 0 && p->heals_by_restart) {
        gateway_process(&p->gateway, "web", true);
    }
}

static void ticked(void *arg, struct gateway *g) {
    struct world *w = arg;
    collect_breaches(w);
    world_check_tick(w, g);
    if (!g->is_up || pk_agent_is_stopped(&g->agent)) {
        /* It ended by itself: the supervisor starts it again. */
        gateway_crash(g);
        world_close_clients(w, &w->places[g->index]);
        w->places[g->index].timers[WORLD_BOOT] = w->site.now_ms + 500;
    }
}

/* ---- set-up */
#define CONFIG_WITH(broker_line)                                                                             \
    "[gateway]\nsite = lab\ngateway = @\n"                                                                   \
    "[agent]\nmode = safe\napproval_timeout = 2m\n"                                                          \
    "[broker central]\nhost = broker.example\nport = 1883\ntls = no\n" broker_line                           \
    "reconnect_first = 1s\nreconnect_max = 20s\nwill_delay = 5s\nkeep_alive = 30s\n"                         \
    "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 30s\nprocess = 5s\n"                          \
    "rate = 50\nburst = 100\n"                                                                               \
    "[process web]\n[disk root]\npath = /\n[heartbeat press-7]\ninterval = 30s\n"                            \
    "[remote]\ncommands = list\n"                                                                            \
    "allow = ping, incidents.ack, incidents.note, mitigate, approval.decide\n"                               \
    "[roles]\nresponder = uid:1001\n[store]\njournal_keep = 200\nmap = 2M\n"
static const char CONFIG[] = CONFIG_WITH(""), CONFIG_HUB_ACK[] = CONFIG_WITH("hub_ack = yes\n");

static void set_weights(struct world *w) {
    /* Each kind of fault is there in half of the runs: what always happens together hides what needs one
     * alone. */
    for (uint32_t f = 0; f < WORLD_FAULTS; f++) {
        w->fault_weights[f] = !w->is_calm && world_below(w, 2) == 0 ? (uint32_t)world_between(w, 1, 10) : 0u;
    }
    w->fault_every_ms = world_between(w, 20000, 400000);
    if (w->is_calm) {
        return;
    }
    struct broker_weights *b = &w->broker.weights;
    b->refuse_connect = world_below(w, 3) == 0 ? 200 : 0;
    b->refuse_publish = world_below(w, 3) == 0 ? 100 : 0;
    b->cut_before_ack = world_below(w, 2) == 0 ? 60 : 0;
    b->cut_after_ack = world_below(w, 3) == 0 ? 40 : 0;
    b->cut_deliver = world_below(w, 3) == 0 ? 40 : 0;
    w->broker.server_receive_maximum = world_below(w, 2) == 0 ? (uint32_t)world_between(w, 1, 20) : 0u;
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        struct super_weights *s = &w->places[i].gateway.super.weights;
        s->busy = world_below(w, 2) == 0 ? 200 : 0;
        s->refuse = world_below(w, 3) == 0 ? 200 : 0;
        s->fail = world_below(w, 2) == 0 ? 300 : 0;
        s->time_out = world_below(w, 3) == 0 ? 100 : 0;
        s->never_answer = world_below(w, 3) == 0 ? 100 : 0;
        s->resolve_fail = world_below(w, 3) == 0 ? 200 : 0;
        s->resolve_never = world_below(w, 3) == 0 ? 100 : 0;
        s->verify_fail = world_below(w, 2) == 0 ? 300 : 0;
        w->places[i].gateway.super.slack_ms = 900000; /* a full disk holds intents back */
    }
}

static void init(struct world *w, uint64_t seed, bool is_calm, enum world_canary canary) {
    static const char *const NAMES[WORLD_GATEWAYS] = {"gw-1", "gw-2"};
    memset(w->breach, 0, sizeof w->breach);
    pk_rng_seed(&w->rng, pk_hash64_mix(seed, 77));
    w->is_calm = is_calm;
    w->is_healing = false;
    w->is_tight = !is_calm && canary == WORLD_SOUND && seed % 4u == 3u;
    w->canary = canary;
    w->broker_up_ms = UINT64_MAX;
    w->command_count = 0;
    w->memory_lost_ms = 0;
    gateway_site_init(&w->site, &w->broker, &w->hub, pk_hash64_mix(seed, 78));
    w->site.arg = w;
    w->site.next_ms = next_ms;
    w->site.run = run;
    w->site.ticked = ticked;
    world_make_key(w, seed);
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        struct world_place *p = &w->places[i];
        const struct gateway_setup setup = {.seed = pk_hash64_mix(seed, i + 1),
                                            .name = NAMES[i],
                                            .config =
                                                canary == WORLD_HUB_MISSES_AND_ACKS ? CONFIG_HUB_ACK : CONFIG,
                                            .keys = w->key_file};
        gateway_init(&p->gateway, &w->site, &setup);
        p->gateway.super.arg = p;
        p->gateway.super.ended = ended;
        p->gateway.wrap = world_wrap;
        p->heals_by_restart = true;
        p->is_press_dead = false;
        p->client_count = 0;
        p->offered_count = 0;
        for (uint32_t t = 0; t < WORLD_TIMERS; t++) {
            p->timers[t] = UINT64_MAX;
        }
        p->timers[WORLD_BOOT] = w->site.now_ms + 100 + i;
        p->timers[WORLD_HEARTBEAT] = w->site.now_ms + 5000 + i * 700;
        p->timers[WORLD_WORK] = w->site.now_ms + 10000 + i;
        p->timers[WORLD_HUB_SPEAKS] =
            canary == WORLD_HUB_MISSES_AND_ACKS ? w->site.now_ms + 3000 + i * 500 : UINT64_MAX;
        p->timers[WORLD_FAULT] = is_calm ? UINT64_MAX : w->site.now_ms + 20000 + i;
    }
    set_weights(w);
    world_set_canary(w);
}

/* ---- healing */
static void heal(struct world *w) {
    w->is_healing = true;
    const uint32_t swallow = w->broker.weights.swallow;
    memset(&w->broker.weights, 0, sizeof w->broker.weights);
    w->broker.weights.swallow = swallow;
    w->broker.is_down = false;
    w->broker_up_ms = UINT64_MAX;
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        struct world_place *p = &w->places[i];
        struct pk_sim *sim = &p->gateway.sim;
        const uint32_t twice = p->gateway.super.weights.twice;
        memset(&p->gateway.super.weights, 0, sizeof p->gateway.super.weights);
        p->gateway.super.weights.twice = twice;
        sim->store.is_disk_full = false;
        sim->store.delay_max_ms = 20;
        sim->store.delay_min_ms = 1;
        sim->links[1].answer = PK_SIM_ACCEPT;
        sim->links[1].fragment_max = 0;
        sim->links[1].delay_min_ms = 1;
        sim->links[1].delay_max_ms = 10;
        sim->is_wall_synced = true;
        sim->wall_offset_ms = 0;
        p->heals_by_restart = true;
        gateway_process(&p->gateway, "web", true);
        (void)pk_sim_sample_set(sim, PK_COLLECT_DISK, "disk_pct", "root", 40.0, PK_OK);
        p->is_press_dead = false;
        world_close_clients(w, p);
        p->timers[WORLD_PROCESS_BACK] = p->timers[WORLD_DISK_BACK] = p->timers[WORLD_NET_BACK] =
            p->timers[WORLD_CLOCK_BACK] = UINT64_MAX;
        if (!p->gateway.is_up && p->timers[WORLD_BOOT] == UINT64_MAX) {
            p->timers[WORLD_BOOT] = w->site.now_ms + 10;
        }
    }
}

static bool is_over(void *arg) {
    const struct world *w = arg;
    return w->breach[0] != '\0';
}

static bool is_quiet(void *arg) {
    struct world *w = arg;
    return w->breach[0] != '\0' || world_is_quiet(w);
}

void world_run(uint64_t seed, uint32_t minutes, bool is_calm, enum world_canary canary,
               struct world_result *out) {
    /* What rules hold back for their cooldown comes within the first minutes. A trend over six hours does not
     * know for as long after a restart whether an incident it opened is over. */
    enum { SETTLE_MS = 21 * 60000, LIVENESS_MS = 7 * 60 * 60000 };
    struct world *w = &world;
    init(w, seed, is_calm, canary);
    if (!gateway_site_until(&w->site, (uint64_t)minutes * 60000, is_over, w)) {
        heal(w);
        (void)gateway_site_until(&w->site, SETTLE_MS, is_over, w);
        if (!gateway_site_until(&w->site, LIVENESS_MS, is_quiet, w)) {
            world_say_what_is_left(w);
        }
        world_last_command(w);
    }
    world_check_end(w);
    collect_breaches(w);
    *out = (struct world_result){.virtual_ms = w->site.now_ms,
                                 .incidents = w->hub.incident_count,
                                 .published = w->broker.publish_count,
                                 .duplicates = w->hub.duplicate_count,
                                 .commands = w->command_count};
    memcpy(out->breach, w->breach, sizeof out->breach);
    out->trace = pk_hash64_mix(seed, w->hub.taken_count);
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        const struct gateway *g = &w->places[i].gateway;
        out->trace = pk_hash64_mix(out->trace, g->sim.trace);
        out->ticks += g->tick_count;
        out->boots += g->boot_count;
        out->starts += g->super.start_count;
    }
}

/* ---- case ids */
bool world_run_case(const char *id, struct world_result *out) {
    char suite[16], name[32];
    unsigned long long seed = 0;
    int n = 0;
    if (sscanf(id, "%15[a-z]:%31[a-z_]:%llu%n", suite, name, &seed, &n) != 3 || id[n] != '\0') {
        return false;
    }
    const bool is_long = strcmp(name, "long") == 0;
    const bool is_calm = strcmp(name, "calm") == 0;
    if (strcmp(suite, "swarm") == 0 && (is_long || is_calm || strcmp(name, "mixed") == 0)) {
        world_run(seed, is_long ? WORLD_LONG_MINUTES : WORLD_MINUTES, is_calm, WORLD_SOUND, out);
        return true;
    }
    for (uint32_t c = 0; strcmp(suite, "canary") == 0 && c < WORLD_CANARY_COUNT; c++) {
        if (strcmp(name, CANARY_WORDS[c]) == 0) {
            world_run(seed, WORLD_MINUTES, false, (enum world_canary)c, out);
            return true;
        }
    }
    return false;
}

static void explain_open(struct gateway *g) {
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next(&g->agent.incidents, (1u << PK_INC_RESOLVED) - 1u, PK_SEV_INFO, &below)) !=
           NULL) {
        char args[160];
        (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
        const char *answer = gateway_command(g, 0, "incidents.get", args);
        printf("# open: %s\n", answer != NULL ? answer : "no answer");
        (void)snprintf(args, sizeof args, "{\"rule\":\"%s\"}", i->rule_id);
        answer = gateway_command(g, 0, "rules.show", args);
        printf("# rule: %s\n", answer != NULL ? answer : "no answer");
    }
}

void world_explain(void) {
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        struct gateway *g = &world.places[i].gateway;
        printf("# ---- %s, its log\n%.*s", g->name, (int)g->sim.log_bytes, g->sim.log);
        if (g->is_up) {
            explain_open(g);
        }
    }
}

void world_print(const char *id, const struct world_result *r) {
    printf("# %s: trace %016" PRIx64 ", %" PRIu64 " min, %" PRIu64 " ticks, %" PRIu64
           " starts of agents, %" PRIu64 " incidents, %" PRIu64 " actions, %" PRIu64 " publishes (%" PRIu64
           " repeated), %" PRIu64 " commands%s%s\n",
           id, r->trace, r->virtual_ms / 60000, r->ticks, r->boots, r->incidents, r->starts, r->published,
           r->duplicates, r->commands, r->breach[0] != '\0' ? ": " : "", r->breach);
}

uint32_t world_swarm(uint64_t first_seed, uint32_t count, bool is_long) {
    struct world_result r;
    struct world_result sum = {0};
    uint32_t failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        char id[48];
        const uint64_t seed = first_seed + i;
        (void)snprintf(id, sizeof id, "swarm:%s:%" PRIu64, is_long ? "long" : "mixed", seed);
        world_run(seed, is_long ? WORLD_LONG_MINUTES : WORLD_MINUTES, false, WORLD_SOUND, &r);
        if (r.breach[0] != '\0') {
            world_print(id, &r);
            failed++;
        }
        sum.trace = pk_hash64_mix(sum.trace, r.trace);
        sum.virtual_ms += r.virtual_ms;
        sum.ticks += r.ticks;
        sum.boots += r.boots;
        sum.incidents += r.incidents;
        sum.starts += r.starts;
        sum.published += r.published;
        sum.duplicates += r.duplicates;
        sum.commands += r.commands;
    }
    world_print("together", &sum);
    return failed;
}
