/* A row of what was learned that comes back from the store: it is refused and leaves nothing, or the window
 * lives on with it, and what it became can be kept again. */
#include "detect/pk_learned.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_types types;
static struct pk_sources sources;
static struct pk_textring text;
static struct pk_history history;
static struct pk_engine engine;

static const char RULES[] =
    "[rule x]\non = type = load\ntype = custom\nseverity = low\n"
    "when = any of (value > 3x usual, trend rises to 1000 within 4h over 2h) by source\n"
    "[rule y]\non = type = load\ntype = custom\nseverity = low\nwhen = anomaly\n";

static void start(uint64_t clock_ms) {
    pk_types_init(&types);
    pk_sources_init(&sources);
    pk_textring_init(&text);
    pk_history_init(&history, 0, 0);
    const int heartbeat = pk_types_intern(&types, pk_str_of("heartbeat"));
    const int load = pk_types_intern(&types, pk_str_of("load"));
    PK_ASSERT(heartbeat == 0 && load == 1);
    const struct pk_engine_world world = {&types, &sources, &text, &history, 0, 30000};
    const struct pk_rule_book none = {"", 0, 0};
    const struct pk_rule_file file = {.name = "x.rules", .text = pk_str_make(RULES, sizeof RULES - 1u)};
    struct pk_diag diag;
    pk_engine_init(&engine, &world, 1000);
    const int err = pk_engine_load(&engine, &none, &file, 1, 1000, &diag);
    PK_ASSERT(err == PK_OK);
    pk_engine_set_ahead(&engine, clock_ms);
}

static void live_on(uint16_t source_id) {
    uint64_t now_ms = 1000;
    for (uint32_t i = 0; i < 40; i++) {
        struct pk_finding f;
        struct pk_event e;
        memset(&e, 0, sizeof e);
        e.type_id = 1;
        e.source_id = source_id;
        e.flags = PK_EVENT_HAS_VALUE;
        e.value = (double)(i % 7u) * 1e3;
        e.receive_ms = now_ms;
        e.event_ms = now_ms;
        e.wall_ms = (int64_t)now_ms + 1600000000000;
        pk_engine_event(&engine, &e, now_ms);
        while (pk_engine_next_finding(&engine, &f)) {
        }
        now_ms += 700000;
        pk_engine_tick(&engine, now_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[PK_LEARNED_BYTES];
    struct pk_learned row, again;
    if (pk_learned_read(pk_str_make((const char *)data, size), &row) != PK_OK) {
        return 0;
    }
    for (uint32_t rule = 0; rule < 2; rule++) {
        start(row.clock_ms);
        const int id = row.source.n > 0 ? pk_sources_intern(&sources, row.source) : 0;
        if (id < 0 || pk_learned_take(&engine, rule, &row, (uint16_t)id) != PK_OK) {
            PK_ASSERT(engine.windows.used == 0);
            continue;
        }
        live_on((uint16_t)id);
        const uint32_t n = pk_learned_pack(&engine, 0, 0, bytes);
        const int err = pk_learned_read(pk_str_make((const char *)bytes, n), &again);
        PK_ASSERT(err == PK_OK);
        start(again.clock_ms);
        const int same = pk_sources_intern(&sources, again.source);
        PK_ASSERT(same >= 0 && pk_learned_take(&engine, rule, &again, (uint16_t)same) == PK_OK);
    }
    return 0;
}
