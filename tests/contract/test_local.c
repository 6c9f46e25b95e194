/* ctest: lane=quick timeout=60
 * Process frames and local sockets. */
#include "contract/rig.h"

static struct pk_ipc_frame frame_of(uint16_t type, uint32_t id) {
    struct pk_ipc_frame f;
    memset(&f, 0, sizeof f);
    f.version = PK_IPC_VERSION;
    f.type = type;
    f.id = id;
    f.body_bytes = 4;
    memcpy(f.body, "body", 4);
    return f;
}

static struct pk_ipc_frame frame;
static int last;
static bool has_frame(struct rig *r) {
    last = r->port.ipc.recv(r->port.ipc.ctx, &frame);
    return last != PK_E_AGAIN;
}

ON_BOTH(ipc__frames_go_both_ways_in_order) {
    CHECK_EQ_INT(rig->port.ipc.recv(rig->port.ipc.ctx, &frame), PK_E_AGAIN);
    for (uint32_t i = 1; i <= 3; i++) {
        const struct pk_ipc_frame f = frame_of(PK_IPC_RUN, i);
        CHECK_EQ_INT(rig->port.ipc.send(rig->port.ipc.ctx, &f), PK_OK);
        const struct pk_ipc_frame g = frame_of(PK_IPC_DONE, i);
        rig_super_send(rig, &g, sizeof g);
    }
    rig_super_drain(rig);
    CHECK_EQ_U64(rig->frame_count, 3);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK_EQ_U64(rig->frames[i - 1].id, i);
        CHECK_EQ_U64(rig->frames[i - 1].type, PK_IPC_RUN);
        REQUIRE(rig_until(rig, has_frame));
        CHECK_EQ_INT(last, PK_OK);
        CHECK_EQ_U64(frame.id, i);
        CHECK_EQ_U64(frame.type, PK_IPC_DONE);
        CHECK_MEM(frame.body, "body", 4);
    }
    CHECK_EQ_INT(rig->port.ipc.recv(rig->port.ipc.ctx, &frame), PK_E_AGAIN);
}

ON_BOTH(ipc__wrong_frames__are_dropped_and_the_next_is_read) {
    struct pk_ipc_frame f = frame_of(PK_IPC_DONE, 1);
    f.version = 99;
    rig_super_send(rig, &f, sizeof f);
    f = frame_of(PK_IPC_DONE, 2);
    f.body_bytes = PK_IPC_BODY_BYTES + 1;
    rig_super_send(rig, &f, sizeof f);
    f = frame_of(PK_IPC_DONE, 3);
    rig_super_send(rig, &f, 100);
    rig_super_send(rig, &f, sizeof f);
    for (uint32_t i = 0; i < 3; i++) {
        REQUIRE(rig_until(rig, has_frame));
        CHECK_EQ_INT(last, PK_E_BAD_MSG);
    }
    REQUIRE(rig_until(rig, has_frame));
    CHECK_EQ_INT(last, PK_OK);
    CHECK_EQ_U64(frame.id, 3);
}

ON_BOTH(ipc__other_process_gone__is_closed) {
    rig_close_fd(&rig->super_fd);
    rig->sim.is_supervisor_gone = true;
    rig_wait(rig, 10);
    CHECK_EQ_INT(rig->port.ipc.recv(rig->port.ipc.ctx, &frame), PK_E_CLOSED);
    const struct pk_ipc_frame f = frame_of(PK_IPC_TICK, 0);
    CHECK_EQ_INT(rig->port.ipc.send(rig->port.ipc.ctx, &f), PK_E_CLOSED);
}

/* ---- local sockets */
static struct pk_serve_event event;
static bool has_event(struct rig *r) {
    return r->port.serve.next(r->port.serve.ctx, &event) == PK_OK;
}

static bool accept_one(struct rig *r, enum pk_listener which, int *out_client) {
    *out_client = rig_client_open(r, which);
    return *out_client >= 0 && rig_until(r, has_event) && event.kind == PK_SERVE_OPENED &&
           event.listener == which;
}

