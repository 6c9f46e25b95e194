/* The received half of an MQTT session outlives this process: the ids of QoS 2 messages that caused something
 * are stored with what they caused (ADR 0060). */
#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"
#include "base/pk_hash.h"

/* Ids of a session with another broker, or of another client, say nothing. */
static uint64_t session_of(const struct pk_agent *a, uint32_t link) {
    const struct pk_config_broker *c = &a->config.broker[link];
    const struct pk_str host = pk_str_of(c->host), id = pk_str_of(a->config.gateway);
    return pk_hash64_mix(pk_hash64_mix(pk_hash64(host.p, host.n), c->port), pk_hash64(id.p, id.n));
}

/* ---- into the store ---- */

static bool write_ids(struct pk_agent *a, uint32_t link) {
    struct pk_agent_session *s = &a->sessions[link];
    struct pk_mqtt_client *mqtt = &a->links[link].mqtt;
    struct pk_session_record record = {.session = session_of(a, link)};
    struct pk_record_key key;
    record.count = pk_mqtt_kept(mqtt, record.ids, PK_RECORD_SESSION_IDS);
    PK_ASSERT(record.count <= PK_RECORD_SESSION_IDS);
    pk_record_key_session(&key, (uint8_t)link);
    int err = PK_OK;
    if (record.count > 0) {
        uint8_t bytes[PK_RECORD_SESSION_BYTES];
        const uint32_t n = pk_record_session_pack(&record, bytes, sizeof bytes);
        err = pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                           pk_str_make((const char *)bytes, n));
    } else if (s->is_stored) {
        err = pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key));
    }
    if (err < 0) {
        return false;
    }
    s->is_stored = record.count > 0;
    s->written_turn = pk_mqtt_kept_turn(mqtt);
    return true;
}

void pk_agent_session_keep(struct pk_agent *a) {
    for (uint32_t i = 0; i < a->ack_count; i++) {
        const struct pk_agent_ack *k = &a->acks[(a->ack_head + i) % PK_AGENT_ACKS];
        if (k->store_seq == PK_AGENT_ACK_STAGED && k->handle != 0) {
            (void)pk_mqtt_keep(&a->links[k->link].mqtt, k->handle);
        }
    }
}

void pk_agent_session_journal(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        struct pk_agent_session *s = &a->sessions[i];
        if (s->forget_seq == 0 && pk_mqtt_forget_begin(&a->links[i].mqtt) > 0) {
            s->forget_seq = PK_AGENT_ACK_STAGED;
        }
        if (s->written_turn != pk_mqtt_kept_turn(&a->links[i].mqtt) && !write_ids(a, i)) {
            a->counters.batch_full++;
        }
    }
}

bool pk_agent_session_is_behind(const struct pk_agent *a) {
    bool is_behind = false;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        is_behind = is_behind || a->sessions[i].written_turn != pk_mqtt_kept_turn(&a->links[i].mqtt);
    }
    return is_behind;
}

void pk_agent_session_submitted(struct pk_agent *a, uint64_t seq) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        struct pk_agent_session *s = &a->sessions[i];
        if (s->forget_seq == PK_AGENT_ACK_STAGED && s->written_turn == pk_mqtt_kept_turn(&a->links[i].mqtt)) {
            s->forget_seq = seq;
        }
    }
}

void pk_agent_session_durable(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        struct pk_agent_session *s = &a->sessions[i];
        if (s->forget_seq != 0 && s->forget_seq <= a->durable_seq) {
            pk_mqtt_forget_done(&a->links[i].mqtt);
            s->forget_seq = 0;
        }
    }
}

/* ---- out of it ---- */

static int restore_ids(void *arg, struct pk_str key, struct pk_str value) {
    struct pk_agent *a = arg;
    struct pk_session_record record;
    uint8_t link = 0;
    if (pk_record_key_session_parse(key, &link) < 0) {
        return PK_E_NOT_FOUND; /* the end of these keys */
    }
    if (link >= PK_LINKS) {
        return PK_OK;
    }
    a->sessions[link].is_stored = true;
    if (pk_record_session_unpack(value, &record) < 0) {
        pk_agent_log(a, PK_LOG_ERROR, "the stored MQTT session could not be read; messages may come twice");
        return PK_OK;
    }
    if (record.session != session_of(a, link)) {
        return PK_OK;
    }
    for (uint32_t i = 0; i < record.count; i++) {
        if (pk_mqtt_restore(&a->links[link].mqtt, record.ids[i]) < 0) {
            pk_agent_log(a, PK_LOG_ERROR, "the stored MQTT session does not fit; messages may come twice");
            return PK_OK;
        }
    }
    a->sessions[link].written_turn = pk_mqtt_kept_turn(&a->links[link].mqtt);
    return PK_OK;
}

int pk_agent_session_restore(struct pk_agent *a) {
    struct pk_record_key key;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        pk_agent_session_renew(a, i);
    }
    pk_record_key_session(&key, 0);
    const int err =
        a->port->store.load(a->port->store.ctx, PK_TREE_OBJECTS, pk_record_key_str(&key), restore_ids, a);
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

void pk_agent_session_renew(struct pk_agent *a, uint32_t link) {
    struct pk_agent_session *s = &a->sessions[link];
    s->forget_seq = 0;
    s->written_turn = pk_mqtt_kept_turn(&a->links[link].mqtt) - 1u; /* what is stored is written over */
}
