#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "support/sim_world_priv.h"
#include "wire/pk_jws.h"

enum { MINUTE_MS = 60000 };

/* ---- devices */
static void device_says(struct world *w, const struct world_place *p, const char *source, const char *type,
                        const char *payload) {
    char topic[BROKER_TOPIC_BYTES];
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/%s/in/%s/%s", p->gateway.name, source, type);
    if (world_below(w, 2) == 0) {
        (void)broker_publish_qos_2(&w->broker, topic, payload);
    } else {
        (void)broker_publish(&w->broker, topic, payload, (uint32_t)strlen(payload), "");
    }
}

void world_heartbeat(struct world *w, struct world_place *p) {
    if (!p->is_press_dead && !w->broker.is_down) {
        device_says(w, p, "press-7", "heartbeat", "30");
    }
}

/* ---- local clients: opened, used, and closed at some later turn */
void world_close_clients(struct world *w, struct world_place *p) {
    char text[4096];
    (void)w;
    for (uint32_t i = 0; i < p->client_count; i++) {
        while (pk_sim_client_recv(&p->gateway.sim, p->clients[i], text, sizeof text) > 0) {
        }
        pk_sim_client_close(&p->gateway.sim, p->clients[i]);
    }
    p->client_count = 0;
}

static void say_locally(struct world *w, struct world_place *p, enum pk_listener listener, const char *text) {
    if (p->client_count == WORLD_CLIENTS) {
        world_close_clients(w, p);
    }
    const int client = pk_sim_client_open(&p->gateway.sim, listener, 1001, 1001);
    if (client < 0) {
        return;
    }
    (void)pk_sim_client_send(&p->gateway.sim, (uint32_t)client, text, (uint32_t)strlen(text));
    p->clients[p->client_count++] = (uint32_t)client;
}

static void say_events(struct world *w, struct world_place *p, const char *source, const char *type,
                       const char *severity, uint32_t count) {
    char text[4096];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i < count; i++) {
        pk_buf_puts(&b, "{\"type\":\"");
        pk_buf_puts(&b, type);
        pk_buf_puts(&b, "\",\"source\":\"");
        pk_buf_puts(&b, source);
        pk_buf_puts(&b, "\",\"severity\":\"");
        pk_buf_puts(&b, severity);
        pk_buf_puts(&b, "\"}\n");
    }
    p->offered_count += count;
    say_locally(w, p, PK_LISTEN_EVENTS, text);
}

/* ---- operators */
static const struct pk_incident *any_incident(struct world *w, const struct world_place *p) {
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    for (uint64_t n = world_below(w, 6) + 1; p->gateway.is_up && n > 0; n--) {
        i = pk_incidents_next(&p->gateway.agent.incidents, (1u << PK_INC_STATUS_COUNT) - 1u, PK_SEV_INFO,
                              &below);
        if (i == NULL) {
            break;
        }
    }
    return i;
}

static void operator_acts(struct world *w, struct world_place *p) {
    static const char *const COMMANDS[] = {"incidents.ack", "incidents.resolve", "incidents.close",
                                           "incidents.note", "incidents.assign"};
    static const char *const ARGS[] = {"", "", "", ",\"note\":\"seen\"", ",\"user\":\"ada\""};
    const struct pk_incident *i = any_incident(w, p);
    char text[300];
    const uint64_t which = world_below(w, 8);
    if (i == NULL || which == 7) {
        say_locally(w, p, PK_LISTEN_CONTROL, "{\"v\":1,\"id\":1,\"cmd\":\"status\"}\nnonsense\n{\n");
        return;
    }
    if (which < 5) {
        (void)snprintf(text, sizeof text,
                       "{\"v\":1,\"id\":2,\"cmd\":\"%s\",\"args\":{\"incident_id\":\"%s\"%s}}\n",
                       COMMANDS[which], i->id, ARGS[which]);
    } else {
        (void)snprintf(
            text, sizeof text,
            "{\"v\":1,\"id\":3,\"cmd\":\"mitigate\",\"args\":{\"incident_id\":\"%s\",\"action\":\"%s\","
            "\"target\":\"%s\"}}\n",
            i->id, which == 5 ? "look" : "wipe", which == 5 ? "" : "web");
    }
    say_locally(w, p, PK_LISTEN_CONTROL, text);
}

