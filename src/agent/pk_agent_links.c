/* What the brokers hear and say: birth, outbox, summary, device events, remote commands. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "wire/pk_cloudevents.h"
#include "wire/pk_control.h"

/* Tokens of the outbox have the top bit clear; ours name what the outbox does not hold. */
#define TOKEN_BIRTH (1ull << 63)
#define TOKEN_SUMMARY (TOKEN_BIRTH + 1u)
#define TOKEN_REPLY (TOKEN_BIRTH + 2u)
/* + 4u: PK_AGENT_TOKEN_SHOWN */
enum {
    CE_USER_MAX = PK_CE_ATTRIBUTES_MAX,
    MESSAGES_PER_TICK = 1024,
    SENDS_PER_TICK = 256,
    /* Of the window, never taken by the outbox: the birth must go out however much is on its way again. */
    WINDOW_RESERVE = 2,
    BIRTH_AGAIN_MS = 5000,    /* after the broker refused it */
    SUMMARY_APART_MS = 10000, /* on a metered link: changes of that time share one */
    SUMMARY_AGAIN_MS = 2000,  /* after the client had no room for one */
    ALIAS_SUMMARY = 1         /* the one topic that is said again and again */
};

uint32_t pk_agent_link_for(const struct pk_agent *a, uint8_t role) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (a->config.broker[i].is_set && (a->config.broker[i].roles & role) != 0) {
            return i;
        }
    }
    return PK_LINKS;
}

static int topic_of(const struct pk_agent *a, enum pk_topic_kind kind, struct pk_str part, char *out,
                    uint32_t cap_bytes) {
    const struct pk_topic t = {
        .kind = kind, .site = pk_str_of(a->config.site), .gateway = pk_str_of(a->config.gateway), .a = part};
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    return pk_topic_build(&b, &t);
}

/* ---- birth and will ---- */

void pk_agent_status(const struct pk_agent *a, struct pk_status *out, bool is_online, uint32_t link,
                     const char *reason) {
    *out = (struct pk_status){.is_online = is_online,
                              .boot = a->now.boot,
                              .connected_wall_ms = a->links[link].connected_wall_ms,
                              .version = pk_str_of(a->identity.version),
                              .isa = pk_str_of(a->identity.isa),
                              .board = pk_str_of(a->identity.board),
                              .config_hash = a->config.hash,
                              .rules_hash = a->rules_hash,
                              .mode = pk_str_of(pk_mode_word(a->mode)),
                              .remote = pk_str_of(pk_remote_word(a->config.remote)),
                              .queue_depth = pk_outbox_depth(&a->outbox),
                              .time_quality = a->now.quality,
                              .reason = pk_str_of(reason)};
}

/* What the broker offers of it: a birth that is not kept says more than none, an answer that may be lost
 * more than one that is not sent. */
static uint8_t qos_of(const struct pk_link *l) {
    return l->mqtt.limits.max_qos > 0 ? 1 : 0;
}

/* One of our messages under way. */
struct message {
    struct pk_ce_attributes attributes; /* MQTT 5: around the payload, as properties */
    struct pk_mqtt_user_property user[CE_USER_MAX];
    struct pk_buf b;
    struct pk_json_writer w;
    const char *key; /* under which the data is to be written: NULL, or "data" within the envelope of 3.1.1 */
};

/* Opens the payload in the scratch buffer: the caller writes its data under m->key and calls end_message. */
static int begin_message(struct pk_agent *a, const struct pk_link *l, const struct pk_ce *ce,
                         struct message *m) {
    m->attributes.count = 0;
    pk_buf_init(&m->b, a->payload, sizeof a->payload);
    if (pk_link_is_311(l)) {
        m->key = "data";
        return pk_ce_structured_begin(ce, &m->w, &m->b);
    }
    m->key = NULL;
    pk_jw_init(&m->w, &m->b);
    return pk_ce_binary(ce, &m->attributes);
}

/* The payload and what says of which form it is. PK_E_TOO_BIG. */
static int end_message(struct message *m, struct pk_mqtt_publish *out) {
    if (m->key != NULL) {
        pk_ce_structured_end(&m->w);
    }
    for (uint32_t i = 0; i < m->attributes.count; i++) {
        m->user[i] =
            (struct pk_mqtt_user_property){m->attributes.items[i].name, m->attributes.items[i].value};
    }
    out->payload = m->b.p;
    out->payload_bytes = m->b.n;
    out->payload_is_text = true;
    out->content_type = pk_str_of(PK_CE_CONTENT_TYPE_BINARY);
    out->user = m->user;
    out->user_count = m->attributes.count;
    return m->b.is_cut ? PK_E_TOO_BIG : PK_OK;
}

/* What is not kept takes its number from the sequence of what is: an id is unique within its source. */
static struct pk_ce envelope(struct pk_agent *a, enum pk_ce_kind kind) {
    return (struct pk_ce){.kind = kind,
                          .boot = a->now.boot,
                          .seq = pk_outbox_take_seq(&a->outbox),
                          .site = pk_str_of(a->config.site),
                          .gateway = pk_str_of(a->config.gateway),
                          .wall_ms = a->now.wall_ms};
}

/* The will carries boot and time of connecting, so it is renewed before every try. Within a boot the time of
 * connecting rises whatever the wall clock does: it orders birth and will for the hub. */
static void prepare_will(struct pk_agent *a, uint32_t link) {
    char topic[PK_TOPIC_BYTES];
    a->connected_wall_ms = a->now.wall_ms > a->connected_wall_ms ? a->now.wall_ms : a->connected_wall_ms + 1;
    a->links[link].connected_wall_ms = a->connected_wall_ms;
    a->links[link].wall_floor_ms = a->now.wall_ms;
    if (topic_of(a, PK_TOPIC_STATUS, pk_str_make(NULL, 0), topic, sizeof topic) < 0) {
        return;
    }
    const struct pk_ce ce = envelope(a, PK_CE_STATUS);
    struct pk_status s;
    struct pk_buf b;
    struct pk_json_writer w;
    pk_agent_status(a, &s, false, link, "connection lost");
    pk_buf_init(&b, a->payload, sizeof a->payload);
    pk_jw_init(&w, &b);
    pk_status_json_write(&w, NULL, &s);
    if (pk_link_set_will(&a->links[link], pk_str_of(topic), pk_buf_str(&b), &ce) < 0) {
        pk_agent_log(a, PK_LOG_ERROR, "the will does not fit its buffer");
    }
}

