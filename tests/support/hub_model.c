#include "support/hub_model.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "wire/pk_cloudevents.h"
#include "wire/pk_status_json.h"

static void breach(struct hub_model *h, struct pk_str topic, const char *what) {
    if (h->breach[0] == '\0') {
        (void)snprintf(h->breach, sizeof h->breach, "%.*s: %s", (int)topic.n, topic.p, what);
    }
}

void hub_model_init(struct hub_model *h) {
    memset(h, 0, sizeof *h);
}

const struct hub_incident *hub_model_find(const struct hub_model *h, const char *id) {
    for (uint32_t i = 0; i < h->incident_count; i++) {
        if (strcmp(h->incidents[i].id, id) == 0) {
            return &h->incidents[i];
        }
    }
    return NULL;
}

const struct hub_gateway *hub_model_gateway(const struct hub_model *h, const char *name) {
    for (uint32_t i = 0; i < HUB_GATEWAYS; i++) {
        if (strcmp(h->gateways[i].name, name) == 0) {
            return &h->gateways[i];
        }
    }
    return NULL;
}

bool hub_model_has_reply(const struct hub_model *h, const char *jti) {
    for (uint32_t i = 0; i < h->reply_count && i < HUB_REPLIES; i++) {
        if (strcmp(h->replies[i], jti) == 0) {
            return true;
        }
    }
    return false;
}

static struct hub_gateway *gateway_of(struct hub_model *h, struct pk_str name) {
    for (uint32_t i = 0; i < HUB_GATEWAYS; i++) {
        struct hub_gateway *g = &h->gateways[i];
        if (g->name[0] == '\0') {
            (void)pk_str_copy_cut(name, g->name, sizeof g->name);
        }
        if (pk_str_eq_c(name, g->name)) {
            return g;
        }
    }
    return &h->gateways[0];
}

static void note_receipt(struct hub_model *h, const struct pk_ce *ce) {
    if (h->acks && h->to_say_count < HUB_TO_SAY) { /* else it comes again */
        h->to_say[h->to_say_count++] =
            (struct hub_receipt){.gateway = (uint32_t)(gateway_of(h, ce->gateway) - h->gateways),
                                 .boot = ce->boot,
                                 .seq = ce->seq};
    }
}

void hub_model_sign(const struct hub_signer *s, const char *cmd, const char *args, const char *jti,
                    const char *aud, char *out) {
    static char payload[HUB_JWS_BYTES];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    struct pk_buf b;
    struct pk_claims c = {.args = pk_str_of(args), .iat_s = s->wall_s, .exp_s = s->wall_s + 120};
    (void)snprintf(c.iss, sizeof c.iss, "%s", s->kid);
    (void)snprintf(c.aud, sizeof c.aud, "%s", aud);
    (void)snprintf(c.cmd, sizeof c.cmd, "%s", cmd);
    (void)snprintf(c.jti, sizeof c.jti, "%s", jti);
    pk_buf_init(&b, payload, sizeof payload);
    pk_claims_write(&b, &c);
    const struct pk_str body = pk_buf_str(&b);
    pk_buf_init(&b, out, HUB_JWS_BYTES);
    const int err = pk_jws_signing_input(&b, pk_str_of(s->kid), body);
    PK_ASSERT(err == PK_OK);
    const int signed_err = s->crypto->es256_sign(s->crypto->ctx, s->private_key, pk_buf_str(&b), signature);
    PK_ASSERT(signed_err == PK_OK);
    pk_jws_finish(&b, signature);
}

/* Takes the lowest number out of what is to be said of that boot. */
static bool take_receipt(struct hub_model *h, uint32_t gateway, uint32_t boot, uint64_t *seq) {
    uint32_t best = h->to_say_count;
    for (uint32_t i = 0; i < h->to_say_count; i++) {
        const struct hub_receipt *r = &h->to_say[i];
        if (r->gateway == gateway && r->boot == boot &&
            (best == h->to_say_count || r->seq < h->to_say[best].seq)) {
            best = i;
        }
    }
    if (best == h->to_say_count) {
        return false;
    }
    *seq = h->to_say[best].seq;
    h->to_say[best] = h->to_say[--h->to_say_count];
    return true;
}

