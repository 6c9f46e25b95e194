/* The mix of event lines that the benchmarks send. */
#ifndef EVENT_LINES_H
#define EVENT_LINES_H

#include <stdio.h>

enum { EVENT_LINE_BYTES_MAX = 320 };

/* Line i without its end, as gateways send them: mostly gauges of devices, some errors of programs, now and
 * then more. */
static inline int event_line(char *out, size_t cap, unsigned i) {
    const unsigned n = (i * 2654435761u) >> 8;
    switch (i % 10u) {
    case 0:
    case 1:
    case 2:
        return snprintf(out, cap, "{\"type\":\"temperature\",\"source\":\"sensor-%u\",\"value\":%u.%u}",
                        n % 100u, n % 70u, n % 10u);
    case 3:
    case 4:
        return snprintf(out, cap,
                        "{\"type\":\"vibration_rms\",\"source\":\"pump-%u\",\"value\":%u.%03u,\"time\":"
                        "\"2026-10-20T08:00:%02u.%03uZ\"}",
                        n % 40u, n % 9u, n % 1000u, n % 60u, n % 1000u);
    case 5:
        return snprintf(out, cap, "{\"type\":\"heartbeat\",\"source\":\"plc-%u\",\"value\":3600}", n % 20u);
    case 6:
        return snprintf(out, cap,
                        "{\"type\":\"queue_depth\",\"source\":\"broker\",\"value\":%u,\"severity\":\"info\","
                        "\"time\":%llu}",
                        n % 300u, 1792496800000ull + i);
    case 7:
        return snprintf(
            out, cap,
            "{\"type\":\"http_error\",\"source\":\"api-%u\",\"severity\":\"warning\",\"message\":\"upstream "
            "timed out after 30 s, retrying\",\"correlation_id\":\"req-%08x\"}",
            n % 4u, n);
    case 8:
        return snprintf(out, cap,
                        "{\"event_type\":\"job_done\", \"source_system\":\"batch\", \"severity\":\"low\", "
                        "\"text\":\"nightly export \\\"orders\\\" finished\", "
                        "\"data\":{\"rows\":%u,\"took_s\":12.5,\"ok\":true}}",
                        n % 100000u);
    default:
        return snprintf(
            out, cap,
            "{\"type\":\"frame_quality\",\"source\":\"camera-%u\",\"value\":0.%04u,\"unit\":\"ratio\"}",
            n % 8u, n % 10000u);
    }
}

#endif