/* False: the client has no room for it now. */
static bool publish_status(struct pk_agent *a, uint32_t link, bool is_online, const char *reason) {
    char topic[PK_TOPIC_BYTES];
    struct pk_link *l = &a->links[link];
    struct message message;
    struct pk_status s;
    const struct pk_ce ce = envelope(a, PK_CE_STATUS);
    if (topic_of(a, PK_TOPIC_STATUS, pk_str_make(NULL, 0), topic, sizeof topic) < 0 ||
        begin_message(a, l, &ce, &message) < 0) {
        return true; /* site and gateway were checked with the configuration */
    }
    pk_agent_status(a, &s, is_online, link, reason);
    pk_status_json_write(&message.w, message.key, &s);
    struct pk_mqtt_publish m = {.topic = pk_str_of(topic),
                                .qos = qos_of(l),
                                .is_retained = l->mqtt.limits.has_retain,
                                .may_overtake = true};
    return end_message(&message, &m) < 0 || pk_mqtt_publish(&l->mqtt, &m, TOKEN_BIRTH) == PK_OK;
}

/* Until it is taken everybody believes the gateway offline. */
static void give_birth(struct pk_agent *a, uint32_t link) {
    if (a->now.mono_ms >= a->birth_due_ms[link] && publish_status(a, link, true, "")) {
        a->birth_due_ms[link] = UINT64_MAX;
    }
}

/* Birth, summary and reply of an earlier connection are replaced or late: they must not hold the places that
 * this one needs. */
static void forget_own_messages(struct pk_link *l) {
    static const uint64_t TOKENS[] = {TOKEN_BIRTH, TOKEN_SUMMARY, TOKEN_REPLY, PK_AGENT_TOKEN_SHOWN};
    for (uint32_t t = 0; t < PK_COUNT_OF(TOKENS); t++) {
        for (uint32_t i = 0; i < PK_LIMIT_INFLIGHT && pk_mqtt_forget(&l->mqtt, TOKENS[t]) == PK_OK; i++) {
        }
    }
}

static void on_connected(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    const bool subscribe_again = e->u.connected.subscribe_again;
    struct pk_link *l = &a->links[link];
    forget_own_messages(l);
    if (link == a->summary_link) {
        a->summary_waiting_count = 0; /* what it said of losses is said again */
    }
    pk_agent_upload_connected(a, link);
    a->birth_due_ms[link] = a->now.mono_ms;
    give_birth(a, link);
    pk_agent_subscribe_connected(a, link, subscribe_again);
    pk_agent_maps_connected(a, link, subscribe_again);
    pk_agent_shown_connected(a, link);
    pk_agent_maps_subscribe(
        a, link); /* with the rest, before an answer: else the last one would end the asking */
    if (link == pk_agent_link_for(a, PK_BROKER_INCIDENTS)) {
        pk_outbox_online(&a->outbox, true);
        if (!e->u.connected.session_present) {
            pk_outbox_resend(&a->outbox); /* with us it may have forgotten what it had for the hub */
        }
    }
    pk_bitset_clear_all(a->link_said[link].refusals, PK_AGENT_REFUSALS);
    if (!a->link_said[link].is_online) {
        a->link_said[link].is_online = true;
        pk_agent_log1(a, PK_LOG_NOTICE,
                      pk_link_is_311(l) ? "connected to broker with MQTT 3.1.1" : "connected to broker",
                      pk_str_of(l->config->host));
    }
}

/* An event about ourselves: the shipped rule makes an incident of it. */
static void report_contested(struct pk_agent *a) {
    if (pk_event_sample("link_contested", "picketd", 1.0, PK_OK, &a->event_in) == PK_OK) {
        a->event_in.severity = PK_SEV_HIGH;
        pk_agent_offer(a);
    }
}

static void judge_contest(struct pk_agent *a, uint32_t link) {
    const struct pk_link *l = &a->links[link];
    struct pk_agent_link_said *said = &a->link_said[link];
    const bool is_contested = pk_link_is_contested(l) && l->lost_count != said->lost_count;
    said->lost_count = l->lost_count;
    if (is_contested) {
        report_contested(a);
    }
    if (is_contested && !said->is_contested) {
        pk_agent_log1(a, PK_LOG_ERROR,
                      l->is_taken_over ? "another client with our id took the connection over"
                                       : "each connection ends soon: is there another client with our id",
                      pk_str_of(l->client_id));
    }
    said->is_contested = is_contested;
}

/* Each end of a connection or try, once; a reason that was said is not said again until a connection was
 * stable in between. */
static void watch_link(struct pk_agent *a, uint32_t link) {
    const struct pk_link *l = &a->links[link];
    struct pk_agent_link_said *said = &a->link_said[link];
    const uint64_t end_count = l->failure_count + l->lost_count;
    uint64_t more = 0;
    if (end_count == said->end_count) {
        return;
    }
    said->end_count = end_count;
    const bool was_online = said->is_online && l->lost_count > 0;
    judge_contest(a, link);
    if (l->short_count == 0 && was_online) {
        said->error[0] = '\0';
    }
    if (strcmp(said->error, l->error) == 0 || !pk_agent_may_say(a, &said->ends, &more)) {
        a->counters.log_suppressed++;
        return;
    }
    memcpy(said->error, l->error, sizeof said->error);
    said->is_online = false;
    pk_agent_log1(a, PK_LOG_WARNING, was_online ? "connection to broker lost" : "no connection to broker",
                  pk_str_of(l->error));
}

