/* What correlating costs in a storm: 10,000 events over 200 components that depend on each other, each of
 * them an incident of its own or one more of an open one. bench_correlate; exit 1 when the mean of an
 * incident is above 1 ms, or one has no cause though what it needs failed before. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "incident/pk_incidents.h"
#include "support/pk_test_crypto.h"

enum { EVENTS = 10000, COMPONENTS = 200, PARENTS = 2, MEAN_MAX_US = 1000 };

static struct pk_incidents t;
static struct pk_topology topology;

static uint64_t clock_us(void) {
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* Each component needs two of those before it. */
static int make_topology(void) {
    static char text[COMPONENTS * 40];
    struct pk_buf b;
    struct pk_diag diag;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 1; i < COMPONENTS; i++) {
        for (uint32_t k = 0; k < PARENTS; k++) {
            const uint32_t on = (i * 7u + k * 13u) % i;
            pk_buf_puts(&b, "c");
            pk_buf_put_u64(&b, i);
            pk_buf_puts(&b, " -> c");
            pk_buf_put_u64(&b, on);
            pk_buf_putc(&b, '\n');
        }
    }
    pk_topology_init(&topology);
    const int err = pk_topology_parse(&topology, pk_buf_str(&b), "storm", &diag);
    pk_topology_finish(&topology);
    return err;
}

static uint64_t longest_us, sum_us;
static uint32_t opened, joined, dropped;

static void one_event(uint32_t i, struct pk_stamp *now) {
    static const char *const TYPES[] = {"error_burst",  "database_connection_fail", "performance_degradation",
                                        "service_down", "heartbeat_lost",           "disk_space_low"};
    char component[16], group[32];
    uint32_t kinds = 0;
    const uint32_t c = i * 31u % COMPONENTS;
    const char *type = TYPES[c % 6u];
    (void)snprintf(component, sizeof component, "c%u", (unsigned)c);
    (void)snprintf(group, sizeof group, "%s/%u", type, (unsigned)c);
    const struct pk_incident_signal s = {.rule_id = pk_str_of(type),
                                         .group_key = pk_str_of(group),
                                         .type = pk_str_of(type),
                                         .component = pk_str_of(component),
                                         .severity = PK_SEV_CRITICAL,
                                         .first_event = *now,
                                         .event_count = 1};
    const uint64_t from_us = clock_us();
    const int64_t number = pk_incidents_signal(&t, &s, now, &kinds);
    if (number > 0 && (kinds & PK_INC_CHANGED_CREATED) != 0) {
        pk_correlate(&t, &topology, (uint32_t)number, now);
        pk_incidents_announce(&t, now);
        const uint64_t us = clock_us() - from_us;
        opened++;
        sum_us += us;
        longest_us = us > longest_us ? us : longest_us;
    } else if (number > 0) {
        joined++;
    } else {
        dropped++;
    }
}

int main(void) {
    struct pk_incidents_settings settings;
    struct pk_stamp now = {.boot = 1, .mono_ms = 1000000};
    struct pk_incident_change change;
    uint32_t children = 0;
    if (make_topology() != PK_OK) {
        fprintf(stderr, "bench_correlate: the topology does not fit this profile\n");
        return 1;
    }
    pk_incidents_settings_defaults(&settings);
    pk_incidents_init(&t, &RIG_CRYPTO, pk_str_of("bench"), 1, &settings);
    for (uint32_t i = 0; i < EVENTS; i++) {
        now.mono_ms += i % 10u == 0 ? 1u : 0u; /* all within a second */
        one_event(i, &now);
    }
    while (pk_incidents_next_change(&t, &change) == PK_OK) {
        children += change.incident != NULL && change.incident->caused_by[0] != '\0' ? 1u : 0u;
    }
    const uint64_t mean_us = opened > 0 ? sum_us / opened : 0;
    printf("%u events over %u components: %u incidents opened (%u of them caused by another), %u joined, %u "
           "without room\n",
           (unsigned)EVENTS, (unsigned)COMPONENTS, (unsigned)opened, (unsigned)children, (unsigned)joined,
           (unsigned)dropped);
    const bool is_kept = mean_us <= MEAN_MAX_US && opened > 0 && children + 1u >= opened;
    printf("open, correlate, announce: mean %u us, longest %u us; wanted: mean at most %u us  %s\n",
           (unsigned)mean_us, (unsigned)longest_us, (unsigned)MEAN_MAX_US, is_kept ? "PASS" : "MISSED");
    return is_kept ? 0 : 1;
}
