/* Ten thousand agents that lost their broker at the same moment: how many of them come back in the busiest
 * second after it is there again. Each is a link of the product with its own seed, against a stream that
 * refuses while the broker is away, in virtual time: tests/bench/run reconnect. The reference is what no
 * spreading gives: all in one second. */
#include <stdio.h>
#include <string.h>

#include "agent/pk_link.h"
#include "base/pk_assert.h"

enum { AGENTS = 10000, MOST_S = 3600 };

static struct pk_link link_;
static bool is_away;

static int stream_open(void *ctx, const struct pk_endpoint *endpoint) {
    (void)ctx;
    (void)endpoint;
    return is_away ? PK_E_UNREACHABLE : PK_OK;
}
static int stream_poll(void *ctx) {
    (void)ctx;
    return PK_OK;
}
static int stream_send(void *ctx, const void *p, uint32_t n) {
    (void)ctx;
    (void)p;
    return (int)n;
}
static int stream_recv(void *ctx, void *out, uint32_t cap_bytes) {
    static const uint8_t CONNACK[] = {0x20, 3, 0, 0, 0};
    bool *is_answered = ctx;
    (void)cap_bytes;
    if (is_away || *is_answered) {
        return is_away ? PK_E_CLOSED : 0;
    }
    *is_answered = true;
    memcpy(out, CONNACK, sizeof CONNACK);
    return (int)sizeof CONNACK;
}
static void stream_close(void *ctx) {
    *(bool *)ctx = false;
}
static const char *stream_error(void *ctx) {
    (void)ctx;
    return "refused";
}
static uint64_t stream_resumed(void *ctx) {
    (void)ctx;
    return 0;
}

/* As far as it comes at this moment: the stream never keeps it waiting. */
static bool step(uint64_t now_ms) {
    enum { TURNS = 6 };
    struct pk_mqtt_event e;
    for (uint32_t i = 0; i < TURNS; i++) {
        (void)pk_link_step(&link_, now_ms);
        while (pk_link_next(&link_, &e, now_ms)) {
        }
        pk_link_flush(&link_, now_ms);
    }
    return pk_link_is_online(&link_);
}

/* When the agent is back, ms after the broker is. */
static uint64_t come_back(const struct pk_config_broker *config, uint64_t seed, uint64_t away_ms) {
    bool is_answered = false;
    const struct pk_port_stream stream = {&is_answered, stream_open,  stream_poll,  stream_send,
                                          stream_recv,  stream_close, stream_error, stream_resumed};
    uint64_t now_ms = 1000;
    is_away = false;
    pk_link_init(&link_, config, &stream, "gw", seed, now_ms);
    PK_ASSERT(step(now_ms));
    now_ms += 3600000;
    const uint64_t back_ms = now_ms + away_ms;
    is_away = true;
    while (!step(now_ms)) {
        PK_ASSERT(link_.state == PK_LINK_WAITING);
        now_ms = pk_link_next_ms(&link_);
        is_away = now_ms < back_ms;
    }
    return now_ms - back_ms;
}

static double measure(uint32_t first_ms, uint64_t away_ms) {
    static uint32_t seconds[MOST_S];
    const struct pk_config_broker config = {.is_set = true,
                                            .host = "192.0.2.1",
                                            .port = 1883,
                                            .keep_alive_ms = 60000,
                                            .reconnect_first_ms = first_ms,
                                            .reconnect_max_ms = 120000};
    uint32_t peak = 0, last = 0;
    memset(seconds, 0, sizeof seconds);
    for (uint64_t seed = 1; seed <= AGENTS; seed++) {
        const uint64_t s = come_back(&config, seed * 0x9E3779B97F4A7C15u, away_ms) / 1000u;
        const uint32_t at = s < MOST_S ? (uint32_t)s : MOST_S - 1u;
        seconds[at]++;
        last = at > last ? at : last;
    }
    for (uint32_t s = 0; s < MOST_S; s++) {
        peak = seconds[s] > peak ? seconds[s] : peak;
    }
    const double percent = 100.0 * peak / AGENTS;
    printf("%6.1f s away, reconnect_first %5.1f s: busiest second %5.2f %% of %d, the last after %u s\n",
           (double)away_ms / 1000, first_ms / 1000.0, percent, (int)AGENTS, last);
    return percent;
}

int main(void) {
    static const uint64_t AWAY_MS[] = {500, 5000, 60000, 600000};
    double worst = 0.0;
    for (uint32_t i = 0; i < 4; i++) {
        (void)measure(1000, AWAY_MS[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        const double percent = measure(40000, AWAY_MS[i]);
        worst = percent > worst ? percent : worst;
    }
    printf("reference, no spreading: 100 %% in one second; promise, as large fleets are configured: at most "
           "3 %%: %.2f %%\n",
           worst);
    return worst <= 3.0 ? 0 : 1;
}