void pk_agent_links_open(struct pk_agent *a) {
    uint64_t seed = 0;
    (void)a->port->entropy.fill(a->port->entropy.ctx, &seed,
                                sizeof seed); /* without entropy the jitter is that of seed 0 */
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        pk_link_init(&a->links[i], &a->config.broker[i], &a->port->link[i], a->config.gateway, seed + i,
                     a->now.mono_ms);
        pk_agent_link_password(a, i);
    }
}

/* One line; the secret stays out of configuration, log and dump. */
void pk_agent_link_password(struct pk_agent *a, uint32_t link) {
    const struct pk_config_broker *c = &a->config.broker[link];
    struct pk_str password = pk_str_make(NULL, 0);
    if (c->is_set && c->password_file[0] != '\0') {
        const int n =
            a->port->files.read(a->port->files.ctx, c->password_file, a->payload, sizeof a->payload);
        password = pk_str_trim(pk_str_make(a->payload, n > 0 ? (size_t)n : 0));
        if (n < 0) {
            pk_agent_log1(a, PK_LOG_ERROR, "the password file cannot be read", pk_str_of(c->password_file));
        }
    }
    if (pk_link_set_password(&a->links[link], password) < 0) {
        pk_agent_log1(a, PK_LOG_ERROR, "the password is too long", pk_str_of(c->password_file));
    }
    memset(a->payload, 0, sizeof a->payload);
}

/* Its broker is another one now, or asked in another way. What was on its way from the outbox is sent again,
 * as a new message, which the hub knows by its number. begins_anew: there is a subscription that nobody wants
 * any more, and the session that has it goes, with what the broker holds for us in it; where the hub
 * acknowledges, all that it did not name yet is sent again. */
void pk_agent_link_renew(struct pk_agent *a, uint32_t link, bool begins_anew) {
    uint64_t seed = 0;
    begins_anew =
        begins_anew || a->links[link].mqtt_config.clean_start; /* it was to, and was not let in yet */
    (void)a->port->entropy.fill(a->port->entropy.ctx, &seed, sizeof seed);
    pk_link_drop(&a->links[link], "configuration changed", a->now.mono_ms);
    /* Not in this tick: its certificates are read after it. */
    pk_link_init(&a->links[link], &a->config.broker[link], &a->port->link[link], a->config.gateway,
                 seed + link, a->now.mono_ms + 1);
    if (begins_anew) {
        pk_link_begin_anew(&a->links[link]);
    }
    pk_agent_session_renew(a, link);
    a->link_said[link] = (struct pk_agent_link_said){0};
    a->subscribing[link] = (struct pk_agent_subscribing){0};
    a->resolve_id[link] = 0;
    for (uint32_t i = 0; i < a->ack_count; i++) {
        struct pk_agent_ack *k = &a->acks[(a->ack_head + i) % PK_AGENT_ACKS];
        k->handle = k->link == link ? 0 : k->handle;
    }
    if (a->remote.link == link) {
        a->remote.handle = 0;
    }
    if (link == pk_agent_link_for(a, PK_BROKER_INCIDENTS)) {
        pk_outbox_online(&a->outbox, false);
        pk_outbox_restart_inflight(&a->outbox);
    }
}

void pk_agent_links_stop(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (pk_link_is_online(&a->links[i])) {
            (void)publish_status(a, i, false, "stopped"); /* else the will says it */
        }
        pk_link_stop(&a->links[i], a->now.mono_ms);
    }
}

/* ---- what comes ---- */

static bool has_ack_room(const struct pk_agent *a) {
    return a->ack_count < PK_AGENT_ACKS;
}

static void acknowledge_later(struct pk_agent *a, uint32_t link, uint32_t handle) {
    if (handle == 0) {
        return;
    }
    /* What this event causes goes into the batch of this tick. */
    a->acks[(a->ack_head + a->ack_count) % PK_AGENT_ACKS] =
        (struct pk_agent_ack){.store_seq = PK_AGENT_ACK_STAGED, .handle = handle, .link = (uint8_t)link};
    a->ack_count++;
}

static void say_bad_event(struct pk_agent *a, const struct pk_str *topic,
                          const struct pk_event_error *error) {
    char text[200];
    struct pk_buf b;
    uint64_t more = 0;
    if (!pk_agent_may_say(a, &a->bad_events, &more)) {
        a->counters.log_suppressed++;
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    if (error->field[0] != '\0') {
        pk_buf_puts(&b, error->field);
        pk_buf_puts(&b, ": ");
    }
    pk_buf_puts(&b, error->message);
    pk_buf_puts(&b, " at byte ");
    pk_buf_put_u64(&b, error->at_byte);
    pk_buf_puts(&b, ", topic ");
    pk_buf_put(&b, topic->p, topic->n < 64 ? topic->n : 64);
    pk_agent_log1(a, PK_LOG_WARNING, "bad event from a device", pk_buf_str(&b));
}

static void on_device_event(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e,
                            const struct pk_topic *topic) {
    struct pk_event_error error;
    const struct pk_str payload = pk_str_make((const char *)e->u.message.payload, e->u.message.payload_bytes);
    if (e->u.message.is_retained) {
        a->counters.retained_event++; /* an old reading is not an event */
    } else if (pk_event_topic_parse(topic->a, topic->b, payload, &a->event_in, &error) < 0) {
        pk_intake_bad(&a->intake, topic->a, a->now.mono_ms);
        say_bad_event(a, &e->u.message.topic, &error);
    } else {
        a->event_in.is_foreign = a->event_in.is_type_foreign = true;
        pk_agent_offer(a);
    }
    acknowledge_later(a, link, e->u.message.handle);
}

/* Anybody who may publish can send rubbish: all of it is counted, but only some of it is worth the flash.
 * What carries a good signature is bounded by its key's rate and always listed. */
void pk_agent_audit_refusal(struct pk_agent *a, int err) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    uint64_t more = 0;
    const bool is_genuine = !a->gate.is_hub_ack && a->gate.verified_count > 0 && err != PK_E_BAD_SIGNATURE;
    if (!is_genuine && !pk_agent_may_say(a, &a->refusals, &more)) {
        a->counters.log_suppressed++;
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, a->gate.is_hub_ack ? "ack refused (" : "command refused (");
    pk_buf_puts(&b, pk_err_word(err));
    pk_buf_puts(&b, "): ");
    const struct pk_str why = pk_str_of(a->gate.why);
    pk_buf_put(&b, why.p, why.n < 100 ? why.n : 100);
    if (more > 0) {
        pk_buf_puts(&b, "; before it, not listed: ");
        pk_buf_put_u64(&b, more);
    }
    pk_agent_audit(a, 0, "refusal", a->gate.request.who[0] != '\0' ? a->gate.request.who : "remote",
                   pk_buf_str(&b));
    pk_agent_log(a, PK_LOG_WARNING, text);
}

