/* ctest: lane=quick timeout=60
 * What the simulation adds to the contracts: determinism, faults, crashes. */
#include <string.h>

#include "base/pk_batch.h"
#include "port/sim/pk_sim.h"
#include "support/pk_test.h"

static struct pk_sim one, two;
static struct pk_port port;
static uint8_t bytes[PK_LIMIT_BATCH_BYTES];

struct peer {
    uint8_t got[PK_SIM_STREAM_BYTES];
    uint32_t count, closed;
};
static struct peer peer;

static void on_bytes(void *arg, struct pk_sim *sim, uint32_t link, const uint8_t *p, uint32_t n) {
    struct peer *w = arg;
    memcpy(w->got + w->count, p, n);
    w->count += n;
    pk_sim_peer_send(sim, link, p, n); /* an echo */
}

static void on_closed(void *arg, struct pk_sim *sim, uint32_t link) {
    (void)sim;
    (void)link;
    ((struct peer *)arg)->closed++;
}

static void start(struct pk_sim *sim, uint64_t seed, struct pk_port *out) {
    const struct pk_sim_config c = {.seed = seed, .wall_ms = 1790000000000};
    pk_sim_init(sim, &c, out);
    memset(&peer, 0, sizeof peer);
    const struct pk_sim_peer p = {.arg = &peer, .received = on_bytes, .closed = on_closed};
    pk_sim_peer_set(sim, 0, &p);
}

static void wait_ms(struct pk_sim *sim, const struct pk_port *p, uint64_t ms) {
    p->loop.wait(p->loop.ctx, sim->now_ms - sim->mono_offset + ms);
}

static bool open_link(struct pk_sim *sim, const struct pk_port *p) {
    const struct pk_endpoint e = {
        .address = "10.0.0.1", .server_name = "broker", .port = 8883, .use_tls = true};
    if (p->link[0].open(p->link[0].ctx, &e) != PK_OK) {
        return false;
    }
    for (uint32_t i = 0; i < 20 && p->link[0].poll(p->link[0].ctx) == PK_E_AGAIN; i++) {
        wait_ms(sim, p, 100);
    }
    return p->link[0].poll(p->link[0].ctx) == PK_OK;
}

static uint64_t put(const struct pk_port *p, const char *key, const char *value) {
    struct pk_store_batch b;
    uint64_t seq = 0;
    pk_batch_init(&b, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of(key), pk_str_of(value)), PK_OK);
    CHECK_EQ_INT(p->store.submit(p->store.ctx, &b, &seq), PK_OK);
    return seq;
}

/* A little of everything, driven by the clock of the simulation. */
static uint64_t scenario(struct pk_sim *sim, uint64_t seed) {
    struct pk_port p;
    start(sim, seed, &p);
    sim->links[0].fragment_max = 7;
    CHECK(open_link(sim, &p));
    char text[16];
    uint8_t random[8];
    for (uint32_t i = 0; i < 100; i++) {
        p.entropy.fill(p.entropy.ctx, random, sizeof random);
        p.link[0].send(p.link[0].ctx, random, sizeof random);
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_put_u64(&b, i);
        put(&p, text, "value");
        wait_ms(sim, &p, 10);
        uint8_t back[64];
        while (p.link[0].recv(p.link[0].ctx, back, sizeof back) > 0) {
        }
        p.log.write(p.log.ctx, PK_LOG_INFO, pk_str_of(text));
    }
    wait_ms(sim, &p, 1000);
    pk_sim_crash(sim, &p);
    put(&p, "after", "crash");
    pk_sim_advance(sim, sim->now_ms + 100);
    return sim->trace;
}

PK_TEST(sim__same_seed__same_trace_other_seed_another) {
    const uint64_t a = scenario(&one, 7);
    const uint64_t b = scenario(&two, 7);
    CHECK_EQ_U64(a, b);
    CHECK_EQ_U64(one.now_ms, two.now_ms);
    /* The same on every machine and compiler; a change of the simulation or of the scenario changes it. */
    CHECK_EQ_U64(a, 0x55aef2109801245dULL);
    CHECK(scenario(&two, 8) != a);
}

PK_TEST(sim__two_in_one_process__do_not_touch_each_other) {
    struct pk_port a;
    struct pk_port b;
    const uint64_t alone = scenario(&one, 3);
    start(&one, 3, &a);
    start(&two, 4, &b);
    put(&b, "only", "in b");
    pk_sim_advance(&two, 500);
    CHECK_EQ_U64(one.now_ms, 0);
    CHECK_EQ_U64(one.store.record_count, 0);
    CHECK_EQ_U64(two.store.record_count, 1);
    CHECK_EQ_U64(scenario(&one, 3), alone);
}

static int count_records(void *arg, struct pk_str key, struct pk_str value) {
    (void)key;
    (void)value;
    ++*(uint32_t *)arg;
    return PK_OK;
}

