/* ctest: lane=quick timeout=60
 * Text from outside: files that grow and change, datagrams, records, streams. */
#include "contract/rig.h"

enum { FRAME = 16, ROOM = 64 };

/* The far side: a descriptor (linux) or a text (sim), and where it is. */
struct far {
    int handle;
    char path[RIG_PATH_BYTES];
};

static struct pk_inlet_piece piece;
static char got[ROOM + 1];
static int last;

static void pass(struct rig *r, int fd, uint32_t text) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = FRAME};
    if (r->is_sim) {
        pk_sim_text_pass(&r->sim, text, FRAME);
        return;
    }
    struct iovec part = {.iov_base = &f, .iov_len = sizeof f};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    CHECK_EQ_INT(sendmsg(r->super_fd, &m, 0), sizeof f);
    close(fd);
    for (int i = 0; i < 100 && r->port.ipc.recv(r->port.ipc.ctx, &f) != PK_OK; i++) {
        rig_wait(r, 5);
    }
}

static struct far make_file(struct rig *r, const char *name) {
    struct far f = {.handle = -1};
    if (r->is_sim) {
        f.handle = pk_sim_text_make(&r->sim, PK_INLET_FILE);
        return f;
    }
    rig_path(r, name, f.path);
    f.handle = open(f.path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    return f;
}

static int adopt_file(struct rig *r, uint32_t slot, const struct far *f) {
    pass(r, r->is_sim ? -1 : open(f->path, O_RDONLY | O_CLOEXEC), (uint32_t)f->handle);
    return r->port.inlet.adopt(r->port.inlet.ctx, slot, PK_INLET_FILE, FRAME);
}

static void put(struct rig *r, const struct far *f, const char *text) {
    const uint32_t n = (uint32_t)strlen(text);
    if (r->is_sim) {
        CHECK(pk_sim_text_put(&r->sim, (uint32_t)f->handle, text, n));
        return;
    }
    CHECK_EQ_INT(write(f->handle, text, n), n);
}

static void done(struct rig *r, const struct far *f) {
    if (!r->is_sim) {
        close(f->handle);
    }
}

static const char *read_at(struct rig *r, uint32_t slot, uint64_t at) {
    last = r->port.inlet.read_at(r->port.inlet.ctx, slot, at, got, ROOM);
    got[last > 0 ? last : 0] = '\0';
    return got;
}

static const char *take(struct rig *r, uint32_t slot) {
    last = r->port.inlet.recv(r->port.inlet.ctx, slot, got, ROOM, &piece);
    got[last > 0 ? last : 0] = '\0';
    return got;
}

static bool has_piece(struct rig *r) {
    (void)take(r, 0);
    return last != PK_E_AGAIN;
}

static struct pk_inlet_file look(struct rig *r, uint32_t slot) {
    struct pk_inlet_file f = {0};
    last = r->port.inlet.look(r->port.inlet.ctx, slot, &f);
    return f;
}

ON_BOTH(inlet__nothing_adopted) {
    (void)read_at(rig, 0, 0);
    CHECK_EQ_INT(last, PK_E_CLOSED);
    (void)take(rig, 0);
    CHECK_EQ_INT(last, PK_E_CLOSED);
    (void)look(rig, 0);
    CHECK_EQ_INT(last, PK_E_CLOSED);
    CHECK_EQ_INT(rig->port.inlet.next_file(rig->port.inlet.ctx, 0), PK_E_AGAIN);
    CHECK_EQ_INT(rig->port.inlet.adopt(rig->port.inlet.ctx, 0, PK_INLET_FILE, FRAME), PK_E_NOT_FOUND);
    rig->port.inlet.close(rig->port.inlet.ctx, 0);
}

ON_BOTH(inlet__file__grows_is_emptied_and_keeps_its_position) {
    const struct far f = make_file(rig, "a.log");
    put(rig, &f, "one\n");
    REQUIRE(adopt_file(rig, 2, &f) == PK_OK);
    CHECK_STR(read_at(rig, 2, 0), "one\n");
    CHECK_STR(read_at(rig, 2, 4), "");
    CHECK_EQ_INT(last, 0);
    put(rig, &f, "two\n");
    CHECK_STR(read_at(rig, 2, 4), "two\n");
    CHECK_EQ_U64(look(rig, 2).size_bytes, 8);
    CHECK_EQ_U64(look(rig, 2).position, 0);
    rig->port.inlet.keep(rig->port.inlet.ctx, 2, 8);
    CHECK_EQ_U64(look(rig, 2).position, 8);
    if (rig->is_sim) {
        pk_sim_text_truncate(&rig->sim, (uint32_t)f.handle);
    } else {
        CHECK_EQ_INT(ftruncate(f.handle, 0), 0);
    }
    CHECK_EQ_U64(look(rig, 2).size_bytes, 0);
    CHECK_STR(read_at(rig, 2, 8), "");
    rig->port.inlet.close(rig->port.inlet.ctx, 2);
    (void)look(rig, 2);
    CHECK_EQ_INT(last, PK_E_CLOSED);
    done(rig, &f);
}

ON_BOTH(inlet__files__are_read_one_after_another) {
    struct far f[PK_INLET_FILES_WAITING + 2];
    char name[8];
    uint64_t first = 0;
    for (uint32_t i = 0; i < PK_INLET_FILES_WAITING + 2u; i++) {
        snprintf(name, sizeof name, "%u", i);
        f[i] = make_file(rig, name);
        put(rig, &f[i], name);
        /* The last one is one too many: the oldest that waits, "1", gives way. */
        CHECK_EQ_INT(adopt_file(rig, 0, &f[i]), i == PK_INLET_FILES_WAITING + 1u ? PK_E_FULL : PK_OK);
        CHECK_STR(read_at(rig, 0, 0), "0");
        first = i == 0 ? look(rig, 0).identity : first;
    }
    CHECK_EQ_U64(look(rig, 0).waiting_count, PK_INLET_FILES_WAITING);
    for (uint32_t i = 2; i < PK_INLET_FILES_WAITING + 2u; i++) {
        snprintf(name, sizeof name, "%u", i);
        CHECK_EQ_INT(rig->port.inlet.next_file(rig->port.inlet.ctx, 0), PK_OK);
        CHECK_STR(read_at(rig, 0, 0), name);
        CHECK(look(rig, 0).identity != first);
    }
    CHECK_EQ_INT(rig->port.inlet.next_file(rig->port.inlet.ctx, 0), PK_E_AGAIN);
    for (uint32_t i = 0; i < PK_INLET_FILES_WAITING + 2u; i++) {
        done(rig, &f[i]);
    }
}

/* linux: a pair whose one end is the inlet's. */
static struct far make_piped(struct rig *r, enum pk_inlet_form form) {
    struct far f = {.handle = -1};
    int pair[2] = {-1, -1};
    if (r->is_sim) {
        f.handle = pk_sim_text_make(&r->sim, form);
    } else if (form == PK_INLET_DATAGRAMS) {
        CHECK_EQ_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
        f.handle = pair[1];
    } else {
        CHECK_EQ_INT(pipe2(pair, O_CLOEXEC), 0);
        f.handle = pair[1];
    }
    pass(r, pair[0], (uint32_t)f.handle);
    return f;
}

ON_BOTH(inlet__datagrams__whole_cut_and_empty) {
    const struct far f = make_piped(rig, PK_INLET_DATAGRAMS);
    char long_one[ROOM * 2 + 1];
    REQUIRE(rig->port.inlet.adopt(rig->port.inlet.ctx, 0, PK_INLET_DATAGRAMS, FRAME) == PK_OK);
    rig_wait(rig, 5);
    (void)take(rig, 0);
    CHECK_EQ_INT(last, PK_E_AGAIN);
    memset(long_one, 'x', sizeof long_one - 1u);
    long_one[sizeof long_one - 1u] = '\0';
    put(rig, &f, "first");
    put(rig, &f, long_one);
    put(rig, &f, "");
    put(rig, &f, "last");
    REQUIRE(rig_until(rig, has_piece));
    CHECK_STR(got, "first");
    CHECK(!piece.is_cut && piece.dropped_count == 0);
    (void)take(rig, 0);
    CHECK_EQ_INT(last, ROOM);
    CHECK(piece.is_cut);
    (void)take(rig, 0);
    CHECK_EQ_INT(last, 0);
    CHECK_STR(take(rig, 0), "last");
    (void)take(rig, 0);
    CHECK_EQ_INT(last, PK_E_AGAIN);
    done(rig, &f);
}

/* An internet socket: what it sends to itself comes back (linux), or is kept (sim). */
ON_BOTH(inlet__datagrams__leave_to_a_numeric_address) {
    const struct pk_port_inlet *p = &rig->port.inlet;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof own;
    CHECK_EQ_INT(p->send(p->ctx, 0, "127.0.0.1", 9, "x", 1), PK_E_CLOSED);
    int fd = -1;
    if (!rig->is_sim) {
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK_EQ_INT(bind(fd, (const struct sockaddr *)&own, sizeof own), 0);
        CHECK_EQ_INT(getsockname(fd, (struct sockaddr *)&own, &n), 0);
    }
    pass(rig, fd, rig->is_sim ? (uint32_t)pk_sim_text_make(&rig->sim, PK_INLET_DATAGRAMS) : 0);
    REQUIRE(p->adopt(p->ctx, 0, PK_INLET_DATAGRAMS, FRAME) == PK_OK);
    CHECK_EQ_INT(p->send(p->ctx, 0, "localhost", 9, "x", 1), PK_E_BAD_FIELD);
    CHECK_EQ_INT(p->send(p->ctx, 0, "", 9, "x", 1), PK_E_BAD_FIELD);
    CHECK_EQ_INT(p->send(p->ctx, 0, "127.0.0.1", ntohs(own.sin_port), "hello", 5), PK_OK);
    if (rig->is_sim) {
        CHECK(rig->sim.sent_bytes == 5 && memcmp(rig->sim.sent, "hello", 5) == 0);
        return;
    }
    REQUIRE(rig_until(rig, has_piece));
    CHECK_STR(got, "hello");
}

ON_BOTH(inlet__stream__bytes_and_its_end) {
    const struct far f = make_piped(rig, PK_INLET_STREAM);
    REQUIRE(rig->port.inlet.adopt(rig->port.inlet.ctx, 0, PK_INLET_STREAM, FRAME) == PK_OK);
    put(rig, &f, "some bytes");
    REQUIRE(rig_until(rig, has_piece));
    CHECK_STR(got, "some bytes");
    put(rig, &f, "the last");
    if (rig->is_sim) {
        pk_sim_text_end(&rig->sim, (uint32_t)f.handle);
    }
    done(rig, &f);
    REQUIRE(rig_until(rig, has_piece));
    CHECK_STR(got, "the last");
    REQUIRE(rig_until(rig, has_piece));
    CHECK_EQ_INT(last, PK_E_CLOSED);
}

ON_BOTH(inlet__wrong_form__is_refused) {
    const struct far f = make_piped(rig, PK_INLET_STREAM);
    CHECK_EQ_INT(rig->port.inlet.adopt(rig->port.inlet.ctx, 0, PK_INLET_DATAGRAMS, FRAME), PK_E_BAD_FIELD);
    (void)take(rig, 0);
    CHECK_EQ_INT(last, PK_E_CLOSED);
    done(rig, &f);
}

/* What only the simulation can make happen at will; /dev/kmsg itself is in tests/integration/test_inlets.py.
 */
PK_TEST(inlet__records_overwritten__stale_then_on) {
    struct rig *rig = &rig_only;
    rig_open(rig, true);
    const struct far f = make_piped(rig, PK_INLET_RECORDS);
    REQUIRE(rig->port.inlet.adopt(rig->port.inlet.ctx, 0, PK_INLET_RECORDS, FRAME) == PK_OK);
    put(rig, &f, "6,1,1,-;old");
    pk_sim_text_overrun(&rig->sim, (uint32_t)f.handle, 7);
    put(rig, &f, "6,9,1,-;new");
    (void)take(rig, 0);
    CHECK_EQ_INT(last, PK_E_STALE);
    CHECK_STR(take(rig, 0), "6,9,1,-;new");
    CHECK_EQ_U64(piece.dropped_count, 7);
    rig_close(rig);
}

/* The kernel counts what an UDP socket had no room for, and says so with the next datagram. */
PK_TEST(inlet__udp_flood__is_counted) {
    struct rig *rig = &rig_only;
    rig_open(rig, false);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    char load[1000] = "x";
    const int bound = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int small = 4096;
    REQUIRE(bind(bound, (struct sockaddr *)&a, sizeof a) == 0);
    REQUIRE(getsockname(bound, (struct sockaddr *)&a, &n) == 0);
    (void)setsockopt(bound, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    pass(rig, bound, 0);
    REQUIRE(rig->port.inlet.adopt(rig->port.inlet.ctx, 0, PK_INLET_DATAGRAMS, FRAME) == PK_OK);
    for (int i = 0; i < 100; i++) {
        (void)sendto(sender, load, sizeof load, 0, (struct sockaddr *)&a, sizeof a);
    }
    uint64_t read_count = 0, told = 0, sent_count = 100;
    /* A busy kernel delivers some of them later: until each one is read, or told of by one that came after.
     */
    while (read_count + told < sent_count && sent_count < 200) {
        (void)sendto(sender, load, 1, 0, (struct sockaddr *)&a, sizeof a);
        sent_count++;
        REQUIRE(rig_until(rig, has_piece));
        for (; last >= 0; read_count++) {
            told = piece.dropped_count;
            (void)take(rig, 0);
        }
    }
    CHECK(PK_IS_EMULATED ? told == 0 : told > 0 && read_count + told == sent_count);
    close(sender);
    rig_close(rig);
}

CONTRACT_MAIN(BOTH(inlet__nothing_adopted), BOTH(inlet__datagrams__leave_to_a_numeric_address),
              BOTH(inlet__file__grows_is_emptied_and_keeps_its_position),
              BOTH(inlet__files__are_read_one_after_another), BOTH(inlet__datagrams__whole_cut_and_empty),
              BOTH(inlet__stream__bytes_and_its_end), BOTH(inlet__wrong_form__is_refused),
              inlet__records_overwritten__stale_then_on, inlet__udp_flood__is_counted)
