/* ctest: lane=quick timeout=60
 * Clock, loop, log, files, sources. */
#include <signal.h>

#include "contract/rig.h"

/* ---- clock */
ON_BOTH(clock__mono_rises_and_wall_is_plausible) {
    const struct pk_port_clock *c = &rig->port.clock;
    uint64_t last = c->mono_ms(c->ctx);
    for (uint32_t i = 0; i < 100; i++) {
        const uint64_t now = c->mono_ms(c->ctx);
        CHECK(now >= last);
        last = now;
    }
    bool is_synced;
    const int64_t wall = c->wall_ms(c->ctx, &is_synced);
    CHECK(wall > 1700000000000 && wall < 4102444800000); /* 2023..2100 */
    rig_wait(rig, 30);
    CHECK(c->mono_ms(c->ctx) >= last + 29);
    CHECK(c->wall_ms(c->ctx, &is_synced) >= wall + 29);
}

/* ---- loop */
ON_BOTH(loop__waits_until_the_deadline_and_not_longer) {
    const uint64_t start = rig_now_ms(rig);
    CHECK_EQ_U64(rig_wait(rig, 50), 0);
    const uint64_t took = rig_now_ms(rig) - start;
    CHECK(took >= 50 && took < 5000);
    CHECK_EQ_U64(rig->port.loop.wait(rig->port.loop.ctx, 0), 0); /* in the past: at once */
    CHECK(rig_now_ms(rig) - start < took + 5000);
}

ON_BOTH(loop__a_signal__ends_the_wait_with_its_bit) {
    if (rig->is_sim) {
        pk_sim_signal(&rig->sim, PK_SIG_RELOAD | PK_SIG_STOP);
    } else {
        raise(SIGHUP);
        raise(SIGTERM);
    }
    const uint64_t start = rig_now_ms(rig);
    CHECK_EQ_U64(rig->port.loop.wait(rig->port.loop.ctx, UINT64_MAX), PK_SIG_RELOAD | PK_SIG_STOP);
    CHECK(rig_now_ms(rig) - start < 5000);
    CHECK_EQ_U64(rig_wait(rig, 1), 0); /* said once */
    if (!rig->is_sim) {
        raise(SIGUSR1);
        CHECK_EQ_U64(rig_wait(rig, 2000), PK_SIG_DUMP);
        raise(SIGUSR2);
        CHECK_EQ_U64(rig_wait(rig, 2000), PK_SIG_LOG_LEVEL);
        raise(SIGINT);
        CHECK_EQ_U64(rig_wait(rig, 2000), PK_SIG_STOP);
    }
}

ON_BOTH(loop__the_store_finishes__ends_the_wait) {
    static uint8_t bytes[256];
    struct pk_store_batch b;
    uint64_t seq;
    pk_batch_init(&b, bytes, sizeof bytes);
    REQUIRE(pk_batch_put(&b, PK_TREE_OBJECTS, pk_str_of("k"), pk_str_of("v")) == PK_OK);
    const uint64_t start = rig_now_ms(rig);
    REQUIRE(rig->port.store.submit(rig->port.store.ctx, &b, &seq) == PK_OK);
    while (rig->port.store.durable(rig->port.store.ctx) < seq && rig_now_ms(rig) - start < 20000) {
        rig_wait(rig, 20000);
    }
    CHECK_EQ_U64(rig->port.store.durable(rig->port.store.ctx), seq);
    CHECK(rig_now_ms(rig) - start < 15000);
}

ON_BOTH(loop__an_unread_frame__does_not_spin) {
    struct pk_ipc_frame f;
    memset(&f, 0, sizeof f);
    f.version = PK_IPC_VERSION;
    rig_super_send(rig, &f, sizeof f);
    rig_wait(rig, 20);
    const uint64_t start = rig_now_ms(rig);
    for (uint32_t i = 0; i < 3; i++) {
        rig_wait(rig, 30);
    }
    CHECK(rig_now_ms(rig) - start >= 60);
    CHECK_EQ_INT(rig->port.ipc.recv(rig->port.ipc.ctx, &f), PK_OK);
}