static uint32_t records(const struct pk_port *p) {
    uint32_t n = 0;
    CHECK_EQ_INT(p->store.load(p->store.ctx, PK_TREE_OBJECTS, pk_str_of(""), count_records, &n), PK_OK);
    return n;
}

PK_TEST(sim_crash__only_durable_batches_survive_and_seeds_decide_the_one_under_way) {
    uint32_t kept = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        start(&one, seed, &port);
        one.store.delay_min_ms = one.store.delay_max_ms = 10;
        put(&port, "first", "1");
        pk_sim_advance(&one, 10);
        CHECK_EQ_U64(port.store.durable(port.store.ctx), 1);
        put(&port, "second", "2"); /* its commit begins now */
        put(&port, "third", "3");  /* waits behind it */
        pk_sim_advance(&one, 15);
        CHECK_EQ_U64(port.store.durable(port.store.ctx), 1);
        pk_sim_crash(&one, &port);
        const uint32_t n = records(&port);
        CHECK(n == 1 || n == 2);
        kept += n == 2 ? 1u : 0u;
        CHECK_EQ_U64(port.store.durable(port.store.ctx), 0);
        CHECK_EQ_U64(put(&port, "fourth", "4"), 1);
    }
    CHECK(kept > 5 && kept < 35);
}

PK_TEST(sim_disk_full__waits_and_heals) {
    start(&one, 1, &port);
    one.store.is_disk_full = true;
    const uint64_t seq = put(&port, "k", "v");
    pk_sim_advance(&one, 2000);
    struct pk_store_status status;
    port.store.status(port.store.ctx, &status);
    CHECK_EQ_INT(status.last_error, PK_E_NO_SPACE);
    CHECK(status.failed_commit_count >= 2 && status.failed_commit_count < 20);
    CHECK_EQ_U64(port.store.durable(port.store.ctx), 0);
    one.store.is_disk_full = false;
    pk_sim_advance(&one, 12000);
    CHECK_EQ_U64(port.store.durable(port.store.ctx), seq);
    port.store.status(port.store.ctx, &status);
    CHECK_EQ_INT(status.last_error, PK_OK);
}

PK_TEST(sim_damage__is_counted_and_visited_empty) {
    start(&one, 1, &port);
    put(&port, "a", "1");
    put(&port, "b", "2");
    pk_sim_advance(&one, 100);
    CHECK(pk_sim_store_damage(&one, PK_TREE_OBJECTS, pk_str_of("a")));
    CHECK(!pk_sim_store_damage(&one, PK_TREE_OBJECTS, pk_str_of("x")));
    CHECK_EQ_U64(records(&port), 2);
    struct pk_store_status status;
    port.store.status(port.store.ctx, &status);
    CHECK_EQ_U64(status.bad_value_count, 1);
}

PK_TEST(sim_link__silent_cut__nobody_is_told) {
    start(&one, 1, &port);
    REQUIRE(open_link(&one, &port));
    CHECK_EQ_INT(port.link[0].send(port.link[0].ctx, "before", 6), 6);
    pk_sim_advance(&one, one.now_ms + 50);
    CHECK_EQ_U64(peer.count, 6);
    one.links[0].is_cut = true;
    CHECK_EQ_INT(port.link[0].send(port.link[0].ctx, "after", 5), 5);
    pk_sim_advance(&one, one.now_ms + 60000);
    CHECK_EQ_U64(peer.count, 6);
    uint8_t back[16];
    CHECK_EQ_INT(port.link[0].recv(port.link[0].ctx, back, sizeof back), 6); /* had arrived before */
    CHECK_EQ_INT(port.link[0].recv(port.link[0].ctx, back, sizeof back), 0);
    CHECK_EQ_INT(port.link[0].poll(port.link[0].ctx), PK_OK);
    port.link[0].close(port.link[0].ctx);
    pk_sim_advance(&one, one.now_ms + 1000);
    CHECK_EQ_U64(peer.closed, 0);
    REQUIRE(open_link(&one, &port)); /* the cable is back */
    CHECK_EQ_INT(port.link[0].send(port.link[0].ctx, "again", 5), 5);
    pk_sim_advance(&one, one.now_ms + 50);
    CHECK_EQ_U64(peer.count, 11);
}

PK_TEST(sim_link__delay_and_fragments__keep_the_order) {
    start(&one, 5, &port);
    one.links[0].delay_min_ms = 0;
    one.links[0].delay_max_ms = 200;
    one.links[0].fragment_max = 3;
    REQUIRE(open_link(&one, &port));
    static uint8_t back[600];
    uint32_t sent = 0;
    uint32_t got = 0;
    for (uint32_t i = 0; i < 5000 && got < sizeof back; i++) {
        if (sent < sizeof back) {
            uint8_t piece[10];
            const uint32_t n = sizeof back - sent < 10 ? (uint32_t)sizeof back - sent : 10u;
            for (uint32_t k = 0; k < n; k++) {
                piece[k] = (uint8_t)(sent + k);
            }
            const int r = port.link[0].send(port.link[0].ctx, piece, n);
            REQUIRE(r >= 0 && r <= 3);
            sent += (uint32_t)r;
        }
        wait_ms(&one, &port, 5);
        const int r = port.link[0].recv(port.link[0].ctx, back + got, (uint32_t)sizeof back - got);
        REQUIRE(r >= 0);
        got += (uint32_t)r;
    }
    REQUIRE(got == sizeof back);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < sizeof back; i++) {
        wrong += back[i] != (uint8_t)i ? 1u : 0u;
    }
    CHECK_EQ_U64(wrong, 0);
}