static struct pk_reply_to remote_reply_to(const struct pk_agent *a) {
    const struct pk_request *q = &a->gate.request;
    const uint32_t corr_bytes = q->is_correlation_json ? q->correlation_bytes : 0;
    return (struct pk_reply_to){.is_socket = false,
                                .jti = pk_str_of(q->jti),
                                .corr = pk_str_make((const char *)q->correlation, corr_bytes)};
}

/* The answer is composed once and kept until the client took it. */
static void stage_reply(struct pk_agent *a, struct pk_buf *b) {
    const struct pk_request *q = &a->gate.request;
    struct pk_agent_remote *r = &a->remote;
    r->reply_bytes = b->n;
    r->step = PK_REMOTE_REPLYING;
    r->since_ms = a->now.mono_ms;
    r->correlation_bytes = q->is_correlation_json ? 0 : q->correlation_bytes; /* else it is in the answer */
    memcpy(r->correlation, q->correlation, q->correlation_bytes);
    if (q->reply_topic[0] != '\0') {
        (void)pk_str_copy_cut(pk_str_of(q->reply_topic), r->reply_topic, sizeof r->reply_topic);
    } else if (q->jti[0] == '\0' ||
               topic_of(a, PK_TOPIC_REPLY, pk_str_of(q->jti), r->reply_topic, sizeof r->reply_topic) < 0) {
        r->reply_topic[0] = '\0'; /* nobody can be answered: refusal is counted, logged and audited */
    }
}

static void refuse_remote(struct pk_agent *a, int err) {
    struct pk_buf b;
    const struct pk_reply_to to = remote_reply_to(a);
    pk_agent_audit_refusal(a, err);
    a->remote.answered_jti[0] = '\0';
    pk_buf_init(&b, a->remote.reply, sizeof a->remote.reply);
    pk_reply_error(&b, &to, err, a->gate.why);
    stage_reply(a, &b);
}

bool pk_agent_are_ids_unknown(const struct pk_agent *a) {
    struct pk_store_status s;
    a->port->store.status(a->port->store.ctx, &s);
    return s.is_in_memory || a->meta.ids_from_s == PK_META_IDS_LOST;
}

void pk_agent_date_ids(struct pk_agent *a, int64_t wall_ms) {
    a->meta.ids_from_s = wall_ms / 1000;
    a->is_meta_dirty = true;
}

/* Our clock counts from the start of the machine, which is what a store in memory does not outlive; what was
 * lost otherwise was lost by the start of this agent. Only a good clock says when that was. */
static int64_t known_from_s(const struct pk_agent *a) {
    const int64_t kept_s = a->meta.ids_from_s;
    const uint64_t start_ms = kept_s == PK_META_IDS_LOST ? a->started_ms : 0;
    const int64_t start_s = (a->now.wall_ms - (int64_t)(a->now.mono_ms - start_ms)) / 1000;
    const bool is_lost = a->now.quality >= PK_TIME_NTP && pk_agent_are_ids_unknown(a);
    return is_lost && start_s > kept_s ? start_s : kept_s;
}

/* While nothing disciplines the clock, all that is certain is the last good time: a clock that is ahead must
 * not call the hub's correction expired. */
struct pk_command_time pk_agent_command_time(const struct pk_agent *a) {
    const bool is_floor = a->now.quality == PK_TIME_FLOOR;
    return (struct pk_command_time){.mono_ms = a->now.mono_ms,
                                    .wall_ms = is_floor ? pk_agent_floor_ms(a) : a->now.wall_ms,
                                    .quality = a->now.quality,
                                    .known_from_s = known_from_s(a)};
}

/* The broker lost our acknowledgement and brings the command once more: the answer may be lost with it. It
 * goes where the first one went, whatever this copy says. */
static void answer_again(struct pk_agent *a) {
    a->remote.step = PK_REMOTE_REPLYING;
    a->remote.since_ms = a->now.mono_ms;
}

static void on_command(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e,
                       const struct pk_topic *topic) {
    const struct pk_command_input in = {
        .name = topic->a,
        .text = pk_str_make((const char *)e->u.message.payload, e->u.message.payload_bytes),
        .link = (uint8_t)link,
        .is_retained = e->u.message.is_retained,
        .response_topic = e->props.response_topic,
        .correlation = e->props.correlation};
    const struct pk_command_time now = pk_agent_command_time(a);
    a->remote.link = (uint8_t)link;
    a->remote.handle = e->u.message.handle;
    const int err = pk_command_take(&a->gate, &in, &now);
    if (err == PK_E_REPLAYED && e->u.message.is_dup &&
        strcmp(a->gate.request.jti, a->remote.answered_jti) == 0) {
        answer_again(a);
    } else if (err < 0) {
        refuse_remote(a, err);
    }
}

