#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "support/sim_world_priv.h"
#include "wire/pk_record.h"

/* ---- after every tick */
void world_check_tick(struct world *w, struct gateway *g) {
    const struct pk_agent *a = &g->agent;
    if (a->durable_seq > a->submitted_seq || a->batch.n > a->batch.cap_bytes ||
        a->ack_count > PK_AGENT_ACKS) {
        world_breach(w, g, "a counter or table of the agent is beyond its bound");
    }
    if (a->intake.number != a->intake.taken_count) {
        world_breach(w, g, "events taken and event numbers given do not agree");
    }
    for (uint32_t i = 0; i < PK_OUTBOX_LANES; i++) {
        if (a->outbox.lanes[i].slot_count > a->outbox.lanes[i].count) {
            world_breach(w, g, "an outbox lane counts fewer entries than it holds");
        }
    }
}

/* ---- after every start: what was published had survived */
static uint32_t number_of(const char *id) {
    struct pk_incident_ref ref;
    return pk_incident_id_parse(pk_str_of(id), &ref) == PK_OK ? ref.number : 0;
}

static bool is_of(const char *id, const struct gateway *g) {
    const size_t n = strlen(g->name);
    return strncmp(id + 4, g->name, n) == 0 && id[4 + n] == '_';
}

struct jti_walk {
    struct world *w;
    struct gateway *g;
    char jtis[256][40];
    uint32_t count;
};

/* A command's id stands in the log once at most, however often it came. */
static int look_at_entry(void *arg, struct pk_str key, struct pk_str value) {
    struct jti_walk *j = arg;
    struct pk_log_record record;
    struct pk_audit_entry entry;
    uint64_t n = 0;
    if (pk_record_key_log_parse(key, &n) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    if (pk_record_log_unpack(value, &record) != PK_OK || pk_audit_entry_parse(record.json, &entry) != PK_OK ||
        strcmp(entry.kind, "command") != 0) {
        return PK_OK;
    }
    const char *jti = strstr(entry.text, ", jti ");
    if (jti == NULL || j->count == 256) {
        return PK_OK;
    }
    for (uint32_t i = 0; i < j->count; i++) {
        if (strcmp(j->jtis[i], jti + 6) == 0) {
            world_breach(j->w, j->g, "one command was carried out twice");
        }
    }
    (void)snprintf(j->jtis[j->count++], sizeof j->jtis[0], "%s", jti + 6);
    return PK_OK;
}

static void check_log(struct world *w, struct gateway *g) {
    static struct jti_walk j;
    const struct pk_port_store *s = &g->port.store;
    (void)gateway_verify_log(g);
    memset(&j, 0, sizeof j);
    j.w = w;
    j.g = g;
    (void)s->load(s->ctx, PK_TREE_JOURNAL, pk_str_of("L"), look_at_entry, &j);
}

void world_check_start(struct world *w, struct world_place *p) {
    struct gateway *g = &p->gateway;
    const struct pk_incidents *t = &g->agent.incidents;
    for (uint32_t i = 0; i < w->hub.incident_count; i++) {
        const struct hub_incident *known = &w->hub.incidents[i];
        if (!is_of(known->id, g)) {
            continue;
        }
        const uint32_t number = number_of(known->id);
        const struct pk_incident *own = pk_incidents_get(t, number);
        if (number >= t->next_number) {
            world_breach(w, g, "the hub knows an incident whose number would be given again");
        }
        if (own != NULL && own->rev < known->rev) {
            world_breach(w, g, "the hub knows a revision that did not survive");
        }
    }
    check_log(w, g);
}

/* ---- liveness */
static uint32_t runs_under_way(const struct pk_agent *a) {
    uint32_t after = 0, count = 0;
    const struct pk_run *r = NULL;
    while ((r = pk_respond_next(&a->respond, 0, &after)) != NULL) {
        count += pk_run_state_is_final(r->state) ? 0u : 1u;
    }
    return count;
}

static const char *unrest(const struct world *w, const struct gateway *g) {
    const struct pk_agent *a = &g->agent;
    if (!g->is_up) {
        return "the agent is down";
    }
    if (!gateway_is_online(g)) {
        return "not online";
    }
    if (pk_outbox_depth(&a->outbox) != 0) {
        return "the outbox is not empty";
    }
    if (a->incidents.owed_count != 0) {
        return "the hub is owed what an incident came to";
    }
    if (a->incidents.open_count != 0) {
        return "an incident is still open";
    }
    if (runs_under_way(a) != 0) {
        return "an action is still under way";
    }
    if (a->ack_count != 0 || w->broker.clients[g->index].queue_count != 0) {
        return "a device's message was not acknowledged";
    }
    if (a->batch.op_count != 0 || a->durable_seq != a->submitted_seq ||
        pk_incidents_has_changes(&a->incidents)) {
        return "something is not stored";
    }
    return NULL;
}

bool world_is_quiet(struct world *w) {
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        if (unrest(w, &w->places[i].gateway) != NULL) {
            return false;
        }
    }
    return true;
}

