/* ctest: lane=quick timeout=60 */
#include <sys/resource.h>

#include "contract/rig.h"

static struct pk_port_stream *link_of(struct rig *r) {
    return &r->port.link[0];
}

static bool connect_peer(struct rig *r) {
    struct pk_endpoint e = rig_peer_listen(r);
    if (link_of(r)->open(link_of(r)->ctx, &e) != PK_OK || !rig_until(r, rig_is_open)) {
        return false;
    }
    rig_peer_accept(r);
    return link_of(r)->poll(link_of(r)->ctx) == PK_OK && r->is_peer_connected;
}

static uint8_t got[RIG_PEER_BYTES];
static uint32_t got_count, want_count;

/* Reads what is there; true when want_count bytes came or the link ended. */
static int last_recv;
static bool has_read_all(struct rig *r) {
    do {
        last_recv = link_of(r)->recv(link_of(r)->ctx, got + got_count, sizeof got - got_count);
        got_count += last_recv > 0 ? (uint32_t)last_recv : 0u;
    } while (last_recv > 0);
    return last_recv < 0 || got_count >= want_count;
}

static bool peer_has_all(struct rig *r) {
    rig_peer_drain(r);
    return r->peer_count >= want_count;
}

static bool peer_saw_end(struct rig *r) {
    rig_peer_drain(r);
    return r->is_peer_closed;
}

ON_BOTH(stream__open__bytes_go_both_ways) {
    REQUIRE(connect_peer(rig));
    CHECK_EQ_INT(link_of(rig)->recv(link_of(rig)->ctx, got, sizeof got), 0);
    CHECK_EQ_INT(link_of(rig)->send(link_of(rig)->ctx, "hello", 5), 5);
    want_count = 5;
    REQUIRE(rig_until(rig, peer_has_all));
    CHECK_MEM(rig->peer_bytes, "hello", 5);
    rig_peer_send(rig, "good day", 8);
    got_count = 0;
    want_count = 8;
    REQUIRE(rig_until(rig, has_read_all));
    CHECK_EQ_U64(got_count, 8);
    CHECK_MEM(got, "good day", 8);
}

ON_BOTH(stream__nothing_there__is_zero_not_an_end) {
    REQUIRE(connect_peer(rig));
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_EQ_INT(link_of(rig)->recv(link_of(rig)->ctx, got, sizeof got), 0);
        rig_wait(rig, 2);
    }
    CHECK_EQ_INT(link_of(rig)->poll(link_of(rig)->ctx), PK_OK);
}

ON_BOTH(stream__partial_reads__leave_the_rest_and_the_wait_does_not_sleep) {
    REQUIRE(connect_peer(rig));
    rig_peer_send(rig, "0123456789", 10);
    uint32_t n = 0;
    uint8_t one;
    const uint64_t end_ms = rig_now_ms(rig) + 30000;
    while (n < 10 && rig_now_ms(rig) < end_ms) {
        const int r = link_of(rig)->recv(link_of(rig)->ctx, &one, 1);
        if (r == 1) {
            CHECK_EQ_INT(one, '0' + (int)n);
            n++;
        }
        REQUIRE(r >= 0);
        if (n < 10) {
            rig_wait(rig, 20000);
        }
    }
    CHECK_EQ_U64(n, 10);
    CHECK(rig_now_ms(rig) < end_ms - 10000); /* a sleep of 20 s would be over it */
}

ON_BOTH(stream__peer_closes__reads_the_rest_then_closed) {
    REQUIRE(connect_peer(rig));
    rig_peer_send(rig, "last words", 10);
    rig_peer_close(rig);
    got_count = 0;
    want_count = UINT32_MAX;
    REQUIRE(rig_until(rig, has_read_all));
    CHECK_EQ_U64(got_count, 10);
    CHECK_EQ_INT(last_recv, PK_E_CLOSED);
    CHECK(strstr(link_of(rig)->error_text(link_of(rig)->ctx), "closed") != NULL);
    link_of(rig)->close(link_of(rig)->ctx);
    link_of(rig)->close(link_of(rig)->ctx);
    CHECK_EQ_INT(link_of(rig)->send(link_of(rig)->ctx, "x", 1), PK_E_CLOSED);
    CHECK_EQ_INT(link_of(rig)->recv(link_of(rig)->ctx, got, 1), PK_E_CLOSED);
    CHECK_EQ_INT(link_of(rig)->poll(link_of(rig)->ctx), PK_E_CLOSED);
}

