/* Rule files: a file is taken or refused with a place inside it, never anything else; what is taken runs. */
#include "detect/pk_engine.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_types types;
static struct pk_sources sources;
static struct pk_textring text;
static struct pk_history history;
static struct pk_engine engine;

static void start(void) {
    pk_types_init(&types);
    pk_sources_init(&sources);
    pk_textring_init(&text);
    pk_history_init(&history, 0, 0);
    const int heartbeat = pk_types_intern(&types, pk_str_of("heartbeat"));
    PK_ASSERT(heartbeat == 0);
    const struct pk_engine_world world = {&types, &sources, &text, &history, 0, 30000};
    pk_engine_init(&engine, &world, 1000);
}

/* A few events of each severity and of the types a corpus speaks of, while time goes on. */
static void drive(void) {
    static const char *const TYPES[] = {"heartbeat", "t", "cpu_pct", "api_error"};
    static const char *const SOURCES[] = {"a", "b", "api", "web"};
    uint64_t now_ms = 1000;
    struct pk_finding f;
    for (uint32_t i = 0; i < 200; i++) {
        struct pk_event e;
        memset(&e, 0, sizeof e);
        const int type = pk_types_intern(&types, pk_str_of(TYPES[i % 4u]));
        const int source = pk_sources_intern(&sources, pk_str_of(SOURCES[i / 4u % 4u]));
        PK_ASSERT(type >= 0 && source >= 0);
        e.type_id = (uint16_t)type;
        e.source_id = (uint16_t)source;
        e.severity = (uint8_t)(i % PK_SEV_COUNT);
        e.value = (double)(i % 100u);
        e.flags = (uint8_t)(i % 7u == 0 ? PK_EVENT_REPLAYED | PK_EVENT_HAS_VALUE : PK_EVENT_HAS_VALUE);
        e.number = i + 1u;
        now_ms += i % 50u == 0 ? 60000u : 100u;
        e.receive_ms = now_ms;
        e.event_ms = now_ms;
        e.wall_ms = (int64_t)now_ms + 1700000000000;
        pk_history_put(&history, &e);
        pk_engine_event(&engine, &e, now_ms);
        while (pk_engine_next_finding(&engine, &f)) {
            PK_ASSERT(f.rule_index < pk_engine_rule_count(&engine));
            PK_ASSERT(f.event_number_count <= PK_FINDING_EVENTS &&
                      f.component_count <= PK_FINDING_COMPONENTS);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char out[8192];
    static struct pk_rule_ids ids;
    struct pk_diag diag;
    struct pk_rule_price price;
    struct pk_buf b;
    const struct pk_rule_file file = {"fuzz.rules", pk_str_make((const char *)data, size)};
    memset(&diag, 0, sizeof diag);
    pk_buf_init(&b, out, sizeof out);
    const int checked = pk_ruleset_check(NULL, &file, 1, &ids, &b, &price, &diag);
    start();
    const int loaded = pk_engine_load(&engine, NULL, &file, 1, 1000, &diag);
    PK_ASSERT(checked == loaded);
    if (loaded != PK_OK) {
        PK_ASSERT(loaded == PK_E_CONFIG && diag.line > 0 && diag.message[0] != '\0');
        return 0;
    }
    PK_ASSERT(price.rules == pk_engine_rule_count(&engine));
    drive();
    for (uint32_t i = 0; i < pk_engine_rule_count(&engine); i++) {
        pk_buf_init(&b, out, sizeof out);
        pk_engine_explain(&engine, i, 100000, &b);
    }
    /* Loading the same again keeps everything; loading nothing gives everything back. */
    const uint32_t used = engine.windows.used;
    PK_ASSERT(pk_engine_load(&engine, NULL, &file, 1, 1000, &diag) == PK_OK);
    PK_ASSERT(engine.windows.used == used);
    PK_ASSERT(pk_engine_load(&engine, NULL, NULL, 0, 1000, &diag) == PK_OK);
    PK_ASSERT(engine.windows.used == 0 && engine.windows.times_used == 0 && engine.active_count == 0);
    return 0;
}