void world_say_what_is_left(struct world *w) {
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        const struct gateway *g = &w->places[i].gateway;
        const char *why = unrest(w, g);
        if (why != NULL) {
            char text[200];
            const struct pk_link *l = &g->agent.links[1];
            uint32_t below = UINT32_MAX;
            const struct pk_incident *open =
                g->is_up ? pk_incidents_next(&g->agent.incidents, (1u << PK_INC_RESOLVED) - 1u, PK_SEV_INFO,
                                             &below)
                         : NULL;
            (void)snprintf(text, sizeof text,
                           "not quiet within its time: %s (link %s, outbox %" PRIu64 ", open %u %s %s)", why,
                           pk_link_state_word(l->state), pk_outbox_depth(&g->agent.outbox),
                           g->agent.incidents.open_count, open != NULL ? open->rule_id : "",
                           open != NULL ? pk_incident_status_word(open->status) : "");
            world_breach(w, g, text);
        }
    }
}

static bool is_quiet(void *arg) {
    return world_is_quiet(arg);
}

/* After everything healed a signed command gets its answer. */
void world_last_command(struct world *w) {
    char jti[WORLD_GATEWAYS][40];
    if (w->breach[0] != '\0') {
        return;
    }
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        world_command(w, &w->places[i], "ping", "{}", jti[i]);
    }
    gateway_site_run(&w->site, 30000);
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        if (!hub_model_has_reply(&w->hub, jti[i])) {
            world_breach(w, &w->places[i].gateway, "a command got no answer");
        }
    }
    /* Devices go on, so at any one moment a message of theirs may be on its way. */
    if (!gateway_site_until(&w->site, 5000, is_quiet, w)) {
        world_say_what_is_left(w);
    }
}

static uint64_t outbox_losses(const struct pk_agent *a) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PK_OUTBOX_LOSS_COUNT; i++) {
        sum += a->outbox.losses[i].count;
    }
    return sum;
}

static void check_hub(struct world *w, const struct gateway *g) {
    const struct pk_incidents *t = &g->agent.incidents;
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next(t, (1u << PK_INC_STATUS_COUNT) - 1u, PK_SEV_INFO, &below)) != NULL) {
        const struct hub_incident *known = hub_model_find(&w->hub, i->id);
        char text[160];
        if (known != NULL && known->rev == i->rev && known->status == i->status) {
            continue;
        }
        if (known == NULL && w->is_tight) {
            continue; /* dropped whole, in an earlier life that counted it */
        }
        (void)snprintf(text, sizeof text, "%s is at revision %u here, %u at the hub", i->id, i->rev,
                       known != NULL ? known->rev : 0);
        world_breach(w, g, text);
    }
    const struct hub_gateway *status = hub_model_gateway(&w->hub, g->name);
    if (status == NULL || !status->is_online || status->boot != g->agent.now.boot) {
        world_breach(w, g, "the hub believes it offline, or in an earlier life");
    }
}

/* Whatever was dropped. */
static void check_none_open(struct world *w, const struct gateway *g) {
    for (uint32_t i = 0; i < w->hub.incident_count; i++) {
        const struct hub_incident *known = &w->hub.incidents[i];
        if (is_of(known->id, g) && pk_incident_status_is_active(known->status)) {
            char text[160];
            (void)snprintf(text, sizeof text, "%s is open at the hub, and over here", known->id);
            world_breach(w, g, text);
        }
    }
}

static int count_outbox(void *arg, struct pk_str key, struct pk_str value) {
    (void)value;
    *(uint32_t *)arg += key.n > 0 && key.p[0] == 'O' ? 1u : 0u;
    return PK_OK;
}

static void check_retained(struct world *w) {
    for (uint32_t i = 0; i < BROKER_RETAINED; i++) {
        struct pk_topic t;
        const struct broker_retained *r = &w->broker.retained[i];
        if (r->topic[0] == '\0' || pk_topic_parse(pk_str_of(r->topic), &t) != PK_OK) {
            continue;
        }
        /* Where there is no room a decision may be lost, but not that an incident is over. */
        if (t.kind == PK_TOPIC_INCIDENT || (t.kind == PK_TOPIC_APPROVAL && !w->is_tight)) {
            char text[160];
            (void)snprintf(text, sizeof text, "retained although it is over: %.100s", r->topic);
            world_breach(w, NULL, text);
        }
    }
}

void world_check_end(struct world *w) {
    if (w->breach[0] != '\0') {
        return;
    }
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        struct gateway *g = &w->places[i].gateway;
        uint32_t left = 0;
        check_log(w, g);
        check_none_open(w, g);
        if (outbox_losses(&g->agent) == 0) {
            check_hub(w, g);
        }
        (void)g->port.store.load(g->port.store.ctx, PK_TREE_JOURNAL, pk_str_of("O"), count_outbox, &left);
        if (left != 0) {
            world_breach(w, g, "the outbox is empty, its records are not");
        }
    }
    check_retained(w);
}