ON_BOTH(stream__we_close__peer_gets_everything_then_the_end) {
    REQUIRE(connect_peer(rig));
    CHECK_EQ_INT(link_of(rig)->send(link_of(rig)->ctx, "bye", 3), 3);
    link_of(rig)->close(link_of(rig)->ctx);
    REQUIRE(rig_until(rig, peer_saw_end));
    CHECK_EQ_U64(rig->peer_count, 3);
    CHECK_MEM(rig->peer_bytes, "bye", 3);
}

/* Reads slowly at the far side: send must say 0 when full, lose nothing, and go on. */
ON_BOTH(stream__full_buffer__accepts_less_and_loses_nothing) {
    REQUIRE(connect_peer(rig));
    static uint8_t block[4096];
    uint32_t sent = 0;
    uint32_t full_count = 0;
    const uint32_t total = 200 * 1024;
    const uint64_t end_ms = rig_now_ms(rig) + 30000;
    if (!rig->is_sim) {
        int small = 4096;
        setsockopt(rig->net.socket.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    }
    while (sent < total && rig_now_ms(rig) < end_ms) {
        const uint32_t n = total - sent < sizeof block ? total - sent : (uint32_t)sizeof block;
        for (uint32_t i = 0; i < n; i++) {
            block[i] = (uint8_t)((sent + i) * 7u >> 3);
        }
        const int r = link_of(rig)->send(link_of(rig)->ctx, block, n);
        REQUIRE(r >= 0 && r <= (int)n);
        sent += (uint32_t)r;
        if (r == 0) {
            full_count++;
            rig_peer_drain(rig);
            rig_wait(rig, 100);
        }
    }
    CHECK_EQ_U64(sent, total);
    CHECK(full_count > 0);
    want_count = total;
    REQUIRE(rig_until(rig, peer_has_all));
    CHECK_EQ_U64(rig->peer_count, total);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < total; i++) {
        wrong += rig->peer_bytes[i] != (uint8_t)(i * 7u >> 3) ? 1u : 0u;
    }
    CHECK_EQ_U64(wrong, 0);
}

ON_BOTH(stream__refused__unreachable_with_a_reason) {
    struct pk_endpoint e = rig_peer_bind(rig);
    rig->sim.links[0].answer = PK_SIM_REFUSE;
    const int opened = link_of(rig)->open(link_of(rig)->ctx, &e);
    CHECK(opened == PK_OK || opened == PK_E_UNREACHABLE);
    int err = PK_E_AGAIN;
    for (uint32_t i = 0; i < 100 && err == PK_E_AGAIN; i++) {
        rig_wait(rig, 20);
        err = link_of(rig)->poll(link_of(rig)->ctx);
    }
    CHECK_EQ_INT(err, PK_E_UNREACHABLE);
    CHECK(strstr(link_of(rig)->error_text(link_of(rig)->ctx), "refused") != NULL);
    link_of(rig)->close(link_of(rig)->ctx);
    rig->sim.links[0].answer = PK_SIM_ACCEPT;
    rig_close_fd(&rig->listen_fd);
    REQUIRE(connect_peer(rig)); /* usable again */
}

static void check_closed(struct rig *r) {
    CHECK_EQ_INT(link_of(r)->poll(link_of(r)->ctx), PK_E_CLOSED);
    CHECK_EQ_INT(link_of(r)->send(link_of(r)->ctx, "x", 1), PK_E_CLOSED);
    CHECK_EQ_INT(link_of(r)->recv(link_of(r)->ctx, got, 1), PK_E_CLOSED);
}