bool hub_model_ack(struct hub_model *h, const struct hub_signer *s, const char *gateway, char *out) {
    enum { RANGES_MAX = 40 };
    char args[2000], jti[24];
    struct pk_buf b;
    uint32_t of = 0, first = 0, count = 0;
    uint64_t seq = 0;
    while (of < HUB_GATEWAYS && strcmp(h->gateways[of].name, gateway) != 0) {
        of++;
    }
    while (first < h->to_say_count && h->to_say[first].gateway != of) {
        first++;
    }
    if (first == h->to_say_count) {
        return false;
    }
    const uint32_t boot = h->to_say[first].boot;
    pk_buf_init(&b, args, sizeof args);
    pk_buf_puts(&b, "{\"boot\":");
    pk_buf_put_u64(&b, boot);
    pk_buf_puts(&b, ",\"ranges\":[");
    while (count < RANGES_MAX && take_receipt(h, of, boot, &seq)) {
        pk_buf_puts(&b, count++ > 0 ? ",[" : "[");
        pk_buf_put_u64(&b, seq);
        pk_buf_putc(&b, ',');
        pk_buf_put_u64(&b, seq);
        pk_buf_putc(&b, ']');
    }
    pk_buf_puts(&b, "]}");
    PK_ASSERT(!b.is_cut);
    args[b.n] = '\0';
    (void)snprintf(jti, sizeof jti, "ack-%u", (unsigned)++h->ack_count);
    hub_model_sign(s, "ack", args, jti, gateway, out);
    return true;
}

/* True when the message is new. */
static bool is_new(struct hub_model *h, const struct broker_publish *m, const struct pk_ce *ce,
                   uint64_t content) {
    uint64_t name = pk_hash64_mix(pk_hash64(ce->gateway.p, ce->gateway.n), pk_hash64_mix(ce->boot, ce->seq));
    name = name == 0 ? 1 : name;
    uint32_t i = (uint32_t)(name % HUB_SEEN);
    while (h->seen[i].name != 0 && h->seen[i].name != name) {
        i = (i + 1) % HUB_SEEN;
    }
    if (h->seen[i].name == name) {
        if (h->seen[i].content != content) {
            char what[80];
            (void)snprintf(what, sizeof what, "the CloudEvents id %lu-%llu for two different things",
                           (unsigned long)ce->boot, (unsigned long long)ce->seq);
            breach(h, m->topic, what);
        }
        h->duplicate_count++;
        return h->skips_dedupe;
    }
    if (h->seen_count < HUB_SEEN / 2) {
        h->seen[i] = (struct hub_seen){.name = name, .content = content};
        h->seen_count++;
    }
    return true;
}

static bool read_envelope(struct hub_model *h, const struct broker_publish *m, const struct pk_topic *t,
                          struct pk_ce *out) {
    struct pk_ce_read r;
    struct pk_str name, value;
    uint32_t at = 0;
    pk_ce_read_init(&r);
    while (pk_mqtt_user_property_next(&m->props, &at, &name, &value)) {
        if (pk_ce_read_attribute(&r, name, value) != PK_OK) {
            breach(h, m->topic, "a CloudEvents attribute is not of its form");
            return false;
        }
    }
    if (pk_ce_read_done(&r, out) != PK_OK) {
        breach(h, m->topic, "the CloudEvents envelope is not whole");
        return false;
    }
    if (!pk_str_eq(out->gateway, t->gateway) || !pk_str_eq(out->site, t->site)) {
        breach(h, m->topic, "the envelope names another gateway");
    }
    if (!pk_str_eq_c(m->props.content_type, PK_CE_CONTENT_TYPE_BINARY)) {
        breach(h, m->topic, "content type");
    }
    return true;
}

static void take_incident(struct hub_model *h, const struct broker_publish *m, const struct pk_topic *t) {
    static struct pk_incident_doc doc;
    const char *field = "";
    struct pk_ce ce;
    if (m->payload.n == 0) {
        h->cleared_count++;
        return;
    }
    if (!read_envelope(h, m, t, &ce)) {
        return;
    }
    if (pk_incident_json_read(m->payload.p, m->payload.n, &doc, &field) != PK_OK) {
        breach(h, m->topic, "the incident cannot be read");
        return;
    }
    const struct pk_incident *i = &doc.incident;
    if (!pk_str_eq_c(t->a, i->id) || !pk_str_eq_c(t->gateway, doc.gateway) || doc.boot != ce.boot ||
        doc.seq != ce.seq) {
        breach(h, m->topic, "topic, envelope and incident do not name the same");
    }
    note_receipt(h, &ce);
    const uint64_t content = pk_hash64_mix(pk_hash64(i->id, strlen(i->id)), i->rev);
    if (!is_new(h, m, &ce, content)) {
        return;
    }
    h->taken_count++;
    struct hub_incident *known = (struct hub_incident *)(uintptr_t)hub_model_find(h, i->id);
    if (known == NULL) {
        if (h->incident_count == HUB_INCIDENTS) {
            breach(h, m->topic, "more incidents than the model keeps");
            return;
        }
        known = &h->incidents[h->incident_count++];
        *known = (struct hub_incident){.fingerprint = i->fingerprint,
                                       .detected_wall_ms = i->detected.wall_ms,
                                       .rev = i->rev,
                                       .status = i->status};
        memcpy(known->id, i->id, sizeof known->id);
    } else if (known->fingerprint != i->fingerprint) {
        breach(h, m->topic, "an incident number was given twice");
    } else if (i->rev == known->rev) {
        breach(h, m->topic, "the same revision came under two ids");
    }
    known->revs_taken++;
    if (i->rev > known->rev) {
        known->rev = i->rev;
        known->status = i->status;
    }
}