ON_BOTH(serve__open_talk_close) {
    struct pk_port_serve *s = &rig->port.serve;
    CHECK_EQ_INT(s->next(s->ctx, &event), PK_E_AGAIN);
    int client;
    REQUIRE(accept_one(rig, PK_LISTEN_EVENTS, &client));
    CHECK_EQ_U64(event.uid, getuid());
    CHECK_EQ_U64(event.gid, getgid());
    const uint32_t connection = event.connection;
    char text[64];
    CHECK_EQ_INT(s->recv(s->ctx, connection, text, sizeof text), 0);
    rig_client_send(rig, client, "{\"type\":\"x\"}\n");
    REQUIRE(rig_until(rig, has_event));
    CHECK(event.kind == PK_SERVE_READABLE && event.connection == connection);
    CHECK_EQ_INT(s->recv(s->ctx, connection, text, sizeof text), 13);
    CHECK_MEM(text, "{\"type\":\"x\"}\n", 13);
    CHECK_EQ_INT(s->recv(s->ctx, connection, text, sizeof text), 0);
    CHECK_EQ_INT(s->next(s->ctx, &event), PK_E_AGAIN);
    CHECK_EQ_INT(s->send(s->ctx, connection, "ok\n", 3), 3);
    CHECK_EQ_INT(rig_client_recv(rig, client, text, sizeof text), 3);
    CHECK_MEM(text, "ok\n", 3);
    s->close(s->ctx, connection);
    s->close(s->ctx, connection);
    CHECK_EQ_INT(rig_client_recv(rig, client, text, sizeof text), PK_E_CLOSED);
    CHECK(s->recv(s->ctx, connection, text, sizeof text) < 0);
    CHECK(s->send(s->ctx, connection, "x", 1) < 0);
    if (!rig->is_sim) {
        rig_client_close(rig, client);
    }
}

ON_BOTH(serve__unread_bytes__are_announced_again_at_the_next_wait) {
    struct pk_port_serve *s = &rig->port.serve;
    int client;
    REQUIRE(accept_one(rig, PK_LISTEN_CONTROL, &client));
    rig_client_send(rig, client, "abcdef");
    REQUIRE(rig_until(rig, has_event));
    CHECK_EQ_INT(event.kind, PK_SERVE_READABLE);
    char two[2];
    CHECK_EQ_INT(s->recv(s->ctx, event.connection, two, 2), 2);
    CHECK_EQ_INT(s->next(s->ctx, &event), PK_E_AGAIN); /* once a round */
    const uint64_t start_ms = rig_now_ms(rig);
    rig_wait(rig, 20000); /* does not sleep on what was left */
    CHECK(rig_now_ms(rig) - start_ms < 15000);
    REQUIRE(has_event(rig));
    CHECK_EQ_INT(event.kind, PK_SERVE_READABLE);
    CHECK_EQ_INT(s->recv(s->ctx, event.connection, two, 2), 2);
    CHECK_MEM(two, "cd", 2);
    rig_client_close(rig, client);
}

ON_BOTH(serve__client_leaves__reads_the_rest_then_closed) {
    struct pk_port_serve *s = &rig->port.serve;
    int client;
    REQUIRE(accept_one(rig, PK_LISTEN_EVENTS, &client));
    rig_client_send(rig, client, "last");
    rig_client_close(rig, client);
    REQUIRE(rig_until(rig, has_event));
    REQUIRE(event.kind == PK_SERVE_READABLE);
    const uint32_t connection = event.connection;
    char text[64];
    CHECK_EQ_INT(s->recv(s->ctx, connection, text, sizeof text), 4);
    int n = s->recv(s->ctx, connection, text, sizeof text);
    for (uint32_t i = 0; i < 50 && n == 0; i++) {
        rig_wait(rig, 20);
        n = s->recv(s->ctx, connection, text, sizeof text);
    }
    CHECK_EQ_INT(n, PK_E_CLOSED);
    REQUIRE(rig_until(rig, has_event));
    CHECK(event.kind == PK_SERVE_CLOSED && event.connection == connection);
    CHECK(!has_event(rig)); /* said once */
    s->close(s->ctx, connection);
    REQUIRE(accept_one(rig, PK_LISTEN_EVENTS, &client)); /* the place is free again */
    rig_client_close(rig, client);
}

