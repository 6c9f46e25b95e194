#include "incident/pk_cause.h"

#include "base/pk_assert.h"

#define T(x) (1u << PK_INC_TYPE_##x)
_Static_assert(PK_INC_TYPE_COUNT <= 32, "a set of types is one word");

/* What sees that something it needs does not work. */
#define FAILS (T(ERROR_BURST) | T(SERVICE_DOWN) | T(WORKFLOW_FAILURE_SPIKE) | T(QUALITY_DROP))
#define SLOW (T(PERFORMANCE_DEGRADATION) | T(QUEUE_BACKLOG) | T(THROUGHPUT_LOW))

/* The first row that fits counts: the narrower ones stand above. */
static const struct pk_cause_pattern PATTERNS[] = {
    {"a full disk stops the database", T(DISK_SPACE_LOW), T(DATABASE_CONNECTION_FAIL), PK_CAUSE_HOST},
    {"a full disk spoils what is being written", T(DISK_SPACE_LOW), T(DATA_CORRUPTION), PK_CAUSE_HOST},
    {"a full disk fails whatever has to write", T(DISK_SPACE_LOW),
     FAILS | T(QUEUE_BACKLOG) | T(CACHE_FAILURE) | T(CRASH_LOOP) | T(DEPLOYMENT_FAILURE), PK_CAUSE_HOST},
    {"bad storage takes the database with it", T(DATA_CORRUPTION), T(DATABASE_CONNECTION_FAIL) | FAILS,
     PK_CAUSE_HOST},
    {"without the uplink the broker and what is behind it are not reached", T(NETWORK_PARTITION),
     T(SERVICE_DOWN) | T(QUEUE_BACKLOG) | T(API_RATE_LIMIT), PK_CAUSE_HOST},
    {"without the network devices fall silent", T(NETWORK_PARTITION),
     T(HEARTBEAT_LOST) | T(ERROR_BURST) | T(DATABASE_CONNECTION_FAIL) | SLOW, PK_CAUSE_HOST},
    {"without their broker devices fall silent", T(SERVICE_DOWN), T(HEARTBEAT_LOST), PK_CAUSE_NEAR},
    {"what leaks ends in memory exhaustion", T(RESOURCE_LEAK), T(MEMORY_EXHAUSTION), PK_CAUSE_HOST},
    {"what runs out of memory is killed and started again", T(MEMORY_EXHAUSTION) | T(RESOURCE_LEAK),
     T(CRASH_LOOP) | T(SERVICE_DOWN) | T(UNEXPECTED_RESTART) | T(HEARTBEAT_LOST), PK_CAUSE_HOST},
    {"with no memory left everything is slow", T(MEMORY_EXHAUSTION), SLOW | T(CPU_HIGH) | T(ERROR_BURST),
     PK_CAUSE_HOST},
    {"a busy processor makes everything slow", T(CPU_HIGH) | T(GPU_HIGH), SLOW | T(HEARTBEAT_LOST),
     PK_CAUSE_HOST},
    {"with the cache gone the database has all the load", T(CACHE_FAILURE),
     T(DATABASE_CONNECTION_FAIL) | SLOW | T(CPU_HIGH), PK_CAUSE_NEAR},
    {"what needs the database fails with it", T(DATABASE_CONNECTION_FAIL), FAILS | SLOW | T(CRASH_LOOP),
     PK_CAUSE_NEAR},
    {"a lock that is never let go holds up the rest", T(DEADLOCK_DETECTED),
     SLOW | FAILS | T(DATABASE_CONNECTION_FAIL), PK_CAUSE_NEAR},
    {"a certificate that ran out closes connections", T(CERTIFICATE_EXPIRATION),
     FAILS | T(NETWORK_PARTITION) | T(DATABASE_CONNECTION_FAIL) | T(HEARTBEAT_LOST), PK_CAUSE_NEAR},
    {"a failed update does not come up again", T(DEPLOYMENT_FAILURE),
     T(CRASH_LOOP) | FAILS | T(PERFORMANCE_DEGRADATION) | T(HEARTBEAT_LOST), PK_CAUSE_NEAR},
    {"an intruder's work takes the machine", T(SECURITY_BREACH),
     T(CPU_HIGH) | T(DATA_CORRUPTION) | T(API_RATE_LIMIT) | T(SERVICE_DOWN) | T(NETWORK_PARTITION),
     PK_CAUSE_HOST},
    {"a machine that restarts silences what runs on it", T(UNEXPECTED_RESTART),
     T(HEARTBEAT_LOST) | T(SERVICE_DOWN) | T(ERROR_BURST), PK_CAUSE_HOST},
    {"what keeps crashing does not answer", T(CRASH_LOOP), FAILS | T(HEARTBEAT_LOST) | T(QUEUE_BACKLOG),
     PK_CAUSE_NEAR},
    {"refused calls fail the work behind them", T(API_RATE_LIMIT),
     T(WORKFLOW_FAILURE_SPIKE) | T(ERROR_BURST) | T(QUEUE_BACKLOG), PK_CAUSE_NEAR},
    {"a queue that grows fills the memory", T(QUEUE_BACKLOG), T(MEMORY_EXHAUSTION) | T(DISK_SPACE_LOW),
     PK_CAUSE_HOST},
    {"slow work piles up", T(PERFORMANCE_DEGRADATION), T(QUEUE_BACKLOG) | T(THROUGHPUT_LOW), PK_CAUSE_NEAR},
    {"what needs a service that is down fails", T(SERVICE_DOWN),
     T(ERROR_BURST) | T(WORKFLOW_FAILURE_SPIKE) | T(DATABASE_CONNECTION_FAIL) | T(CACHE_FAILURE) | SLOW,
     PK_CAUSE_NEAR},
};
#undef T
#undef FAILS
#undef SLOW