static void on_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    struct pk_topic topic;
    const int err = pk_topic_parse(e->u.message.topic, &topic);
    const bool is_shown = err == PK_E_NOT_FOUND && pk_agent_shown_message(a, link, e);
    if (is_shown ||
        (a->config.maps.count > 0 &&
         (err != PK_E_NOT_FOUND ? pk_agent_maps_is_copy(e) : pk_agent_maps_message(a, link, e)))) {
        acknowledge_later(a, link, e->u.message.handle);
        return;
    }
    if (err == PK_OK && topic.kind == PK_TOPIC_IN && (a->config.broker[link].roles & PK_BROKER_EVENTS) != 0) {
        on_device_event(a, link, e, &topic);
    } else if (err == PK_OK && topic.kind == PK_TOPIC_CMD &&
               (a->config.broker[link].roles & PK_BROKER_COMMANDS) != 0) {
        on_command(a, link, e, &topic);
    } else if (err == PK_OK && topic.kind == PK_TOPIC_ACK && a->config.broker[link].is_hub_acked) {
        pk_agent_hub_message(a, link, e);
    } else {
        uint64_t more = 0;
        a->counters.topic_unknown++;
        if (pk_agent_may_say(a, &a->unknown_topics, &more)) {
            pk_agent_log1(a, PK_LOG_WARNING, "a message on a topic that is none of ours, or not of its form",
                          e->u.message.topic);
        }
        acknowledge_later(a, link, e->u.message.handle);
    }
}

static void say_refused_publication(struct pk_agent *a, uint32_t link, uint8_t reason) {
    enum { FAILURE = 0x80 };
    uint64_t *said = a->link_said[link].refusals;
    if (reason < FAILURE || pk_bitset_has(said, PK_AGENT_REFUSALS, reason - FAILURE)) {
        return;
    }
    pk_bitset_set(said, PK_AGENT_REFUSALS, reason - FAILURE);
    pk_agent_log1(a, PK_LOG_ERROR, "the broker refused a message", pk_str_of(pk_mqtt_reason_word(reason)));
}

static void summary_arrived(struct pk_agent *a) {
    a->summary_from_wall_ms = a->summary_said_wall_ms;
    pk_ledger_drop_said(&a->intake.ledger);
}

/* Of several on their way the last one says all that the others do. */
static void summary_answered(struct pk_agent *a, uint32_t link, uint8_t reason) {
    if (link != a->summary_link || a->summary_waiting_count == 0) {
        return;
    }
    if (--a->summary_waiting_count == 0 && reason < 0x80) {
        summary_arrived(a);
    }
}

/* Of what others are shown: asked again with the next connection. */
static void say_refused_asking(struct pk_agent *a, const struct pk_mqtt_event *e) {
    if (e->u.answered.codes[0] >= 0x80) {
        pk_agent_log1(a, PK_LOG_ERROR, "the broker refused a subscription",
                      pk_str_of(pk_mqtt_reason_word(e->u.answered.codes[0])));
    }
}

static void on_mqtt_event(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    switch (e->kind) {
    case PK_MQTT_EV_CONNECTED:
        on_connected(a, link, e);
        return;
    case PK_MQTT_EV_MESSAGE:
        on_message(a, link, e);
        return;
    case PK_MQTT_EV_PUBLISHED:
        say_refused_publication(a, link, e->u.published.reason);
        if (e->u.published.token == TOKEN_BIRTH && e->u.published.reason >= 0x80) {
            a->birth_due_ms[link] = a->now.mono_ms + BIRTH_AGAIN_MS;
        }
        if (e->u.published.token == PK_AGENT_TOKEN_SHOWN) {
            pk_agent_shown_answered(a, link, e->u.published.reason);
        }
        if (e->u.published.token == TOKEN_SUMMARY) {
            summary_answered(a, link, e->u.published.reason);
        }
        if (e->u.published.token > PK_AGENT_TOKEN_UPLOAD) {
            pk_agent_upload_answered(a, e->u.published.token, e->u.published.reason);
        }
        if (e->u.published.token < TOKEN_BIRTH) {
            (void)pk_outbox_answered(&a->outbox, e->u.published.token, e->u.published.reason, a->now.mono_ms);
        }
        return;
    case PK_MQTT_EV_SUBSCRIBED:
        if (e->u.answered.token == PK_AGENT_TOKEN_SHOWN) {
            pk_agent_shown_listens(a, link);
            say_refused_asking(a, e);
        }
        if (e->u.answered.token >= PK_AGENT_TOKEN_MAPS) {
            pk_agent_maps_answered(a, link, e);
        } else if (e->u.answered.token >= PK_AGENT_TOKEN_SUBSCRIBE) {
            pk_agent_subscribe_answered(a, link, e);
        }
        return;
    case PK_MQTT_EV_REFUSED:
    case PK_MQTT_EV_DISCONNECTED:
    case PK_MQTT_EV_ERROR:
    case PK_MQTT_EV_UNSUBSCRIBED:
        return; /* the link ends by itself and keeps the reason */
    }
}

static bool can_take_message(const struct pk_agent *a) {
    return a->remote.step == PK_REMOTE_IDLE && !pk_command_is_busy(&a->gate) && has_ack_room(a);
}

/* What cannot be taken now stays with the client: its window slows the broker down, nothing is lost. */
static bool must_hold(const struct pk_agent *a) {
    return !can_take_message(a) || !pk_intake_has_text_room(&a->intake) ||
           a->intake.count + a->config.maps.count >= PK_LIMIT_INTAKE_EVENTS - 1;
}

/* Connections, answers and the end of a link are heard of whatever waits. */
static void read_link(struct pk_agent *a, uint32_t link) {
    struct pk_link *l = &a->links[link];
    struct pk_mqtt_event e;
    if (l->state == PK_LINK_WAITING && a->now.mono_ms >= l->deadline_ms) {
        prepare_will(a, link);
    }
    if (pk_link_step(l, a->now.mono_ms)) {
        pk_agent_resolve(a, link);
    }
    a->link_has_more[link] = true;
    for (uint32_t i = 0; i < MESSAGES_PER_TICK; i++) {
        const bool is_held = must_hold(a);
        pk_mqtt_hold(&l->mqtt, is_held);
        if (!pk_link_next(l, &e, a->now.mono_ms)) {
            a->link_has_more[link] = is_held && l->mqtt.is_stalled;
            return;
        }
        on_mqtt_event(a, link, &e);
    }
}