void world_make_key(struct world *w, uint64_t seed) {
    /* The sign key of the operator: any 32 bytes below the order will do, its public half comes from the
     * port. */
    static struct pk_sim scratch;
    struct pk_port port;
    struct pk_key key = {.kid = "alice", .owner = "alice", .role = PK_ROLE_APPROVER};
    struct pk_key hub = {.kid = "hub-1", .owner = "hub-1", .role = PK_ROLE_HUB};
    struct pk_buf b;
    const struct pk_sim_config config = {.seed = seed % 4 + 1};
    if (scratch.config.seed != config.seed || w->key_file[0] == '\0') {
        pk_sim_init(&scratch, &config, &port);
        (void)port.crypto.es256_keygen(port.crypto.ctx, w->private_key, key.public_key);
        pk_buf_init(&b, w->key_file, sizeof w->key_file);
        pk_keys_write(&b, &key);
        (void)port.crypto.es256_keygen(port.crypto.ctx, w->hub_key, hub.public_key);
        pk_keys_write(&b, &hub);
    }
}

bool world_hub_is_away(const struct world *w) {
    enum { SPELL_MS = 420000 };
    return w->canary >= WORLD_HUB_MISSES && !w->is_healing && w->site.now_ms / SPELL_MS % 2 == 1;
}

void world_hub_speaks(struct world *w, struct world_place *p) {
    static char text[HUB_JWS_BYTES];
    char topic[BROKER_TOPIC_BYTES];
    const struct hub_signer signer = {.crypto = &p->gateway.port.crypto,
                                      .private_key = w->hub_key,
                                      .kid = "hub-1",
                                      .wall_s =
                                          (p->gateway.sim.config.wall_ms + (int64_t)w->site.now_ms) / 1000};
    if (w->broker.is_down || world_hub_is_away(w) ||
        !hub_model_ack(&w->hub, &signer, p->gateway.name, text)) {
        return;
    }
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/%s/ack", p->gateway.name);
    (void)broker_publish(&w->broker, topic, text, (uint32_t)strlen(text), "");
}

void world_command(struct world *w, struct world_place *p, const char *cmd, const char *args, char jti[40]) {
    static char text[PK_JWS_BYTES_MAX];
    char payload[1024], topic[BROKER_TOPIC_BYTES];
    struct pk_buf b;
    struct pk_claims claims = {.iss = "alice", .args = pk_str_of(args)};
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    const int64_t now_s = (p->gateway.sim.config.wall_ms + (int64_t)w->site.now_ms) / 1000;
    claims.iat_s = now_s;
    claims.exp_s = now_s + 300;
    (void)snprintf(claims.aud, sizeof claims.aud, "%s", p->gateway.name);
    (void)snprintf(claims.cmd, sizeof claims.cmd, "%s", cmd);
    (void)snprintf(claims.jti, sizeof claims.jti, "c%u", ++w->command_count);
    (void)snprintf(jti, 40, "%s", claims.jti);
    pk_buf_init(&b, payload, sizeof payload);
    pk_claims_write(&b, &claims);
    const struct pk_str body = pk_buf_str(&b);
    pk_buf_init(&b, text, sizeof text);
    const struct pk_port_crypto *c = &p->gateway.port.crypto;
    if (pk_jws_signing_input(&b, pk_str_of("alice"), body) != PK_OK ||
        c->es256_sign(c->ctx, w->private_key, pk_buf_str(&b), signature) != PK_OK) {
        world_breach(w, &p->gateway, "the world cannot sign");
        return;
    }
    pk_jws_finish(&b, signature);
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/%s/cmd/%s", p->gateway.name, cmd);
    (void)broker_publish(&w->broker, topic, b.p, b.n, "");
    if (world_below(w, 4) == 0) { /* somebody recorded it and plays it again */
        (void)broker_publish(&w->broker, topic, b.p, b.n, "");
    }
}

static void remote_command(struct world *w, struct world_place *p) {
    const struct pk_incident *i = any_incident(w, p);
    char args[160], jti[40];
    if (w->broker.is_down) {
        return;
    }
    if (i == NULL || world_below(w, 3) == 0) {
        world_command(w, p, "ping", "{}", jti);
        return;
    }
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"note\":\"from afar %u\"}", i->id,
                   w->command_count);
    world_command(w, p, "incidents.note", args, jti);
}

