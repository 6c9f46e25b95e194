/* Capsules to the hub (WIRE capsule/{id}/{n}): chunks of whole lines at QoS 1, one at a time. What the broker
 * has is in the store, so that neither a lost connection nor a new start sends it again. */
#include <string.h>

#include "agent/pk_agent_priv.h"

enum {
    REFUSALS_MAX = 10,
    REFUSED_AGAIN_MS = 30000,
    PROPERTIES = 5, /* total, n, offset, bytes, sha256 */
    NUMBER_BYTES = 12
};

static void set_state(struct pk_capsule *c, enum pk_capsule_upload state) {
    c->upload = (uint8_t)state;
    c->is_unsaved = true;
}

/* ---- wanted ---- */

void pk_agent_upload_whole(struct pk_agent *a, struct pk_capsule *c) {
    const struct pk_incident *i = pk_incidents_get(&a->incidents, c->number);
    const bool is_severe = i != NULL && a->config.capsule_upload != PK_CONFIG_UPLOAD_NO &&
                           i->severity >= a->config.capsule_upload;
    const bool is_dear = a->config.is_metered && pk_agent_budget_counts(a, PK_BROKER_INCIDENTS);
    if (is_severe && !is_dear && pk_agent_budget_data_level(a, PK_BROKER_INCIDENTS) == PK_SPEND_FREE &&
        c->upload == PK_CAPSULE_KEPT) {
        set_state(c, PK_CAPSULE_WANTED);
    }
}

/* What a stop cut off does not grow any more: the hub gets what there is. */
void pk_agent_upload_restored(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        if (a->capsules.rows[i].number != 0) {
            pk_agent_upload_whole(a, &a->capsules.rows[i]);
        }
    }
}

void pk_agent_upload_evicted(struct pk_agent *a, const struct pk_capsule *c) {
    struct pk_agent_upload *u = &a->upload;
    u->evicted_count += c->upload == PK_CAPSULE_WANTED ? 1u : 0u;
    if (u->current == c) {
        u->current = NULL;
        u->is_inflight = false;
    }
}

/* The oldest that is wanted and does not grow any more. */
static struct pk_capsule *next_wanted(struct pk_agent *a) {
    struct pk_capsule *found = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        struct pk_capsule *c = &a->capsules.rows[i];
        if (c->number != 0 && c->upload == PK_CAPSULE_WANTED && c != a->capsule.current &&
            (found == NULL || c->turn < found->turn)) {
            found = c;
        }
    }
    return found;
}

static void begin(struct pk_agent *a, struct pk_capsule *c) {
    struct pk_agent_upload *u = &a->upload;
    const struct pk_str text = pk_capsule_text(c);
    u->current = c;
    u->is_inflight = false;
    u->refusal_count = 0;
    u->chunk_count = pk_capsule_chunk_count(c);
    u->resumed_count += c->acked_count > 0 ? 1u : 0u;
    a->port->crypto.sha256(a->port->crypto.ctx, &text, 1, u->hash);
}

/* ---- on its way ---- */

static struct pk_str number_text(char *out, uint64_t number) {
    struct pk_buf b;
    pk_buf_init(&b, out, NUMBER_BYTES);
    pk_buf_put_u64(&b, number);
    return pk_buf_str(&b);
}

/* Name of the incident, from the head of the capsule: the record may be gone. Empty: there is none. */
static struct pk_str incident_of(const struct pk_capsule *c) {
    static const char HEAD[] = "{\"part\":\"head\",\"incident_id\":\"";
    const struct pk_str text = pk_capsule_text(c);
    if (!pk_str_starts(text, HEAD)) {
        return pk_str_make(NULL, 0);
    }
    struct pk_str rest = pk_str_make(text.p + sizeof HEAD - 1, text.n - (sizeof HEAD - 1)), id;
    return pk_str_split(&rest, '"', &id) ? id : pk_str_make(NULL, 0);
}

static int build_topic(struct pk_agent *a, const struct pk_capsule *c, char topic[PK_TOPIC_BYTES]) {
    char n[NUMBER_BYTES];
    struct pk_buf b;
    const struct pk_topic t = {.kind = PK_TOPIC_CAPSULE,
                               .site = pk_str_of(a->config.site),
                               .gateway = pk_str_of(a->config.gateway),
                               .a = incident_of(c),
                               .b = number_text(n, c->acked_count)};
    pk_buf_init(&b, topic, PK_TOPIC_BYTES);
    return pk_topic_build(&b, &t);
}

