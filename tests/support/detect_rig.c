#include "support/detect_rig.h"

#include <string.h>

#include "base/pk_hash.h"

enum { START_MS = 1000000, START_WALL_MS = 1700000000 };

int detect_rig_load(struct detect_rig *r, const char *rules) {
    const struct pk_rule_file file = {"test.rules", pk_str_of(rules)};
    return pk_engine_load(&r->engine, NULL, &file, 1, r->now_ms, &r->diag);
}

int detect_rig_init(struct detect_rig *r, const char *rules) {
    pk_types_init(&r->types);
    pk_sources_init(&r->sources);
    pk_textring_init(&r->text);
    pk_history_init(&r->history, 0, 0);
    r->now_ms = START_MS;
    r->number = 0;
    const int heartbeat = pk_types_intern(&r->types, pk_str_of("heartbeat"));
    const struct pk_engine_world world = {&r->types,   &r->sources,         &r->text,
                                          &r->history, (uint16_t)heartbeat, 30000};
    pk_engine_init(&r->engine, &world, r->now_ms);
    return detect_rig_load(r, rules);
}

struct pk_event detect_rig_event(struct detect_rig *r, const char *type, const char *source,
                                 enum pk_severity severity) {
    struct pk_event e;
    memset(&e, 0, sizeof e);
    const int type_id = pk_types_intern(&r->types, pk_str_of(type));
    const int source_id = pk_sources_intern(&r->sources, pk_str_of(source));
    e.type_id = (uint16_t)type_id;
    e.source_id = (uint16_t)source_id;
    e.receive_ms = r->now_ms;
    e.event_ms = r->now_ms;
    e.wall_ms = (int64_t)START_WALL_MS * 1000 + (int64_t)(r->now_ms - START_MS);
    e.severity = (uint8_t)severity;
    e.number = ++r->number;
    return e;
}

struct pk_event detect_rig_value(struct detect_rig *r, const char *type, const char *source, double value) {
    struct pk_event e = detect_rig_event(r, type, source, PK_SEV_INFO);
    e.value = value;
    e.flags |= PK_EVENT_HAS_VALUE;
    return e;
}

static void put_field(struct detect_rig *r, struct pk_event *e, const struct pk_field *f) {
    uint8_t packed[256];
    uint32_t n = e->field_bytes; /* those it has already */
    if (n > 0) {
        memcpy(packed, pk_textring_fields(&r->text, e).p, n);
    }
    if (pk_field_pack(packed, sizeof packed, &n, f) != PK_OK) {
        return;
    }
    e->field_bytes = (uint16_t)n;
    e->text_ref = pk_textring_put(&r->text, pk_str_make(NULL, 0), pk_str_make((const char *)packed, n));
}

void detect_rig_field(struct detect_rig *r, struct pk_event *e, const char *name, const char *value) {
    const struct pk_field f = {PK_FIELD_STRING, pk_str_of(name), pk_str_of(value)};
    put_field(r, e, &f);
}

void detect_rig_correlation(struct detect_rig *r, struct pk_event *e, const char *id) {
    const struct pk_field f = {PK_FIELD_CORRELATION, {NULL, 0}, pk_str_of(id)};
    e->correlation = pk_hash64(id, strlen(id));
    put_field(r, e, &f);
}

void detect_rig_give(struct detect_rig *r, const struct pk_event *e) {
    pk_history_put(&r->history, e);
    pk_engine_event(&r->engine, e, r->now_ms);
}

void detect_rig_wait(struct detect_rig *r, uint64_t ms) {
    const uint64_t until_ms = r->now_ms + ms;
    for (;;) {
        const uint64_t next_ms = pk_engine_next_ms(&r->engine);
        if (next_ms > until_ms) {
            break;
        }
        r->now_ms = next_ms > r->now_ms ? next_ms : r->now_ms;
        pk_engine_tick(&r->engine, r->now_ms);
        if (pk_engine_next_ms(&r->engine) <= r->now_ms) {
            break; /* the findings are full: the test has to read */
        }
    }
    r->now_ms = until_ms;
    pk_engine_tick(&r->engine, r->now_ms);
}

int detect_rig_finding(struct detect_rig *r, struct pk_finding *out) {
    memset(out, 0, sizeof *out);
    return pk_engine_next_finding(&r->engine, out) ? out->kind : -1;
}