/* ---- log */
static const char *log_text(struct rig *r, char *out, uint32_t cap) {
    if (r->is_sim) {
        const uint32_t n = r->sim.log_bytes < cap - 1u ? r->sim.log_bytes : cap - 1u;
        memcpy(out, r->sim.log, n);
        out[n] = '\0';
        return out;
    }
    const ssize_t n = read(r->log_fd, out, cap - 1u);
    out[n > 0 ? n : 0] = '\0';
    return out;
}

ON_BOTH(log__level_in_front_and_one_line) {
    char text[256];
    rig->port.log.write(rig->port.log.ctx, PK_LOG_ERROR, pk_str_of("a fault"));
    rig->port.log.write(rig->port.log.ctx, PK_LOG_DEBUG, pk_str_of("two\nlines\x1b[31m"));
    CHECK_STR(log_text(rig, text, sizeof text), "<3>a fault\n<7>two?lines?[31m\n");
}

PK_TEST(log__full_pipe__drops_counts_and_says_so) {
    struct rig *r = &rig_only;
    rig_open(r, false);
    static char line[900];
    memset(line, 'x', sizeof line);
    for (uint32_t i = 0; i < 200; i++) { /* 180 KB into a pipe of 64 KB */
        r->port.log.write(r->port.log.ctx, PK_LOG_INFO, pk_str_make(line, sizeof line));
    }
    CHECK(r->log.dropped_count > 100 && r->log.dropped_count < 200);
    static char text[1 << 17];
    ssize_t n = read(r->log_fd, text, sizeof text);
    CHECK(n > 32768);
    r->port.log.write(r->port.log.ctx, PK_LOG_INFO, pk_str_of("after"));
    n = read(r->log_fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    CHECK(strstr(text, " log lines were dropped\n<6>after\n") != NULL);
    CHECK_EQ_U64(r->log.dropped_count, 0);
    rig_close(r);
}

/* ---- files */
ON_BOTH(files__replace_then_read) {
    char path[RIG_PATH_BYTES];
    char text[64];
    const struct pk_port_files *f = &rig->port.files;
    rig_path(rig, "a.conf", path);
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), PK_E_NOT_FOUND);
    CHECK_EQ_INT(f->replace(f->ctx, path, "one", 3), PK_OK);
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), 3);
    CHECK_MEM(text, "one", 3);
    CHECK_EQ_INT(f->replace(f->ctx, path, "", 0), PK_OK);
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), 0);
    CHECK_EQ_INT(f->replace(f->ctx, path, "0123456789", 10), PK_OK);
    CHECK_EQ_INT(f->read(f->ctx, path, text, 10), 10);
    CHECK_EQ_INT(f->read(f->ctx, path, text, 9), PK_E_TOO_BIG);
}

/* On this machine /dev/shm is in memory; a case of the simulation is. */
static void memory_path(const struct rig *rig, const char *name, char out[RIG_PATH_BYTES]) {
    (void)snprintf(out, RIG_PATH_BYTES, "/dev/shm/picket-%ld-%s%s", (long)getpid(), rig->is_sim ? "sim-" : "",
                   name);
}

ON_BOTH(files__publish__whole_when_the_last_part_is_there) {
    char path[RIG_PATH_BYTES], text[64];
    const struct pk_port_files *f = &rig->port.files;
    memory_path(rig, "a.prom", path);
    CHECK_EQ_INT(f->publish(f->ctx, path, 0, "one ", 4, false), PK_OK);
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), PK_E_NOT_FOUND);
    CHECK_EQ_INT(f->publish(f->ctx, path, 4, "two", 3, true), PK_OK);
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), 7);
    CHECK_MEM(text, "one two", 7);
    CHECK_EQ_INT(f->publish(f->ctx, path, 0, "half", 4, false), PK_OK);
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), 7); /* the old one stays until then */
    CHECK_EQ_INT(f->publish(f->ctx, path, 3, "x", 1, true), PK_E_STALE);
    CHECK_EQ_INT(f->publish(f->ctx, path, 0, "other", 5, true), PK_OK); /* begun anew */
    CHECK_EQ_INT(f->read(f->ctx, path, text, sizeof text), 5);
    CHECK_MEM(text, "other", 5);
    CHECK_EQ_INT(f->publish(f->ctx, path, 5, "x", 1, true), PK_E_STALE); /* it is in its place already */
    (void)unlink(path);
}