PK_TEST(sim_link__tls_failure_reset_and_silence) {
    start(&one, 5, &port);
    const struct pk_endpoint e = {
        .address = "10.0.0.1", .server_name = "broker", .port = 8883, .use_tls = true};
    one.links[0].answer = PK_SIM_TLS_FAILS;
    CHECK(!open_link(&one, &port));
    CHECK(strstr(port.link[0].error_text(port.link[0].ctx), "certificate") != NULL);
    port.link[0].close(port.link[0].ctx);
    one.links[0].answer = PK_SIM_SILENT;
    REQUIRE(port.link[0].open(port.link[0].ctx, &e) == PK_OK);
    pk_sim_advance(&one, one.now_ms + 100000);
    CHECK_EQ_INT(port.link[0].poll(port.link[0].ctx), PK_E_AGAIN);
    port.link[0].close(port.link[0].ctx);
    one.links[0].answer = PK_SIM_ACCEPT;
    REQUIRE(open_link(&one, &port));
    pk_sim_peer_reset(&one, 0);
    uint8_t b;
    CHECK(port.link[0].recv(port.link[0].ctx, &b, 1) < 0);
    CHECK(port.link[0].send(port.link[0].ctx, "x", 1) < 0);
}

static uint64_t world_at_ms = UINT64_MAX;
static uint32_t world_runs;
static uint64_t world_next(void *arg) {
    (void)arg;
    return world_at_ms;
}
static void world_run(void *arg, struct pk_sim *sim) {
    (void)arg;
    world_runs++;
    world_at_ms += 100;
    pk_sim_signal(sim, PK_SIG_DUMP);
}

PK_TEST(sim_world__runs_at_its_times_and_ends_the_wait) {
    const struct pk_sim_config c = {.seed = 1, .world_next_ms = world_next, .world_run = world_run};
    pk_sim_init(&one, &c, &port);
    world_at_ms = 250;
    world_runs = 0;
    CHECK_EQ_U64(port.loop.wait(port.loop.ctx, 1000), PK_SIG_DUMP);
    CHECK_EQ_U64(one.now_ms, 250);
    CHECK_EQ_U64(world_runs, 1);
    pk_sim_advance(&one, 600);
    CHECK_EQ_U64(world_runs, 4);
    CHECK_EQ_U64(one.now_ms, 600);
    world_at_ms = UINT64_MAX;
}

PK_TEST(sim_reboot__boot_clock_starts_again_wall_goes_on) {
    start(&one, 1, &port);
    pk_sim_advance(&one, 90000);
    bool is_synced;
    const int64_t wall = port.clock.wall_ms(port.clock.ctx, &is_synced);
    CHECK_EQ_U64(port.clock.mono_ms(port.clock.ctx), 90000);
    pk_sim_crash(&one, &port);
    CHECK_EQ_U64(port.clock.mono_ms(port.clock.ctx), 90000);
    pk_sim_reboot(&one, &port);
    CHECK_EQ_U64(port.clock.mono_ms(port.clock.ctx), 0);
    CHECK_EQ_INT(port.clock.wall_ms(port.clock.ctx, &is_synced), wall);
    one.wall_offset_ms = -86400000;
    one.is_wall_synced = false;
    CHECK_EQ_INT(port.clock.wall_ms(port.clock.ctx, &is_synced), wall - 86400000);
    CHECK(!is_synced);
}

PK_TEST(sim_wait__nothing_ever_happens__returns) {
    start(&one, 1, &port);
    CHECK_EQ_U64(port.loop.wait(port.loop.ctx, UINT64_MAX), 0);
    CHECK_EQ_U64(one.now_ms, 0);
}

PK_TEST_MAIN(sim__same_seed__same_trace_other_seed_another, sim__two_in_one_process__do_not_touch_each_other,
             sim_crash__only_durable_batches_survive_and_seeds_decide_the_one_under_way,
             sim_disk_full__waits_and_heals, sim_damage__is_counted_and_visited_empty,
             sim_link__silent_cut__nobody_is_told, sim_link__delay_and_fragments__keep_the_order,
             sim_link__tls_failure_reset_and_silence, sim_world__runs_at_its_times_and_ends_the_wait,
             sim_reboot__boot_clock_starts_again_wall_goes_on, sim_wait__nothing_ever_happens__returns)