static int publish(struct pk_agent *a, struct pk_link *l, struct pk_str chunk) {
    struct pk_agent_upload *u = &a->upload;
    const struct pk_capsule *c = u->current;
    char topic[PK_TOPIC_BYTES], hash[2 * PK_SHA256_BYTES + 1], numbers[PROPERTIES - 1][NUMBER_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, hash, sizeof hash);
    pk_buf_put_hex(&b, u->hash, sizeof u->hash);
    const struct pk_mqtt_user_property user[PROPERTIES] = {
        {pk_str_of("total"), number_text(numbers[0], u->chunk_count)},
        {pk_str_of("n"), number_text(numbers[1], c->acked_count)},
        {pk_str_of("offset"), number_text(numbers[2], (uint64_t)(chunk.p - c->text))},
        {pk_str_of("bytes"), number_text(numbers[3], pk_capsule_text(c).n)},
        {pk_str_of("sha256"), pk_buf_str(&b)}};
    const int err = build_topic(a, c, topic);
    if (err < 0) {
        return err;
    }
    const struct pk_mqtt_publish m = {.topic = pk_str_of(topic),
                                      .payload = chunk.p,
                                      .payload_bytes = (uint32_t)chunk.n,
                                      .qos = 1,
                                      .payload_is_text = true,
                                      .content_type = pk_str_of("application/x-ndjson"),
                                      .user = user,
                                      .user_count = PROPERTIES};
    return pk_mqtt_publish(&l->mqtt, &m, PK_AGENT_TOKEN_UPLOAD + u->turn + 1u);
}

static void end(struct pk_agent *a, enum pk_capsule_upload state) {
    struct pk_agent_upload *u = &a->upload;
    set_state(u->current, state);
    u->done_count += state == PK_CAPSULE_SENT ? 1u : 0u;
    u->refused_count += state == PK_CAPSULE_REFUSED ? 1u : 0u;
    u->current = NULL;
    u->is_inflight = false;
    if (state == PK_CAPSULE_REFUSED) {
        pk_agent_log(a, PK_LOG_ERROR, "the broker does not take a capsule; it stays here");
    }
}

void pk_agent_upload_send(struct pk_agent *a, uint32_t link) {
    struct pk_agent_upload *u = &a->upload;
    struct pk_link *l = &a->links[link];
    struct pk_outbox_view waiting;
    struct pk_capsule *wanted = u->current == NULL ? next_wanted(a) : NULL;
    if (pk_link_is_311(l)) {
        return; /* number, place and hash of a chunk are properties: it stays wanted */
    }
    if (wanted != NULL) {
        begin(a, wanted);
    }
    if (u->current == NULL || u->is_inflight || a->now.mono_ms < u->due_ms || !pk_agent_has_window(l) ||
        pk_agent_budget_data_level(a, PK_BROKER_INCIDENTS) >= PK_SPEND_TIGHT ||
        pk_outbox_peek(&a->outbox, a->now.mono_ms, &waiting)) {
        return; /* incidents and approvals go first, and what is left of the month is theirs */
    }
    const struct pk_str chunk = pk_capsule_nth_chunk(u->current, u->current->acked_count);
    if (chunk.n == 0) {
        end(a, PK_CAPSULE_SENT); /* it has no lines, or the last chunk was acknowledged before the stop */
        return;
    }
    const int err = publish(a, l, chunk);
    if (err == PK_OK) {
        u->turn++;
        u->is_inflight = true;
        u->sent_chunks++;
        u->due_ms = a->now.mono_ms + (uint64_t)chunk.n * 1000u / a->config.capsule_rate;
    } else if (err == PK_E_TOO_BIG || err == PK_E_BAD_FIELD || err == PK_E_UNSUPPORTED) {
        end(a, PK_CAPSULE_REFUSED);
    }
}

void pk_agent_upload_connected(struct pk_agent *a, uint32_t link) {
    struct pk_agent_upload *u = &a->upload;
    if (link != pk_agent_link_for(a, PK_BROKER_INCIDENTS) || u->current == NULL) {
        return;
    }
    (void)pk_mqtt_forget(&a->links[link].mqtt, PK_AGENT_TOKEN_UPLOAD + u->turn);
    u->resumed_count += u->current->acked_count > 0 ? 1u : 0u;
    u->is_inflight = false;
    u->due_ms = a->now.mono_ms;
}

