/* The agent's process: one of everything, behind the entry points of port.h. */
#include <string.h>
#include <unistd.h>

#include "port/linux/pk_arena.h"
#include "port/linux/pk_dial.h"
#include "port/linux/pk_linux.h"
#include "port/linux/pk_net.h"
#include "port/linux/pk_prompt.h"
#include "port/linux/pk_source.h"
#include "port/lmdb/pk_lmdb.h"

/* Static, because the entry points have no context: there is one platform in a process (the tests of the
 * parts use the parts). */
static struct pk_platform {
    struct pk_linux_clock clock;
    struct pk_linux_log log;
    struct pk_linux_loop loop;
    struct pk_linux_ipc ipc;
    struct pk_linux_serve serve;
    struct pk_linux_inlet inlet;
    struct pk_source source;
    struct pk_crypto crypto;
    struct pk_net links[PK_LINKS];
    struct pk_lmdb store;
    struct pk_platform_config config;
    /* Kept for the TLS library, whose hooks outlive every call. */
    struct pk_port_clock clock_port;
    struct pk_port_entropy entropy_port;
} platform;

int pk_platform_open_tools(struct pk_port *out) {
    struct pk_platform *p = &platform;
    memset(out, 0, sizeof *out);
    pk_linux_log_open(&p->log, STDERR_FILENO, &out->log);
    pk_linux_clock_open(&p->clock, &out->clock);
    pk_linux_entropy_open(&out->entropy);
    pk_linux_files_open(&out->files);
    p->clock_port = out->clock;
    p->entropy_port = out->entropy;
    const int err = pk_tls_library_open(&p->entropy_port, &p->clock_port);
    pk_crypto_open(&p->crypto, &p->entropy_port, pk_linux_mono_us, &out->crypto);
    return err;
}

int pk_platform_open(const struct pk_platform_config *config, struct pk_port *out) {
    struct pk_platform *p = &platform;
    (void)pk_prompt_ask(); /* for the store's writer too; without it we are only later */
    int err = pk_platform_open_tools(out);
    p->config = *config;
    if (err == PK_OK) {
        err = pk_linux_loop_open(&p->loop, &out->loop);
    }
    if (err == PK_OK) {
        err = pk_linux_ipc_open(&p->ipc, &p->loop, (int)config->ipc_fd, &out->ipc);
    }
    if (err != PK_OK) {
        return err;
    }
    p->crypto.round = &p->loop.round;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        pk_net_open(&p->links[i], &p->loop, &p->crypto, &out->link[i]);
    }
    pk_linux_serve_open(&p->serve, &p->loop, &out->serve);
    pk_linux_inlet_open(&p->inlet, &p->loop, &p->ipc, &out->inlet);
    pk_source_open(&p->source, config->proc_root, config->sys_root, &out->source);
    return PK_OK;
}

int pk_platform_open_dial(struct pk_port_dial *out) {
    static struct pk_dial dial; /* of a prober's process */
    struct pk_port tools;
    const int err = pk_platform_open_tools(&tools);
    pk_dial_open(&dial, &platform.crypto, out);
    return err;
}

int pk_platform_open_store(struct pk_port *port, const char *state_dir, uint64_t map_bytes,
                           uint64_t keep_free_bytes) {
    struct pk_platform *p = &platform;
    const struct pk_lmdb_config config = {.state_dir = state_dir,
                                          .map_bytes = map_bytes,
                                          .keep_free_bytes = keep_free_bytes,
                                          .wake_fd = pk_linux_loop_wake_fd(&p->loop),
                                          .is_in_memory = pk_linux_is_in_memory(state_dir),
                                          .now_us = pk_linux_mono_us};
    return pk_lmdb_open(&p->store, &config, &port->store);
}

int pk_platform_set_tls(struct pk_port *port, uint32_t link, const struct pk_tls_config *tls) {
    (void)port;
    return link < PK_LINKS ? pk_net_set_tls(&platform.links[link], tls) : PK_E_NOT_FOUND;
}

int64_t pk_platform_certificate_end(uint32_t link) {
    return link < PK_LINKS ? pk_tls_own_end(&platform.links[link].tls) : 0;
}

int pk_platform_check_tls(const struct pk_tls_config *tls, struct pk_buf *why) {
    struct pk_tls t;
    pk_tls_init(&t, &platform.crypto, (struct pk_tls_io){.ctx = NULL});
    const int err = pk_tls_set(&t, tls);
    pk_buf_puts(why, t.error);
    pk_tls_free(&t);
    return err;
}

int pk_platform_adopt_listener(struct pk_port *port, enum pk_listener listener, uint32_t frame_id) {
    (void)port;
    const int fd = pk_linux_ipc_take(&platform.ipc, frame_id);
    return fd < 0 ? PK_E_NOT_FOUND : pk_linux_serve_adopt(&platform.serve, listener, fd);
}

void pk_platform_arena(struct pk_arena_status *libc_arena, struct pk_arena_status *tls_arena) {
    *libc_arena = pk_arena_heap.status;
    *tls_arena = pk_mbedtls_heap.status;
    if (libc_arena->capacity_bytes == 0) {
        libc_arena->capacity_bytes = PK_LIMIT_ARENA_BYTES;
    }
    if (tls_arena->capacity_bytes == 0) {
        tls_arena->capacity_bytes = PK_LIMIT_TLS_HEAP_BYTES;
    }
}