ON_BOTH(serve__full_table__further_ones_are_closed_and_counted) {
    struct pk_port_serve *s = &rig->port.serve;
    int clients[PK_LIMIT_CONNECTIONS];
    uint32_t connections[PK_LIMIT_CONNECTIONS];
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        const bool is_control = i < PK_SERVE_CONTROL_RESERVE;
        REQUIRE(accept_one(rig, is_control ? PK_LISTEN_CONTROL : PK_LISTEN_EVENTS, &clients[i]));
        connections[i] = event.connection;
        CHECK(event.connection < PK_LIMIT_CONNECTIONS);
    }
    CHECK_EQ_U64(s->refused_count(s->ctx), 0);
    const int extra = rig_client_open(rig, PK_LISTEN_EVENTS);
    rig_wait(rig, 50);
    CHECK_EQ_INT(s->next(s->ctx, &event), PK_E_AGAIN);
    CHECK_EQ_U64(s->refused_count(s->ctx), 1);
    char c;
    if (!rig->is_sim) {
        CHECK_EQ_INT(rig_client_recv(rig, extra, &c, 1), PK_E_CLOSED);
        rig_client_close(rig, extra);
    }
    s->close(s->ctx, connections[3]);
    (void)rig_client_recv(rig, clients[3], &c, 1);
    int again;
    REQUIRE(accept_one(rig, PK_LISTEN_CONTROL, &again));
    CHECK_EQ_U64(event.connection, connections[3]);
    rig_client_close(rig, again);
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        rig_client_close(rig, clients[i]);
    }
}

ON_BOTH(serve__many_senders_of_events__leave_room_for_control) {
    struct pk_port_serve *s = &rig->port.serve;
    int clients[PK_LIMIT_CONNECTIONS];
    const uint32_t most = PK_LIMIT_CONNECTIONS - PK_SERVE_CONTROL_RESERVE;
    for (uint32_t i = 0; i < most; i++) {
        REQUIRE(accept_one(rig, PK_LISTEN_EVENTS, &clients[i]));
    }
    const int extra = rig_client_open(rig, PK_LISTEN_EVENTS);
    rig_wait(rig, 50);
    CHECK_EQ_INT(s->next(s->ctx, &event), PK_E_AGAIN);
    CHECK_EQ_U64(s->refused_count(s->ctx), 1);
    for (uint32_t i = most; i < PK_LIMIT_CONNECTIONS; i++) {
        REQUIRE(accept_one(rig, PK_LISTEN_CONTROL, &clients[i]));
    }
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        rig_client_close(rig, clients[i]);
    }
    if (!rig->is_sim) {
        rig_client_close(rig, extra);
    }
}

ON_BOTH(serve__many_clients__each_gets_its_turn) {
    struct pk_port_serve *s = &rig->port.serve;
    int clients[4];
    for (uint32_t i = 0; i < 4; i++) {
        REQUIRE(accept_one(rig, PK_LISTEN_EVENTS, &clients[i]));
        rig_client_send(rig, clients[i], "0123456789");
    }
    rig_wait(rig, 50);
    uint32_t seen = 0;
    while (has_event(rig)) {
        REQUIRE(event.kind == PK_SERVE_READABLE);
        char c;
        CHECK_EQ_INT(s->recv(s->ctx, event.connection, &c, 1), 1);
        seen |= 1u << event.connection;
    }
    CHECK_EQ_INT(__builtin_popcount(seen), 4);
    for (uint32_t i = 0; i < 4; i++) {
        rig_client_close(rig, clients[i]);
    }
}

CONTRACT_MAIN(BOTH(ipc__frames_go_both_ways_in_order),
              BOTH(ipc__wrong_frames__are_dropped_and_the_next_is_read),
              BOTH(ipc__other_process_gone__is_closed), BOTH(serve__open_talk_close),
              BOTH(serve__unread_bytes__are_announced_again_at_the_next_wait),
              BOTH(serve__client_leaves__reads_the_rest_then_closed),
              BOTH(serve__full_table__further_ones_are_closed_and_counted),
              BOTH(serve__many_senders_of_events__leave_room_for_control),
              BOTH(serve__many_clients__each_gets_its_turn))