const struct pk_cause_pattern *pk_cause_patterns(uint32_t *out_count) {
    *out_count = (uint32_t)PK_COUNT_OF(PATTERNS);
    return PATTERNS;
}

uint8_t pk_cause_pattern_find(uint8_t cause_type, uint8_t effect_type) {
    PK_ASSERT(cause_type < PK_INC_TYPE_COUNT && effect_type < PK_INC_TYPE_COUNT);
    for (uint8_t i = 0; i < PK_COUNT_OF(PATTERNS); i++) {
        if ((PATTERNS[i].causes >> cause_type & 1u) != 0 && (PATTERNS[i].effects >> effect_type & 1u) != 0) {
            return (uint8_t)(i + 1u);
        }
    }
    return 0;
}

uint32_t pk_cause_types_before(uint8_t effect_type) {
    uint32_t types = 0;
    for (uint8_t i = 0; i < PK_COUNT_OF(PATTERNS); i++) {
        types |= (PATTERNS[i].effects >> effect_type & 1u) != 0 ? PATTERNS[i].causes : 0;
    }
    return types;
}

uint32_t pk_cause_types_after(uint8_t cause_type) {
    uint32_t types = 0;
    for (uint8_t i = 0; i < PK_COUNT_OF(PATTERNS); i++) {
        types |= (PATTERNS[i].causes >> cause_type & 1u) != 0 ? PATTERNS[i].effects : 0;
    }
    return types;
}

static const struct {
    const char *type;
    uint8_t kind;
} CHANGES[] = {
    {"deployment", PK_CHANGE_DEPLOYMENT},
    {"deployed", PK_CHANGE_DEPLOYMENT},
    {"deploy", PK_CHANGE_DEPLOYMENT},
    {"release", PK_CHANGE_DEPLOYMENT},
    {"update_installed", PK_CHANGE_DEPLOYMENT},
    {"ota_update", PK_CHANGE_DEPLOYMENT},
    {"config_changed", PK_CHANGE_CONFIGURATION},
    {"config_change", PK_CHANGE_CONFIGURATION},
    {"config_reloaded", PK_CHANGE_CONFIGURATION},
    {"package_installed", PK_CHANGE_PACKAGE},
    {"package_upgraded", PK_CHANGE_PACKAGE},
    {"package_removed", PK_CHANGE_PACKAGE},
    {"reboot", PK_CHANGE_REBOOT},
    {"rebooted", PK_CHANGE_REBOOT},
};

const char *pk_change_kind_word(uint8_t kind) {
    static const char *const WORDS[PK_CHANGE_KIND_COUNT] = {[PK_CHANGE_DEPLOYMENT] = "deployment",
                                                            [PK_CHANGE_CONFIGURATION] =
                                                                "configuration change",
                                                            [PK_CHANGE_PACKAGE] = "package change",
                                                            [PK_CHANGE_REBOOT] = "restart of the machine"};
    return kind < PK_CHANGE_KIND_COUNT ? WORDS[kind] : "unknown";
}

int pk_change_kind_of(struct pk_str event_type, uint8_t *out_kind) {
    for (size_t i = 0; i < PK_COUNT_OF(CHANGES); i++) {
        if (pk_str_eq_nocase(event_type, CHANGES[i].type)) {
            *out_kind = CHANGES[i].kind;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}