/* Without a close in between: nothing was begun. */
ON_BOTH(stream__open_fails_at_once__the_next_one_succeeds) {
    /* No TCP connection goes to all of a network: the kernel says so at once, with a route and without. */
    struct pk_endpoint e = {.address = "255.255.255.255", .server_name = "peer", .port = 1883};
    rig->sim.links[0].answer = PK_SIM_NO_ROUTE;
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ_INT(link_of(rig)->open(link_of(rig)->ctx, &e), PK_E_UNREACHABLE);
        CHECK_STR(link_of(rig)->error_text(link_of(rig)->ctx), "connect: network unreachable");
        check_closed(rig);
    }
    rig->sim.links[0].answer = PK_SIM_ACCEPT;
    REQUIRE(connect_peer(rig));
}

/* What only a real system is short of. */
static void stream__no_room_for_a_connection__the_next_one_succeeds(void) {
    struct rig *rig = &rig_only;
    struct rlimit usual;
    rig_open(rig, false);
    const struct pk_endpoint e = rig_peer_listen(rig);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = usual.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const int without_descriptors = link_of(rig)->open(link_of(rig)->ctx, &e);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    CHECK_EQ_INT(without_descriptors, PK_E_FULL);
    CHECK_STR(link_of(rig)->error_text(link_of(rig)->ctx), "no socket: out of descriptors");
    check_closed(rig);
    const uint32_t count = rig->loop.count;
    rig->loop.count = PK_LINUX_LOOP_FDS;
    CHECK_EQ_INT(link_of(rig)->open(link_of(rig)->ctx, &e), PK_E_FULL);
    rig->loop.count = count;
    check_closed(rig);
    rig_close_fd(&rig->listen_fd);
    REQUIRE(connect_peer(rig));
    rig_close(rig);
}

ON_BOTH(stream__open_twice__second_is_refused_and_the_first_goes_on) {
    REQUIRE(connect_peer(rig));
    struct pk_endpoint e = {.address = "127.0.0.1", .server_name = "peer", .port = 1};
    CHECK_EQ_INT(link_of(rig)->open(link_of(rig)->ctx, &e), PK_E_UNREACHABLE);
    CHECK_EQ_INT(link_of(rig)->poll(link_of(rig)->ctx), PK_OK);
    CHECK_EQ_INT(link_of(rig)->send(link_of(rig)->ctx, "on", 2), 2);
    link_of(rig)->close(link_of(rig)->ctx);
}

ON_BOTH(stream__reconnect__no_bytes_of_the_old_connection) {
    REQUIRE(connect_peer(rig));
    rig_peer_send(rig, "stale", 5);
    rig_wait(rig, 20);
    link_of(rig)->close(link_of(rig)->ctx);
    rig_wait(rig, 20);
    rig_close_fd(&rig->peer_fd);
    rig_close_fd(&rig->listen_fd);
    rig->is_peer_connected = false;
    REQUIRE(connect_peer(rig));
    rig_wait(rig, 20);
    CHECK_EQ_INT(link_of(rig)->recv(link_of(rig)->ctx, got, sizeof got), 0);
    rig_peer_send(rig, "fresh", 5);
    got_count = 0;
    want_count = 5;
    REQUIRE(rig_until(rig, has_read_all));
    CHECK_MEM(got, "fresh", 5);
}

CONTRACT_MAIN(BOTH(stream__open__bytes_go_both_ways), BOTH(stream__nothing_there__is_zero_not_an_end),
              BOTH(stream__partial_reads__leave_the_rest_and_the_wait_does_not_sleep),
              BOTH(stream__peer_closes__reads_the_rest_then_closed),
              BOTH(stream__we_close__peer_gets_everything_then_the_end),
              BOTH(stream__full_buffer__accepts_less_and_loses_nothing),
              BOTH(stream__refused__unreachable_with_a_reason),
              BOTH(stream__open_fails_at_once__the_next_one_succeeds),
              stream__no_room_for_a_connection__the_next_one_succeeds,
              BOTH(stream__open_twice__second_is_refused_and_the_first_goes_on),
              BOTH(stream__reconnect__no_bytes_of_the_old_connection))
