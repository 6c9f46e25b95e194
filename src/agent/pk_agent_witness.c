/* Neighbours on the LAN: what is said to them, what they said, what the summary says of them. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_zero.h"

static int row_of_inlet(const struct pk_agent *a) {
    for (uint32_t i = 0; i < a->config.inlets.count; i++) {
        if (a->config.inlets.rows[i].kind == PK_INLET_WITNESS) {
            return (int)i;
        }
    }
    return PK_E_NOT_FOUND;
}

/* The number holds for the process, over reloads: neighbours know it. */
void pk_agent_witness_apply(struct pk_agent *a) {
    struct pk_agent_witness *t = &a->witness;
    if (t->table.number == 0) {
        uint64_t number = 0;
        if (a->port->entropy.fill(a->port->entropy.ctx, &number, sizeof number) != PK_OK || number == 0) {
            number = 1; /* without entropy what was recorded earlier may count; the key still holds */
        }
        pk_witness_init(&t->table, &a->port->crypto, pk_str_of(a->config.site), pk_str_of(a->config.gateway),
                        a->now.boot, number);
        t->hub_lost_ms = a->now.mono_ms;
    }
    t->due_ms = a->now.mono_ms;
    if (row_of_inlet(a) < 0 || a->config.witness_key_file[0] == '\0') {
        (void)!pk_witness_set_key(&t->table, pk_str_make(NULL, 0)); /* empty: none */
        return;
    }
    const int n =
        a->port->files.read(a->port->files.ctx, a->config.witness_key_file, a->payload, sizeof a->payload);
    const struct pk_str line = pk_str_trim(pk_str_make(a->payload, n > 0 ? (size_t)n : 0));
    if (n < 0 || pk_witness_set_key(&t->table, line) < 0) {
        pk_agent_log1(a, PK_LOG_ERROR,
                      n < 0 ? "[witness] key_file cannot be read"
                            : "[witness] key_file is not a line of 32 to 128 hexadecimal digits",
                      pk_str_of(a->config.witness_key_file));
    }
    pk_zero(a->payload, sizeof a->payload);
}

static void tell(struct pk_agent *a, uint32_t slot) {
    uint8_t datagram[PK_WITNESS_BYTES_MAX];
    struct pk_agent_witness *t = &a->witness;
    const uint64_t lost_s = (a->now.mono_ms - t->hub_lost_ms) / 1000u;
    const uint32_t n = pk_witness_make(
        &t->table, t->has_hub, lost_s < UINT32_MAX ? (uint32_t)lost_s : UINT32_MAX, a->now.mono_ms, datagram);
    struct pk_str rest = pk_str_of(a->config.witness_peers), piece;
    while (n > 0 && pk_str_split(&rest, ',', &piece)) {
        char address[PK_ADDRESS_BYTES];
        const struct pk_port_inlet *p = &a->port->inlet;
        if (pk_str_copy(pk_str_trim(piece), address, sizeof address) < 0 ||
            p->send(p->ctx, slot, address, a->config.inlets.rows[slot].port, datagram, n) < 0) {
            t->unsent_count++; /* the network is not there: the next one is soon */
        }
    }
}

void pk_agent_witness(struct pk_agent *a) {
    struct pk_agent_witness *t = &a->witness;
    const int slot = row_of_inlet(a);
    const uint32_t hub = pk_agent_link_for(a, PK_BROKER_INCIDENTS);
    const bool has_hub = hub < PK_LINKS && pk_link_is_online(&a->links[hub]);
    if (t->has_hub && !has_hub) {
        t->hub_lost_ms = a->now.mono_ms;
    }
    t->has_hub = has_hub;
    if (slot < 0 || !a->inlets.rows[slot].is_open || a->now.mono_ms < t->due_ms) {
        return;
    }
    t->due_ms = a->now.mono_ms + a->config.witness_ms;
    tell(a, (uint32_t)slot);
}

const char *pk_agent_witness_take(struct pk_agent *a, struct pk_str datagram) {
    switch (pk_witness_take(&a->witness.table, datagram, a->now.mono_ms)) {
    case PK_OK:
    case PK_E_AGAIN:
        return NULL;
    case PK_E_BAD_SIGNATURE:
        return "made with another key, or changed on the way";
    case PK_E_WRONG_AUDIENCE:
        return "of another site";
    case PK_E_CONFLICT:
        return "of another gateway with our name";
    case PK_E_REPLAYED:
        return "recorded earlier";
    case PK_E_FULL:
        return "of one neighbour too many";
    default:
        return "not a neighbour's datagram";
    }
}

uint32_t pk_agent_witness_list(const struct pk_agent *a,
                               struct pk_summary_neighbour out[PK_LIMIT_NEIGHBOURS]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_NEIGHBOURS; i++) {
        const struct pk_neighbour *n = &a->witness.table.rows[i];
        const uint64_t ago_ms = a->now.mono_ms - n->seen_ms;
        if (n->seen_ms != 0 && ago_ms <= PK_WITNESS_FORGET_MS) {
            out[count++] = (struct pk_summary_neighbour){.gateway = pk_str_of(n->gateway),
                                                         .seen_s = (uint32_t)(ago_ms / 1000u),
                                                         .has_hub = n->has_hub,
                                                         .hubless_s = n->hubless_s};
        }
    }
    return count;
}

uint64_t pk_agent_witness_next_ms(const struct pk_agent *a) {
    const int slot = row_of_inlet(a);
    return slot >= 0 && a->inlets.rows[slot].is_open ? a->witness.due_ms : UINT64_MAX;
}