PK_TEST(files__publish__readable_by_all__not_on_a_disk__over_no_link) {
    struct rig *r = &rig_only;
    char path[RIG_PATH_BYTES];
    struct stat st;
    rig_open(r, false);
    const struct pk_port_files *f = &r->port.files;
    const mode_t before = umask(077);
    memory_path(r, "b.prom", path);
    CHECK_EQ_INT(f->publish(f->ctx, path, 0, "x", 1, true), PK_OK);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0644);
    CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
    CHECK_EQ_INT(f->publish(f->ctx, path, 0, "x", 1, true), PK_E_DENIED);
    (void)unlink(path);
    (void)umask(before);
    CHECK_EQ_INT(f->publish(f->ctx, "/proc/a.prom", 0, "x", 1, true), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(f->publish(f->ctx, "/nonexistent/dir/a.prom", 0, "x", 1, true), PK_E_NOT_FOUND);
    rig_close(r);
}

static void add_name(void *arg, const char *name) {
    struct pk_buf *b = arg;
    pk_buf_puts(b, name);
    pk_buf_putc(b, ' ');
}

ON_BOTH(files__list__sorted_and_only_the_suffix) {
    const struct pk_port_files *f = &rig->port.files;
    char text[256];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(f->list(f->ctx, "/nonexistent/dir", ".rules", add_name, &b), PK_E_NOT_FOUND);
    rig_file_put(rig, "20-b.rules", "x");
    rig_file_put(rig, "10-a.rules", "x");
    rig_file_put(rig, "notes.txt", "x");
    rig_file_put(rig, "Z.rules", "x");
    rig_file_put(rig, ".rules", "x"); /* nothing in front of the suffix */
    CHECK_EQ_INT(f->list(f->ctx, rig->dir, ".rules", add_name, &b), 3);
    CHECK_STR(text, "10-a.rules 20-b.rules Z.rules ");
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(f->list(f->ctx, rig->dir, ".none", add_name, &b), 0);
}

PK_TEST(files__links_are_followed__folders_and_fifos_are_refused) {
    struct rig *r = &rig_only;
    rig_open(r, false);
    const struct pk_port_files *f = &r->port.files;
    char path[RIG_PATH_BYTES];
    char other[RIG_PATH_BYTES];
    char text[16];
    rig_file_put(r, "real.rules", "x");
    rig_path(r, "real.rules", path);
    rig_path(r, "link.rules", other);
    REQUIRE(symlink(path, other) == 0);
    CHECK_EQ_INT(f->read(f->ctx, other, text, sizeof text), 1);
    CHECK_EQ_INT(f->replace(f->ctx, other, "y", 1), PK_E_DENIED); /* it would no longer be a link */
    rig_path(r, "lost.rules", other);
    REQUIRE(symlink("/nonexistent/file", other) == 0);
    CHECK_EQ_INT(f->read(f->ctx, other, text, sizeof text), PK_E_NOT_FOUND);
    CHECK_EQ_INT(f->read(f->ctx, r->dir, text, sizeof text), PK_E_DENIED);
    rig_path(r, "fifo.rules", other);
    REQUIRE(mkfifo(other, 0600) == 0);
    CHECK_EQ_INT(f->read(f->ctx, other, text, sizeof text), PK_E_DENIED);
    struct pk_buf b;
    char names[64];
    pk_buf_init(&b, names, sizeof names);
    CHECK_EQ_INT(f->list(f->ctx, r->dir, ".rules", add_name, &b), 3);
    CHECK_STR(names, "link.rules lost.rules real.rules ");
    /* Access rights stay as they were, and nothing is left behind. */
    REQUIRE(chmod(path, 0640) == 0);
    CHECK_EQ_INT(f->replace(f->ctx, path, "y", 1), PK_OK);
    struct stat st;
    REQUIRE(stat(path, &st) == 0);
    CHECK_EQ_INT(st.st_mode & 0777, 0640);
    rig_path(r, "real.rules.new", other);
    CHECK(stat(other, &st) != 0);
    CHECK_EQ_INT(f->replace(f->ctx, "/nonexistent/dir/file", "y", 1), PK_E_NOT_FOUND);
    for (uint32_t i = 0; i < PK_FILES_LIST_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u.rules", (unsigned)i);
        rig_file_put(r, name, "x");
    }
    CHECK_EQ_INT(f->list(f->ctx, r->dir, ".rules", add_name, &b), PK_E_FULL);
    rig_close(r);
}