static void decide_approval(struct world *w, struct world_place *p) {
    uint32_t after = 0;
    const struct pk_run *r = NULL;
    while (p->gateway.is_up && (r = pk_respond_next(&p->gateway.agent.respond, 0, &after)) != NULL) {
        char id[PK_RUN_APPROVAL_ID_BYTES], args[120], jti[40];
        if (r->state != PK_RUN_AWAITING_APPROVAL) {
            continue;
        }
        pk_run_approval_id(r, id);
        (void)snprintf(args, sizeof args, "{\"approval_id\":\"%s\",\"decision\":\"%s\"}", id,
                       world_below(w, 3) == 0 ? "reject" : "approve");
        world_command(w, p, "approval.decide", args, jti);
        return;
    }
}

/* In this order on every machine: the order of arguments is the compiler's. */
static void say_temperature(struct world *w, const struct world_place *p) {
    char payload[32];
    const uint64_t whole = world_below(w, 100);
    const uint64_t tenths = world_below(w, 10);
    (void)snprintf(payload, sizeof payload, "%" PRIu64 ".%" PRIu64, whole, tenths);
    device_says(w, p, "sensor-3", "temperature", payload);
}

/* ---- the site's day */
static void process_dies(struct world *w, struct world_place *p) {
    gateway_process(&p->gateway, "web", false);
    p->heals_by_restart = world_below(w, 3) != 0;
    p->timers[WORLD_PROCESS_BACK] = w->site.now_ms + world_between(w, 2000, 8 * MINUTE_MS);
}

void world_work(struct world *w, struct world_place *p) {
    if (w->is_healing) {
        return;
    }
    switch (world_below(w, 20)) {
    case 0:
        process_dies(w, p);
        return;
    case 1:
        say_events(w, p, "api", "request_failed", "high", (uint32_t)world_between(w, 10, 30));
        return;
    case 2:
        say_events(w, p, "db", "database_connection_error", "high", 3);
        return;
    case 3:
        p->is_press_dead = world_below(w, 2) == 0;
        return;
    case 4:
        (void)pk_sim_sample_set(&p->gateway.sim, PK_COLLECT_DISK, "disk_pct", "root",
                                world_below(w, 2) == 0 ? 40.0 : (double)world_between(w, 91, 99), PK_OK);
        return;
    case 5:
    case 6:
    case 7:
        operator_acts(w, p);
        return;
    case 8:
        if (world_below(w, 4) == 0) {
            remote_command(w, p);
        }
        return;
    case 9:
        decide_approval(w, p);
        return;
    case 10:
        say_locally(w, p, PK_LISTEN_EVENTS,
                    "{\"type\":\"x\"}\n\x01\x02\nnot json\n{\"type\":\"a b\",\"source\":1}\n");
        return;
    case 11:
        world_close_clients(w, p);
        return;
    case 12:
        device_says(w, p, "press-7", "bad topic/extra", "1");
        device_says(w, p, "sensor-3", "temperature", "not a number {");
        return;
    default:
        say_temperature(w, p);
        say_events(w, p, "api", "request", "info", (uint32_t)world_between(w, 1, 5));
        return;
    }
}

/* ---- what goes wrong */
static void agent_dies(struct world *w, struct world_place *p, bool is_power) {
    if (!p->gateway.is_up) {
        return;
    }
    world_close_clients(w, p);
    if (is_power) {
        gateway_power_cut(&p->gateway);
        p->gateway.sim.is_wall_synced = world_below(w, 2) == 0;
        p->gateway.sim.wall_offset_ms = 0;
        if (!p->gateway.sim.is_wall_synced) {
            p->gateway.sim.wall_offset_ms = -1700000000000; /* no battery: some time in 1972 */
            p->timers[WORLD_CLOCK_BACK] = w->site.now_ms + world_between(w, 1000, 20 * MINUTE_MS);
        }
    } else {
        gateway_crash(&p->gateway);
    }
    p->timers[WORLD_BOOT] = w->site.now_ms + world_between(w, 100, is_power ? 60000 : 5000);
}