static void take_status(struct hub_model *h, const struct broker_publish *m, const struct pk_topic *t) {
    struct pk_status s;
    struct pk_ce ce;
    struct hub_gateway *g = gateway_of(h, t->gateway);
    if (!read_envelope(h, m, t, &ce)) {
        return;
    }
    if (pk_status_json_read(m->payload.p, m->payload.n, &s) != PK_OK || !m->is_retained) {
        breach(h, m->topic, "the status cannot be read, or is not retained");
        return;
    }
    if (!is_new(h, m, &ce, pk_hash64_mix((uint64_t)s.connected_wall_ms, s.is_online))) {
        return;
    }
    const struct pk_status held = {
        .is_online = g->is_online, .boot = g->boot, .connected_wall_ms = g->connected_wall_ms};
    g->statuses++;
    if (g->statuses == 1 || pk_status_is_newer(&s, &held)) {
        g->is_online = s.is_online;
        g->boot = s.boot;
        g->connected_wall_ms = s.connected_wall_ms;
    }
}

static void take_other(struct hub_model *h, const struct broker_publish *m, const struct pk_topic *t) {
    struct pk_ce ce;
    if (m->payload.n == 0 || !read_envelope(h, m, t, &ce)) {
        return;
    }
    if (t->kind == PK_TOPIC_APPROVAL) { /* no summary is kept until it is named */
        note_receipt(h, &ce);
    }
    if (!is_new(h, m, &ce, pk_hash64(m->topic.p, m->topic.n))) {
        return;
    }
    struct hub_gateway *g = gateway_of(h, t->gateway);
    g->summaries += t->kind == PK_TOPIC_SUMMARY ? 1u : 0u;
    g->approvals += t->kind == PK_TOPIC_APPROVAL ? 1u : 0u;
}

static void take_reply(struct hub_model *h, const struct broker_publish *m, const struct pk_topic *t) {
    const char *text = m->payload.p;
    static const char OK[] = "\"ok\":true";
    bool is_ok = false;
    for (uint32_t i = 0; i + sizeof OK - 1 <= m->payload.n && !is_ok; i++) {
        is_ok = memcmp(text + i, OK, sizeof OK - 1) == 0;
    }
    h->reply_ok_count += is_ok ? 1u : 0u;
    h->reply_error_count += is_ok ? 0u : 1u;
    if (is_ok) {
        (void)pk_str_copy_cut(t->a, h->replies[h->reply_count % HUB_REPLIES], sizeof h->replies[0]);
        h->reply_count++;
    }
}

void hub_model_accept(struct hub_model *h, const struct broker_publish *m) {
    struct pk_topic t;
    if (pk_topic_parse(m->topic, &t) != PK_OK) {
        breach(h, m->topic, "not a topic of WIRE");
        return;
    }
    switch (t.kind) {
    case PK_TOPIC_INCIDENT:
        take_incident(h, m, &t);
        return;
    case PK_TOPIC_STATUS:
        take_status(h, m, &t);
        return;
    case PK_TOPIC_SUMMARY:
    case PK_TOPIC_APPROVAL:
        take_other(h, m, &t);
        return;
    case PK_TOPIC_REPLY:
        take_reply(h, m, &t);
        return;
    case PK_TOPIC_HOME: /* for others */
        return;
    case PK_TOPIC_CMD:
    case PK_TOPIC_ACK:
    case PK_TOPIC_CAPSULE:
    case PK_TOPIC_EVENT:
    case PK_TOPIC_IN:
    case PK_TOPIC_KIND_COUNT:
        breach(h, m->topic, "an agent does not publish there");
        return;
    }
}