bool pk_agent_links_want_turn(const struct pk_agent *a) {
    bool has_more = false;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const enum pk_link_state state = a->links[i].state;
        has_more =
            has_more || (a->link_has_more[i] && (state == PK_LINK_GREETING || state == PK_LINK_ONLINE));
    }
    return has_more && can_take_message(a);
}

/* An epoch that only the store knows of may not be heard of before it is durable: the next start would take
 * it again, and with it the same ids. */
static bool is_epoch_unsure(const struct pk_agent *a) {
    return a->is_epoch_from_store && a->durable_seq == 0;
}

void pk_agent_links_read(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LINKS && !is_epoch_unsure(a); i++) {
        read_link(a, i);
    }
}

/* ---- remote commands ---- */

void pk_agent_remote_end(struct pk_agent *a) {
    if (a->remote.handle != 0) {
        (void)pk_mqtt_ack(&a->links[a->remote.link].mqtt, a->remote.handle, PK_MQTT_SUCCESS);
    }
    pk_command_done(&a->gate);
    a->remote.step = PK_REMOTE_IDLE;
    a->remote.is_staged = false;
    a->remote.store_seq = 0;
    a->remote.handle = 0;
}

static bool is_store_late(const struct pk_agent *a) {
    return a->now.mono_ms - a->remote.since_ms >= PK_AGENT_STORE_WAIT_MS;
}

/* It was carried out, and the store does not take it: true once the answer says that. */
static bool says_unstored(struct pk_agent *a) {
    struct pk_buf b;
    const struct pk_reply_to to = remote_reply_to(a);
    if (!is_store_late(a)) {
        return false;
    }
    pk_buf_init(&b, a->remote.reply, sizeof a->remote.reply);
    pk_reply_error(&b, &to, PK_E_TIMEOUT, "carried out, but the store has not kept it yet");
    a->remote.reply_bytes = b.n;
    a->remote.is_staged = false;
    a->remote.store_seq = 0;
    return true;
}

static void send_remote_reply(struct pk_agent *a) {
    struct pk_agent_remote *r = &a->remote;
    struct pk_link *l = &a->links[r->link];
    struct pk_mqtt_publish m = {.topic = pk_str_of(r->reply_topic),
                                .payload = r->reply,
                                .payload_bytes = r->reply_bytes,
                                .qos = qos_of(l),
                                .may_overtake = true,
                                .payload_is_text = true,
                                .content_type = pk_str_of("application/json"),
                                .has_correlation = r->correlation_bytes > 0,
                                .correlation =
                                    pk_str_make((const char *)r->correlation, r->correlation_bytes)};
    if ((r->is_staged || r->store_seq > a->durable_seq) && !says_unstored(a)) {
        return;
    }
    if (r->reply_topic[0] != '\0') {
        int err = pk_mqtt_publish(&l->mqtt, &m, TOKEN_REPLY);
        if (err == PK_E_FULL) {
            /* Nothing is read while a reply waits, so it must not wait for an acknowledgement; a reply is not
             * sent again anyway. */
            m.qos = 0;
            err = pk_mqtt_publish(&l->mqtt, &m, TOKEN_REPLY);
        }
        if (err == PK_E_FULL) {
            return; /* the socket is full: its own doing ends that */
        }
        if (err < 0) {
            a->counters.replies_lost++;
        }
    }
    pk_agent_remote_end(a);
}

static void execute_remote(struct pk_agent *a) {
    struct pk_buf b;
    struct pk_json_writer w;
    const struct pk_reply_to to = remote_reply_to(a);
    pk_buf_init(&b, a->remote.reply, sizeof a->remote.reply);
    pk_reply_begin(&w, &b, &to, PK_REPLY_RESULT);
    int err = pk_agent_execute(a, &a->gate.request, &w);
    const bool is_changed = err == PK_OK && (pk_cmd_row(a->gate.request.cmd)->flags & PK_CMD_MUTATES) != 0;
    pk_reply_end(&w, &to);
    if (err == PK_OK && b.is_cut) {
        err =
            pk_agent_fail(a, PK_E_TOO_BIG, "the answer is larger than a message of this board; ask for less");
    }
    if (err < 0) {
        pk_buf_init(&b, a->remote.reply, sizeof a->remote.reply);
        pk_reply_error(&b, &to, err, a->why);
    }
    stage_reply(a, &b);
    memcpy(a->remote.answered_jti, a->gate.request.jti, sizeof a->remote.answered_jti);
    /* The answer leaves once what it acknowledges is durable. A refusal acknowledges nothing. */
    a->remote.is_staged = is_changed;
}

/* Checked, its id stored and durable, then carried out: a command is never carried out twice, not even over a
 * crash. */
void pk_agent_remote(struct pk_agent *a) {
    const struct pk_command_time now = pk_agent_command_time(a);
    if (a->gate.is_hub_ack && pk_command_is_busy(&a->gate)) {
        pk_agent_hub_step(a, &now);
        return;
    }
    if (a->remote.step == PK_REMOTE_IDLE && pk_command_is_busy(&a->gate)) {
        const int err = pk_command_step(&a->gate, &a->port->crypto, &now);
        if (err == PK_OK) {
            a->remote.step = PK_REMOTE_STORING;
            a->remote.since_ms = a->now.mono_ms;
            a->remote.is_staged = true; /* pk_agent_journal writes the id into the batch of this tick */
            pk_agent_audit_read(a, &a->gate.request);
        } else if (err != PK_E_AGAIN && err != PK_E_NOT_FOUND) {
            refuse_remote(a, err);
        }
        return;
    }
    if (a->remote.step == PK_REMOTE_STORING && !a->remote.is_staged &&
        a->durable_seq >= a->remote.store_seq) {
        execute_remote(a);
    } else if (a->remote.step == PK_REMOTE_STORING && is_store_late(a)) {
        (void)pk_str_copy_cut(pk_str_of("not carried out: the store does not keep its id"), a->gate.why,
                              sizeof a->gate.why);
        a->remote.is_staged = false;
        a->remote.store_seq = 0;
        refuse_remote(a, PK_E_TIMEOUT);
    }
}

