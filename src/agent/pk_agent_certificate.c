/* The certificates this gateway shows to its brokers: one that ends unnoticed cuts it off for good. */
#include "agent/pk_agent_priv.h"

/* Far more often than the days it is about, so that a clock that becomes good late does not matter. */
enum { LOOK_MS = 3600000 };

void pk_agent_certificate(struct pk_agent *a, uint32_t link, int64_t not_after_s) {
    PK_ASSERT(link < PK_LINKS);
    a->certificate_end_s[link] = not_after_s;
    a->certificate_due_ms = 0;
}

/* The shipped rule certificate_expiration makes an incident of it. */
void pk_agent_certificates(struct pk_agent *a) {
    static const char *const SOURCES[PK_LINKS] = {"broker-site", "broker-central"};
    const double DAY_S = 86400.0;
    if (a->now.mono_ms < a->certificate_due_ms || a->now.quality == PK_TIME_UNSET) {
        return;
    }
    a->certificate_due_ms = a->now.mono_ms + LOOK_MS;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const double left_s = (double)a->certificate_end_s[i] - (double)a->now.wall_ms / 1000.0;
        if (a->certificate_end_s[i] != 0 &&
            pk_event_sample("certificate_days", SOURCES[i], left_s / DAY_S, PK_OK, &a->event_in) == PK_OK) {
            (void)pk_agent_offer(a);
        }
    }
}