static void change_network(struct world *w, struct world_place *p, enum world_fault_kind kind) {
    struct pk_sim_link *l = &p->gateway.sim.links[1];
    switch (kind) {
    case WORLD_FAULT_RESET:
        pk_sim_peer_reset(&p->gateway.sim, 1);
        return;
    case WORLD_FAULT_SILENT_CUT:
        l->is_cut = l->state == PK_SIM_OPEN;
        return;
    case WORLD_FAULT_NO_NETWORK:
        l->is_cut = l->state == PK_SIM_OPEN;
        l->answer = world_below(w, 2) == 0   ? PK_SIM_REFUSE
                    : world_below(w, 2) == 0 ? PK_SIM_SILENT
                                             : PK_SIM_TLS_FAILS;
        p->timers[WORLD_NET_BACK] = w->site.now_ms + world_between(w, 1000, 30 * MINUTE_MS);
        return;
    default:
        l->delay_min_ms = (uint32_t)world_below(w, 50);
        l->delay_max_ms = l->delay_min_ms + (uint32_t)world_below(w, 3000);
        l->fragment_max = world_below(w, 2) == 0 ? 0 : (uint32_t)world_between(w, 1, 400);
        return;
    }
}

static void change_broker(struct world *w, enum world_fault_kind kind) {
    if (kind == WORLD_FAULT_BROKER_AMNESIA) {
        w->memory_lost_ms = w->site.now_ms;
    }
    broker_restart(&w->broker, kind != WORLD_FAULT_BROKER_AMNESIA);
    if (kind == WORLD_FAULT_BROKER_DOWN) {
        w->broker.is_down = true;
        w->broker_up_ms = w->site.now_ms + world_between(w, 1000, 20 * MINUTE_MS);
    }
}

static void change_clock(struct world *w, struct world_place *p) {
    struct pk_sim *sim = &p->gateway.sim;
    sim->is_wall_synced = false;
    sim->wall_offset_ms = (int64_t)world_below(w, 4000000000) - 2000000000;
    p->timers[WORLD_CLOCK_BACK] = w->site.now_ms + world_between(w, 1000, 20 * MINUTE_MS);
}

static enum world_fault_kind pick(struct world *w) {
    uint32_t sum = 0;
    for (uint32_t f = 0; f < WORLD_FAULTS; f++) {
        sum += w->fault_weights[f];
    }
    uint64_t at = world_below(w, sum);
    for (uint32_t f = 0; sum > 0 && f < WORLD_FAULTS; f++) {
        if (at < w->fault_weights[f]) {
            return (enum world_fault_kind)f;
        }
        at -= w->fault_weights[f];
    }
    return WORLD_FAULTS;
}

void world_fault(struct world *w, struct world_place *p) {
    struct pk_sim_store *store = &p->gateway.sim.store;
    const enum world_fault_kind kind = pick(w);
    switch (kind) {
    case WORLD_FAULT_CRASH:
    case WORLD_FAULT_POWER:
        agent_dies(w, p, kind == WORLD_FAULT_POWER);
        return;
    case WORLD_FAULT_STOP:
        pk_sim_signal(&p->gateway.sim, PK_SIG_STOP);
        return;
    case WORLD_FAULT_RESET:
    case WORLD_FAULT_SILENT_CUT:
    case WORLD_FAULT_NO_NETWORK:
    case WORLD_FAULT_SLOW_NETWORK:
        change_network(w, p, kind);
        return;
    case WORLD_FAULT_BROKER_RESTART:
    case WORLD_FAULT_BROKER_AMNESIA:
    case WORLD_FAULT_BROKER_DOWN:
        change_broker(w, kind);
        return;
    case WORLD_FAULT_SLOW_STORE:
        store->delay_min_ms = (uint32_t)world_below(w, 400);
        store->delay_max_ms = store->delay_min_ms + (uint32_t)world_below(w, 4000);
        return;
    case WORLD_FAULT_DISK_FULL:
        store->is_disk_full = true;
        store->has_spare = w->site.now_ms % 2u == 0; /* half of the times the store had set room aside */
        p->timers[WORLD_DISK_BACK] = w->site.now_ms + world_between(w, 1000, 10 * MINUTE_MS);
        return;
    case WORLD_FAULT_CLOCK:
        change_clock(w, p);
        return;
    case WORLD_FAULT_RELOAD:
        pk_sim_signal(&p->gateway.sim, PK_SIG_RELOAD | PK_SIG_DUMP);
        return;
    case WORLD_FAULT_EPOCH_LOST:
        /* Greeted with 0. Both counters lost at once is another matter: WIRE has a random epoch for it. */
        if (p->gateway.is_up && p->gateway.agent.durable_seq > 0) {
            p->gateway.super.boot_epoch = UINT32_MAX;
        }
        return;
    case WORLD_FAULTS:
        return;
    }
}