/* ---- what goes ---- */

static int put_incident(struct pk_agent *a, const struct pk_outbox_view *v, struct message *m) {
    const int err = pk_record_incident_unpack(v->record.body, &a->incident);
    if (err < 0) {
        return err;
    }
    pk_agent_correct_incident(a, &a->incident);
    a->incident.is_replayed = a->incident.is_replayed || v->is_backlog;
    const struct pk_incident_view view = {.site = pk_str_of(a->config.site),
                                          .gateway = pk_str_of(a->config.gateway),
                                          .response_team = pk_agent_response_team(a, &a->incident),
                                          .boot = v->boot,
                                          .seq = v->seq};
    pk_incident_json_write(&m->w, m->key, &a->incident, &view);
    return PK_OK;
}

/* An empty message takes back what was retained: nothing is around it. */
static int put_entry(struct pk_agent *a, const struct pk_link *l, const struct pk_outbox_view *v,
                     struct message *message, struct pk_mqtt_publish *out) {
    const bool is_incident = v->record.kind == PK_OUT_INCIDENT;
    struct pk_stamp queued = {
        .boot = v->boot, .mono_ms = v->record.unsure_mono_ms, .wall_ms = v->record.wall_ms};
    pk_agent_correct(a, &queued);
    const struct pk_ce ce = {.kind = is_incident ? PK_CE_INCIDENT : PK_CE_APPROVAL,
                             .boot = v->boot,
                             .seq = v->seq,
                             .site = pk_str_of(a->config.site),
                             .gateway = pk_str_of(a->config.gateway),
                             .wall_ms = queued.wall_ms,
                             .subject = v->record.id};
    if (v->is_clearing) {
        return PK_OK;
    }
    int err = begin_message(a, l, &ce, message);
    if (err == PK_OK && is_incident) {
        err = put_incident(a, v, message);
    } else if (err == PK_OK) {
        pk_jw_raw(&message->w, message->key, v->record.body);
    }
    return err == PK_OK ? end_message(message, out) : err;
}

/* Publishes one outbox entry; again: with the client's knowledge that it was sent before. PK_OK or an error
 * of the client; PK_E_BAD_MSG: no message can be made of it. */
static int publish_entry(struct pk_agent *a, struct pk_link *l, const struct pk_outbox_view *v,
                         bool is_again) {
    char topic[PK_TOPIC_BYTES];
    struct message message;
    const enum pk_topic_kind kind = v->record.kind == PK_OUT_INCIDENT ? PK_TOPIC_INCIDENT : PK_TOPIC_APPROVAL;
    struct pk_mqtt_publish m = {
        .payload = "", .qos = 1, .is_retained = v->is_retained && l->mqtt.limits.has_retain};
    if (topic_of(a, kind, v->record.id, topic, sizeof topic) < 0 || put_entry(a, l, v, &message, &m) < 0) {
        return PK_E_BAD_MSG; /* a stored entry that can never be sent */
    }
    m.topic = pk_str_of(topic);
    return is_again ? pk_mqtt_resend(&l->mqtt, &m, v->token) : pk_mqtt_publish(&l->mqtt, &m, v->token);
}

/* Larger than this broker takes: kept for one that takes it. */
static void not_sendable(struct pk_agent *a, uint32_t link, const struct pk_outbox_view *v, int err) {
    if (err == PK_E_TOO_BIG) {
        say_refused_publication(a, link, PK_MQTT_PACKET_TOO_LARGE);
        pk_outbox_put_by(&a->outbox, v->token, a->now.mono_ms);
    } else {
        pk_agent_log1(a, PK_LOG_ERROR, "an entry can never be sent, dropped and counted", v->record.id);
        pk_outbox_unsendable(&a->outbox, v->token);
    }
}

static void resend(struct pk_agent *a, struct pk_link *l) {
    struct pk_outbox_view v;
    uint64_t token = 0;
    while (pk_mqtt_resend_peek(&l->mqtt, &token)) {
        if (token >= TOKEN_BIRTH || pk_outbox_find(&a->outbox, token, &v) < 0) {
            (void)pk_mqtt_forget(&l->mqtt,
                                 token); /* a birth or reply of an earlier connection: replaced or late */
            continue;
        }
        const int err = publish_entry(a, l, &v, true);
        if (err == PK_E_FULL || err == PK_E_UNSUPPORTED) {
            return;
        }
        if (err < 0) {
            (void)pk_mqtt_forget(&l->mqtt, token);
            not_sendable(a, (uint32_t)(l - a->links), &v, err);
        }
    }
}

bool pk_agent_has_window(const struct pk_link *l) {
    const uint32_t offered = l->mqtt.limits.receive_maximum;
    const uint32_t window = offered < PK_LIMIT_INFLIGHT ? offered : PK_LIMIT_INFLIGHT;
    const uint32_t usable = window > 2 * WINDOW_RESERVE ? window - WINDOW_RESERVE : window;
    return pk_mqtt_inflight_count(&l->mqtt) < usable;
}