void pk_agent_upload_answered(struct pk_agent *a, uint64_t token, uint8_t reason) {
    struct pk_agent_upload *u = &a->upload;
    if (!u->is_inflight || token != PK_AGENT_TOKEN_UPLOAD + u->turn) {
        return; /* of one that made room meanwhile */
    }
    u->is_inflight = false;
    if (reason >= 0x80) {
        u->due_ms = a->now.mono_ms + REFUSED_AGAIN_MS;
        if (++u->refusal_count == REFUSALS_MAX) {
            end(a, PK_CAPSULE_REFUSED);
        }
        return;
    }
    u->refusal_count = 0;
    u->acked_chunks++;
    u->current->acked_count++;
    u->current->is_unsaved = true;
    if (u->current->acked_count == u->chunk_count) {
        end(a, PK_CAPSULE_SENT);
    }
}

/* Without a link nothing is due: connecting ticks, and so do an answer and room in the client. */
uint64_t pk_agent_upload_next_ms(const struct pk_agent *a) {
    const uint32_t link = pk_agent_link_for(a, PK_BROKER_INCIDENTS);
    const struct pk_agent_upload *u = &a->upload;
    const bool waits_for_time = link < PK_LINKS && pk_link_is_online(&a->links[link]) && u->current != NULL &&
                                !pk_link_is_311(&a->links[link]) && !u->is_inflight &&
                                u->due_ms > a->now.mono_ms;
    return waits_for_time ? u->due_ms : UINT64_MAX;
}

/* ---- asked ---- */

static bool has_wanted(const struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        if (a->capsules.rows[i].number != 0 && a->capsules.rows[i].upload == PK_CAPSULE_WANTED) {
            return true;
        }
    }
    return false;
}

void pk_agent_upload_status(const struct pk_agent *a, struct pk_json_writer *w) {
    const struct pk_agent_upload *u = &a->upload;
    const uint32_t link = pk_agent_link_for(a, PK_BROKER_INCIDENTS);
    pk_jw_object(w, "capsules");
    pk_jw_u64(w, "evicted", a->capsules.evicted_count);
    pk_jw_u64(w, "missed", a->capsule.missed_count);
    pk_jw_u64(w, "damaged", a->capsule.damaged_count);
    pk_jw_u64(w, "uploaded", u->done_count);
    pk_jw_u64(w, "upload_refused", u->refused_count);
    pk_jw_u64(w, "upload_resumed", u->resumed_count);
    pk_jw_u64(w, "evicted_before_upload", u->evicted_count);
    pk_jw_u64(w, "chunks_sent", u->sent_chunks);
    pk_jw_u64(w, "chunks_acked", u->acked_chunks);
    pk_jw_bool(w, "needs_mqtt_5", link < PK_LINKS && pk_link_is_311(&a->links[link]) && has_wanted(a));
    pk_jw_object_end(w);
}

int pk_agent_upload_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_incident *i = NULL;
    if (pk_incidents_find(&a->incidents, pk_args_text(&q->args, "incident_id"), &i) < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such incident here");
    }
    struct pk_capsule *c = pk_capsules_find(&a->capsules, i->number);
    if (c == NULL) {
        return pk_agent_fail(a, PK_E_NOT_FOUND,
                             "the incident has no capsule, or it made room for a newer one");
    }
    if (pk_agent_link_for(a, PK_BROKER_INCIDENTS) == PK_LINKS) {
        return pk_agent_fail(a, PK_E_UNSUPPORTED, "no broker has the role incidents");
    }
    if (pk_link_is_311(&a->links[pk_agent_link_for(a, PK_BROKER_INCIDENTS)])) {
        return pk_agent_fail(a, PK_E_UNSUPPORTED, "needs MQTT 5, and this broker is spoken to with 3.1.1");
    }
    if (c->upload != PK_CAPSULE_WANTED) {
        c->acked_count = 0; /* asked for once more: all of it */
        set_state(c, PK_CAPSULE_WANTED);
    }
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "incident_id", i->id);
    pk_jw_cstr(w, "upload", pk_capsule_upload_word((enum pk_capsule_upload)c->upload));
    pk_jw_bool(w, "whole", c->is_done);
    pk_jw_u64(w, "acked_chunks", c->acked_count);
    pk_jw_u64(w, "chunks", pk_capsule_chunk_count(c));
    pk_jw_u64(w, "bytes", pk_capsule_text(c).n);
    pk_jw_object_end(w);
    return PK_OK;
}