/* ---- sources */
ON_BOTH(source__memory_at_once_cpu_after_two_calls) {
    const struct pk_port_source *s = &rig->port.source;
    struct pk_sample out[8];
    CHECK_EQ_INT(pk_sim_sample_set(&rig->sim, PK_COLLECT_MEMORY, "memory_pct", "memory", 40.5, PK_OK), PK_OK);
    CHECK_EQ_INT(pk_sim_sample_set(&rig->sim, PK_COLLECT_CPU, "cpu_pct", "cpu", 12.0, PK_OK), PK_OK);
    int n = s->sample(s->ctx, PK_COLLECT_MEMORY, out, 8);
    REQUIRE(n >= 1);
    CHECK_STR(out[0].type, "memory_pct");
    CHECK_EQ_INT(out[0].error, PK_OK);
    CHECK(out[0].value > 0.0 && out[0].value < 100.0);
    CHECK_EQ_INT(s->sample(s->ctx, PK_COLLECT_CPU, out, 8), 0);
    rig_wait(rig, 50);
    n = s->sample(s->ctx, PK_COLLECT_CPU, out, 8);
    REQUIRE(n >= 1);
    CHECK_STR(out[0].type, "cpu_pct");
    CHECK(out[0].value >= 0.0 && out[0].value <= 100.0);
    struct pk_watch watch = {.collector = PK_COLLECT_DISK, .name = "root", .path = "/"};
    CHECK_EQ_INT(s->watch(s->ctx, &watch, 1, 120000), PK_OK);
    static struct pk_watch too_many[PK_LIMIT_WATCHES + 1];
    for (uint32_t i = 0; i <= PK_LIMIT_WATCHES; i++) {
        too_many[i] = watch;
    }
    CHECK_EQ_INT(s->watch(s->ctx, too_many, PK_LIMIT_WATCHES + 1, 120000), PK_E_FULL);
}

ON_BOTH(port__is_whole) {
    CHECK_STR(pk_port_missing(&rig->port), NULL);
    struct pk_port broken = rig->port;
    broken.store.fetch = NULL;
    CHECK_STR(pk_port_missing(&broken), "store.fetch");
    broken = rig->port;
    broken.link[1].poll = NULL;
    CHECK_STR(pk_port_missing(&broken), "link[1]");
}

CONTRACT_MAIN(BOTH(clock__mono_rises_and_wall_is_plausible),
              BOTH(loop__waits_until_the_deadline_and_not_longer),
              BOTH(loop__a_signal__ends_the_wait_with_its_bit), BOTH(loop__the_store_finishes__ends_the_wait),
              BOTH(loop__an_unread_frame__does_not_spin), BOTH(log__level_in_front_and_one_line),
              log__full_pipe__drops_counts_and_says_so, BOTH(files__replace_then_read),
              BOTH(files__list__sorted_and_only_the_suffix),
              BOTH(files__publish__whole_when_the_last_part_is_there),
              files__publish__readable_by_all__not_on_a_disk__over_no_link,
              files__links_are_followed__folders_and_fifos_are_refused,
              BOTH(source__memory_at_once_cpu_after_two_calls), BOTH(port__is_whole))
