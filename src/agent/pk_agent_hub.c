/* With hub_ack: the hub's signed word of what it has (src/decisions/0095-the-hubs-own-word.md). It goes
 * through the gate of the commands, one at a time, but is answered by nothing and kept nowhere: heard twice
 * it changes nothing. */
#include "agent/pk_agent_priv.h"

void pk_agent_hub_configure(struct pk_agent *a) {
    const uint32_t link = pk_agent_link_for(a, PK_BROKER_INCIDENTS);
    pk_outbox_hub(&a->outbox, link < PK_LINKS && a->config.broker[link].is_hub_acked);
}

static void refuse(struct pk_agent *a, int err) {
    pk_agent_audit_refusal(a, err);
    pk_agent_remote_end(a);
}

void pk_agent_hub_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    const struct pk_command_input in = {
        .name = pk_str_of("ack"),
        .text = pk_str_make((const char *)e->u.message.payload, e->u.message.payload_bytes),
        .link = (uint8_t)link,
        .is_retained = e->u.message.is_retained,
        .is_hub_ack = true};
    const struct pk_command_time now = pk_agent_command_time(a);
    a->remote.link = (uint8_t)link;
    a->remote.handle = e->u.message.handle;
    const int err = pk_command_take(&a->gate, &in, &now);
    if (err < 0) {
        refuse(a, err);
    }
}

static void hear(struct pk_agent *a) {
    struct pk_hub_ack ack;
    const int err = pk_hub_ack_parse(a->gate.request.claims.args, &ack);
    if (err < 0) {
        (void)pk_str_copy_cut(pk_str_of("args are not {boot, ranges}"), a->gate.why, sizeof a->gate.why);
        a->gate.counters.hub_ack_refused_count++;
        refuse(a, err);
        return;
    }
    a->gate.counters.hub_ack_count++;
    a->remote.step = PK_REMOTE_HEARING;
    a->remote.since_ms = a->now.mono_ms;
    pk_outbox_heard(&a->outbox, &ack, a->now.mono_ms);
}

void pk_agent_hub_step(struct pk_agent *a, const struct pk_command_time *now) {
    if (a->remote.step == PK_REMOTE_HEARING) {
        if (a->now.mono_ms - a->remote.since_ms >= PK_AGENT_STORE_WAIT_MS) {
            pk_outbox_stop_hearing(&a->outbox); /* nothing else is read from the brokers meanwhile */
        }
        if (!pk_outbox_is_hearing(&a->outbox)) {
            pk_agent_remote_end(a);
        }
        return;
    }
    const int err = pk_command_step(&a->gate, &a->port->crypto, now);
    if (err == PK_OK) {
        hear(a);
    } else if (err != PK_E_AGAIN && err != PK_E_NOT_FOUND) {
        refuse(a, err);
    }
}

bool pk_agent_hub_wants_turn(const struct pk_agent *a) {
    return a->remote.step == PK_REMOTE_HEARING && !pk_outbox_is_hearing(&a->outbox);
}

void pk_agent_hub_put(const struct pk_agent *a, struct pk_json_writer *w) {
    if (!a->outbox.is_hub_acked) {
        return;
    }
    pk_jw_object(w, "hub_ack");
    pk_jw_u64(w, "waiting", pk_outbox_unheard_count(&a->outbox));
    pk_jw_u64(w, "sent_again", a->outbox.counters.resent_count);
    pk_jw_u64(w, "taken", a->gate.counters.hub_ack_count);
    pk_jw_u64(w, "refused", a->gate.counters.hub_ack_refused_count);
    pk_jw_object_end(w);
}