static void send_outbox(struct pk_agent *a, struct pk_link *l) {
    struct pk_outbox_view v;
    for (uint32_t i = 0;
         i < SENDS_PER_TICK && pk_agent_has_window(l) && pk_outbox_peek(&a->outbox, a->now.mono_ms, &v);
         i++) {
        const int err = publish_entry(a, l, &v, false);
        if (err == PK_E_UNSUPPORTED) { /* without an acknowledgement nobody knows what arrived: it waits */
            say_refused_publication(a, (uint32_t)(l - a->links), PK_MQTT_QOS_NOT_SUPPORTED);
            return;
        }
        if (err == PK_E_TOO_BIG || err == PK_E_BAD_FIELD || err == PK_E_BAD_MSG) {
            not_sendable(a, (uint32_t)(l - a->links), &v, err);
            continue;
        }
        if (err < 0) {
            return;
        }
        pk_outbox_sent(&a->outbox, v.token);
    }
}

/* On a metered link the next one is far away: when what it says of incidents has changed, it comes soon. */
static void hasten_summary(struct pk_agent *a) {
    const struct pk_summary *said = &a->summary.summary;
    uint32_t by_status[PK_INC_STATUS_COUNT], by_severity[PK_SEV_COUNT];
    const uint64_t soon_ms = a->summary_sent_ms + SUMMARY_APART_MS;
    if (!a->config.is_metered || !pk_agent_budget_counts(a, PK_BROKER_SUMMARY) ||
        a->summary_due_ms <= soon_ms || pk_agent_budget_data_level(a, PK_BROKER_SUMMARY) >= PK_SPEND_TIGHT) {
        return;
    }
    pk_incidents_count(&a->incidents, by_status, by_severity);
    if (memcmp(by_status, said->by_status, sizeof by_status) != 0 ||
        memcmp(by_severity, said->by_severity, sizeof by_severity) != 0) {
        a->summary_due_ms = soon_ms;
    }
}

/* What it says of losses is forgotten when the broker has it: at QoS 0 that is now, as far as one knows. */
static void summary_sent(struct pk_agent *a, uint32_t link, uint8_t qos) {
    a->summary_waiting_count = link == a->summary_link ? a->summary_waiting_count : 0;
    a->summary_link = (uint8_t)link;
    a->summary_said_wall_ms = a->now.wall_ms;
    pk_ledger_said(&a->intake.ledger, a->summary.ledger_count);
    if (qos == 0) {
        summary_arrived(a);
    } else {
        a->summary_waiting_count++;
    }
}

static int publish_summary(struct pk_agent *a, struct pk_link *l) {
    char topic[PK_TOPIC_BYTES];
    struct message message;
    const struct pk_ce ce = envelope(a, PK_CE_SUMMARY);
    struct pk_mqtt_publish m = {.topic = pk_str_of(""), .qos = qos_of(l), .topic_alias = ALIAS_SUMMARY};
    m.may_overtake = m.qos == 0; /* what waits since an earlier connection may never leave on this one */
    int err = topic_of(a, PK_TOPIC_SUMMARY, pk_str_make(NULL, 0), topic, sizeof topic);
    if (err == PK_OK) {
        m.topic = pk_str_of(topic);
        err = begin_message(a, l, &ce, &message);
    }
    if (err == PK_OK) {
        pk_summary_json_write(&message.w, message.key, &a->summary.summary);
        err = end_message(&message, &m);
    }
    if (err < 0) {
        pk_agent_log(a, PK_LOG_ERROR, "the summary does not fit its buffer");
        return err;
    }
    return pk_mqtt_publish(&l->mqtt, &m, TOKEN_SUMMARY);
}

static void send_summary(struct pk_agent *a, struct pk_link *l) {
    hasten_summary(a);
    if (a->now.mono_ms < a->summary_due_ms) {
        return;
    }
    pk_agent_summary(a, &a->summary);
    const int err = publish_summary(a, l);
    if (err == PK_E_FULL || err == PK_E_AGAIN) { /* nothing was said: not for a whole interval */
        a->summary_due_ms = a->now.mono_ms + SUMMARY_AGAIN_MS;
        return;
    }
    a->summary_sent_ms = a->now.mono_ms;
    a->summary_due_ms = a->now.mono_ms + pk_agent_budget_summary_ms(a);
    if (err == PK_OK) {
        summary_sent(a, (uint32_t)(l - a->links), qos_of(l));
    }
}

void pk_agent_links_write(struct pk_agent *a) {
    const uint32_t incidents = pk_agent_link_for(a, PK_BROKER_INCIDENTS);
    const uint32_t summary = pk_agent_link_for(a, PK_BROKER_SUMMARY);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        struct pk_link *l = &a->links[i];
        if (i == incidents && !pk_link_is_online(l)) {
            pk_outbox_online(&a->outbox, false);
        }
        if (pk_link_is_online(l) && !a->is_stopping) {
            give_birth(a, i);
            pk_agent_subscribe_write(a, i);
            resend(a, l);
            if (i == incidents) {
                send_outbox(a, l);
                pk_agent_upload_send(a, i);
            }
            if (i == summary) {
                send_summary(a, l);
            }
            pk_agent_shown_write(a, i);
        }
        if (a->remote.step == PK_REMOTE_REPLYING && a->remote.link == i) {
            send_remote_reply(a);
        }
        pk_link_flush(l, a->now.mono_ms);
        watch_link(a, i);
    }
}

uint64_t pk_agent_links_next_ms(const struct pk_agent *a) {
    uint64_t next = pk_agent_shown_next_ms(a);
    const uint64_t subscribe_ms = pk_agent_subscribe_next_ms(a);
    next = subscribe_ms < next ? subscribe_ms : next;
    for (uint32_t i = 0; i < PK_LINKS && !is_epoch_unsure(a); i++) {
        const uint64_t ms = pk_link_next_ms(&a->links[i]);
        const uint64_t birth_ms = a->birth_due_ms[i];
        if (ms < next) {
            next = ms;
        }
        /* One that is due and was not sent waits for room: the next acknowledgement ticks. */
        if (pk_link_is_online(&a->links[i]) && birth_ms > a->now.mono_ms && birth_ms < next) {
            next = birth_ms;
        }
    }
    const uint64_t upload_ms = pk_agent_upload_next_ms(a);
    return upload_ms < next ? upload_ms : next;
}
