#include "port/port.h"

#include <stddef.h>

/* A forgotten function must be found at start, not when a fault first needs it. */
const char *pk_port_missing(const struct pk_port *port) {
    const struct {
        const char *name;
        bool is_there;
    } slots[] = {
        {"clock.mono_ms", port->clock.mono_ms != NULL},
        {"clock.wall_ms", port->clock.wall_ms != NULL},
        {"entropy.fill", port->entropy.fill != NULL},
        {"crypto.sha256", port->crypto.sha256 != NULL},
        {"crypto.es256_verify", port->crypto.es256_verify != NULL},
        {"crypto.es256_sign", port->crypto.es256_sign != NULL},
        {"crypto.es256_keygen", port->crypto.es256_keygen != NULL},
        {"store.load", port->store.load != NULL},
        {"store.submit", port->store.submit != NULL},
        {"store.durable", port->store.durable != NULL},
        {"store.fetch", port->store.fetch != NULL},
        {"store.fetched", port->store.fetched != NULL},
        {"store.status", port->store.status != NULL},
        {"ipc.send", port->ipc.send != NULL},
        {"ipc.recv", port->ipc.recv != NULL},
        {"source.sample", port->source.sample != NULL},
        {"source.top", port->source.top != NULL},
        {"source.watch", port->source.watch != NULL},
        {"serve.next", port->serve.next != NULL},
        {"serve.recv", port->serve.recv != NULL},
        {"serve.send", port->serve.send != NULL},
        {"serve.close", port->serve.close != NULL},
        {"serve.refused_count", port->serve.refused_count != NULL},
        {"inlet.adopt", port->inlet.adopt != NULL},
        {"inlet.recv", port->inlet.recv != NULL},
        {"inlet.read_at", port->inlet.read_at != NULL},
        {"inlet.look", port->inlet.look != NULL},
        {"inlet.keep", port->inlet.keep != NULL},
        {"inlet.next_file", port->inlet.next_file != NULL},
        {"inlet.close", port->inlet.close != NULL},
        {"inlet.send", port->inlet.send != NULL},
        {"files.read", port->files.read != NULL},
        {"files.list", port->files.list != NULL},
        {"files.replace", port->files.replace != NULL},
        {"files.publish", port->files.publish != NULL},
        {"log.write", port->log.write != NULL},
        {"loop.wait", port->loop.wait != NULL},
    };
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (!slots[i].is_there) {
            return slots[i].name;
        }
    }
    for (size_t i = 0; i < PK_LINKS; i++) {
        const struct pk_port_stream *s = &port->link[i];
        if (s->open == NULL || s->poll == NULL || s->send == NULL || s->recv == NULL || s->close == NULL ||
            s->error_text == NULL || s->resumed_count == NULL || s->carried_bytes == NULL) {
            return i == 0 ? "link[0]" : "link[1]";
        }
    }
    return NULL;
}
