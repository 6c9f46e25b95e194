/* The agent's process: brings the platform up, seals itself, then nothing but ticks. */
#include <string.h>
#include <unistd.h>

#include "agent/pk_agent.h"
#include "agent/pk_selftest.h"
#include "base/pk_zero.h"
#include "port/port.h"
#include "roles/pk_roles.h"
#include "roles/pk_say.h"
#include "roles/pk_supervisor.h"

_Static_assert((int)PK_AGENT_REOPEN_MS < (int)PK_SUPER_DURABLE_MS,
               "the agent leaves a broken store before the watchdogs go hungry");
_Static_assert((int)PK_AGENT_REOPEN_MS >= (int)PK_SUPER_GOOD_RUN_MS, "and its run was a good one by then");

enum {
    HANDSHAKE_MS = 5000,
    PEM_BYTES = 8192,
    SEAL_DIRS = 7 + 4 * PK_LINKS + PK_LIMIT_WATCHES,
    TEXT_BYTES = 24576
};

/* Too big for the stack; one per process. */
static struct {
    struct pk_agent agent;
    struct pk_port port;
    char ca[PEM_BYTES], certificate[PEM_BYTES], key[PEM_BYTES]; /* while they are read */
    char dirs[SEAL_DIRS][PK_CONFIG_PATH_BYTES];
    const char *read_dirs[SEAL_DIRS + 1];
    uint32_t read_count;
} role;

#if defined(__x86_64__)
#define ISA_NAME "x86_64"
#elif defined(__aarch64__)
#define ISA_NAME "aarch64"
#elif defined(__arm__)
#define ISA_NAME "armv7"
#elif defined(__riscv)
#define ISA_NAME "riscv64"
#elif defined(__mips__)
#define ISA_NAME "mips"
#else
#error "name this instruction set"
#endif

static const struct pk_agent_identity IDENTITY = {
    .version = PK_VERSION, .isa = ISA_NAME, .board = PK_BOARD, .arena = pk_platform_arena};

static void say(enum pk_log_level level, const char *text, const char *detail) {
    const char severity[] = {'<', (char)('0' + (int)level), '>', '\0'};
    (void)pk_say(STDERR_FILENO, severity, "picketd agent: ", text, detail[0] != '\0' ? ": " : "", detail,
                 "\n", NULL);
}

static int refuse_config(const struct pk_diag *diag) {
    char text[320];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(diag, &b);
    (void)pk_say(STDERR_FILENO, "<3>", text, "\n", NULL);
    return PK_EXIT_DAEMON_CONFIG;
}

/* ---- the supervisor's greeting ---- */

static int send_frame(uint16_t type, uint32_t id, const void *body, uint32_t n) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = type, .id = id, .body_bytes = (uint16_t)n};
    if (n > 0) {
        memcpy(f.body, body, n);
    }
    return role.port.ipc.send(role.port.ipc.ctx, &f);
}

/* Waits for one frame of that type (and id, unless it is 0 in WELCOME). Only before the first tick. */
static int await_frame(uint16_t type, uint32_t id, struct pk_ipc_frame *out) {
    const struct pk_port *p = &role.port;
    const uint64_t deadline_ms = p->clock.mono_ms(p->clock.ctx) + HANDSHAKE_MS;
    while (p->clock.mono_ms(p->clock.ctx) < deadline_ms) {
        const int err = p->ipc.recv(p->ipc.ctx, out);
        if (err == PK_OK && out->type == type && out->id == id) {
            return PK_OK;
        }
        if (err == PK_OK && out->type == PK_IPC_REFUSED && out->id == id) {
            return PK_E_DENIED;
        }
        if (err == PK_E_CLOSED) {
            return err;
        }
        if (err != PK_OK && (p->loop.wait(p->loop.ctx, deadline_ms) & PK_SIG_STOP) != 0) {
            return PK_E_CLOSED;
        }
    }
    return PK_E_TIMEOUT;
}

static int greet(struct pk_agent_start *start) {
    struct pk_ipc_frame f;
    struct pk_ipc_welcome w;
    const struct pk_ipc_hello hello = {.agent_version = PK_IPC_VERSION,
                                       .actions_crc = pk_agent_actions_crc(&role.agent)};
    int err = send_frame(PK_IPC_HELLO, 0, &hello, sizeof hello);
    if (err == PK_OK) {
        err = await_frame(PK_IPC_WELCOME, 0, &f);
    }
    if (err != PK_OK) {
        return err;
    }
    memcpy(&w, f.body, sizeof w);
    *start = (struct pk_agent_start){.boot_epoch = w.boot_epoch,
                                     .restart_count = w.restart_count,
                                     .last_exit = w.last_exit,
                                     .is_store_moved_aside = w.store_moved_aside != 0,
                                     .record_lost = w.record_lost,
                                     .kernel_boot = w.kernel_boot,
                                     .oom_kill_count = w.oom_kill_count,
                                     .trace_crc = w.trace_crc,
                                     .trace = w.trace,
                                     .has_watchdog_fired = w.has_watchdog_fired != 0,
                                     .was_hung = w.was_hung != 0};
    memcpy(start->trace_line, w.trace_line, sizeof start->trace_line);
    return PK_OK;
}

static int take_listener(enum pk_listener listener, uint32_t open_id) {
    struct pk_ipc_frame f;
    int err = send_frame(PK_IPC_OPEN, open_id, NULL, 0);
    if (err == PK_OK) {
        err = await_frame(PK_IPC_FD, open_id, &f);
    }
    return err == PK_OK ? pk_platform_adopt_listener(&role.port, listener, open_id) : err;
}

/* ---- TLS ---- */

/* Where it stands in the files, as other errors of the configuration; key NULL: the section. */
static void say_tls(uint32_t link, const char *key, const char *message, const char *argument) {
    const struct pk_config_place place = {pk_str_of("broker"), pk_str_of(pk_config_broker_word(link)),
                                          pk_str_of(key != NULL ? key : "")};
    char text[sizeof(struct pk_diag) + 32];
    struct pk_agent *a = &role.agent;
    struct pk_diag diag;
    struct pk_buf b;
    pk_diag_set1(&diag, a->config_path, 1, 1, message, pk_str_of(argument));
    if (a->reply_owner == 0) { /* else its scratch holds a reply */
        pk_config_find(&role.port.files, a->config_path, &place, a->reply, sizeof a->reply, &diag);
    }
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&diag, &b);
    say(PK_LOG_ERROR, text, "");
}

static int read_secret(uint32_t link, const char *key, const char *path, char *to, struct pk_str *out) {
    char why[PK_CONFIG_PATH_BYTES + 40];
    struct pk_buf b;
    *out = pk_str_make(NULL, 0);
    if (path[0] == '\0') {
        return PK_OK;
    }
    const int n = role.port.files.read(role.port.files.ctx, path, to, PEM_BYTES - 1);
    if (n < 0) {
        pk_buf_init(&b, why, sizeof why);
        pk_buf_puts(&b, path);
        pk_buf_puts(&b, ": ");
        pk_buf_puts(&b, pk_err_text(n));
        say_tls(link, key, "cannot be read: {}", why);
        return n;
    }
    to[n] = '\0';
    *out = pk_str_make(to, (size_t)n);
    return PK_OK;
}

/* One line of hexadecimal digits. */
static int read_psk(uint32_t link, const char *path, struct pk_str *out) {
    struct pk_str text;
    int err = read_secret(link, "psk_file", path, role.ca, &text);
    const struct pk_str line = pk_str_trim(text);
    const uint32_t n = line.n / 2;
    bool is_hex = line.n % 2 == 0 && n <= PK_PSK_BYTES_MAX;
    for (uint32_t i = 0; i < n && is_hex && err == PK_OK; i++) {
        uint64_t byte = 0;
        is_hex = pk_parse_hex_u64(pk_str_make(line.p + 2 * i, 2), &byte) == PK_OK;
        role.key[i] = (char)byte;
    }
    if (err == PK_OK && !is_hex) {
        say_tls(link, "psk_file", "{}: not a line of 32 to 128 hexadecimal digits", path);
        err = PK_E_BAD_MSG;
    }
    pk_zero(role.ca, sizeof role.ca);
    *out = pk_str_make(role.key, err == PK_OK ? n : 0);
    return err;
}

/* has_links: the link takes them with its next connection; else they are only checked. */
static int prepare_tls(uint32_t link, bool has_links) {
    const struct pk_config_broker *b = &role.agent.config.broker[link];
    struct pk_tls_config tls = {.is_tls12_allowed = b->is_tls12_allowed,
                                .alpn = pk_str_of(b->alpn),
                                .psk_identity = pk_str_of(b->psk_identity)};
    char text[160] = "";
    struct pk_buf why;
    if (!b->is_set || !b->use_tls) {
        pk_agent_certificate(&role.agent, link, 0);
        return PK_OK;
    }
    pk_buf_init(&why, text, sizeof text);
    int err = read_secret(link, "ca", b->ca, role.ca, &tls.ca);
    if (err == PK_OK) {
        err = read_secret(link, "certificate", b->certificate, role.certificate, &tls.certificate);
    }
    if (err == PK_OK) {
        err = read_secret(link, "key", b->key, role.key, &tls.key);
    }
    if (err == PK_OK && b->psk_file[0] != '\0') {
        err = read_psk(link, b->psk_file, &tls.psk);
    }
    if (err != PK_OK) {
        pk_zero(role.key, sizeof role.key);
        return err;
    }
    if (has_links) {
        err = pk_platform_set_tls(&role.port, link, &tls);
        pk_buf_puts(&why, role.port.link[link].error_text(role.port.link[link].ctx));
    } else {
        err = pk_platform_check_tls(&tls, &why);
    }
    pk_zero(role.key, sizeof role.key);
    if (has_links) { /* a new one that was refused leaves the old */
        pk_agent_certificate(&role.agent, link, pk_platform_certificate_end(link));
    }
    if (err != PK_OK) {
        say_tls(link, NULL, "its TLS files: {}", text[0] != '\0' ? text : pk_err_text(err));
    }
    return err;
}

/* The link reads it itself; a check says early that it could not. */
static int check_password(uint32_t link) {
    struct pk_str text;
    const int err =
        read_secret(link, "password_file", role.agent.config.broker[link].password_file, role.key, &text);
    pk_zero(role.key, sizeof role.key);
    return err;
}

static int prepare_links(bool has_links) {
    int err = PK_OK;
    for (uint32_t i = 0; i < PK_LINKS && err == PK_OK; i++) {
        err = prepare_tls(i, has_links);
        err = err == PK_OK && !has_links ? check_password(i) : err;
    }
    return err;
}

/* ---- the seal ---- */

static void add_dir(const char *path, bool is_file) {
    struct pk_str s = pk_str_of(path);
    if (is_file) {
        while (s.n > 1 && s.p[s.n - 1] != '/') {
            s.n--;
        }
    }
    for (uint32_t i = 0; i < role.read_count; i++) {
        if (pk_str_eq_c(s, role.dirs[i])) {
            return;
        }
    }
    if (s.n == 0 || role.read_count == SEAL_DIRS) {
        return;
    }
    (void)pk_str_copy_cut(s, role.dirs[role.read_count], sizeof role.dirs[0]);
    role.read_dirs[role.read_count] = role.dirs[role.read_count];
    role.read_count++;
}

static void folder_of(const char *path, char folder[PK_CONFIG_PATH_BYTES]) {
    struct pk_str s = pk_str_of(path);
    while (s.n > 1 && s.p[s.n - 1] != '/') {
        s.n--;
    }
    (void)pk_str_copy_cut(s, folder, PK_CONFIG_PATH_BYTES);
}

/* What the agent reads again after the seal: configuration and secrets on reload, and what it measures. */
static uint32_t seal(const char *config_path) {
    const struct pk_config *c = &role.agent.config;
    char folder[PK_CONFIG_PATH_BYTES];
    const char *const write_dirs[] = {c->state_dir, c->textfile[0] != '\0' ? folder : NULL, NULL};
    folder_of(c->textfile, folder);
    add_dir(config_path, true);
    add_dir(c->rules_dir, false);
    add_dir(c->patterns_dir, false);
    add_dir(c->keys_dir, false);
    add_dir(c->actions_path, true);
    add_dir(c->topology_path, true);
    add_dir(c->witness_key_file, true);
    add_dir("/proc", false);
    add_dir("/sys", false);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const struct pk_config_broker *b = &c->broker[i];
        add_dir(b->ca, true);
        add_dir(b->certificate, true);
        add_dir(b->key, true);
        add_dir(b->password_file, true);
        add_dir(b->psk_file, true);
    }
    for (uint32_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].collector == PK_COLLECT_PROCESS && c->watches[i].path[0] != '\0') {
            add_dir(c->watches[i].path, true);
        }
    }
    return pk_platform_seal(&role.port, role.read_dirs, write_dirs);
}

static bool is_seal_enough(uint32_t bits) {
    if (role.agent.config.seal == PK_SEAL_BEST_EFFORT) {
        return true;
    }
    const uint32_t needed = PK_SEAL_NO_NEW_PRIVS | PK_SEAL_SECCOMP;
    return (bits & needed) == needed;
}

/* ---- life ---- */

static int bring_up(const struct pk_options *options, struct pk_agent_start *start) {
    struct pk_agent *a = &role.agent;
    struct pk_diag diag;
    const struct pk_platform_config config = {.proc_root = "/proc", .sys_root = "/sys", .ipc_fd = PK_ROLE_FD};
    int err = pk_platform_open(&config, &role.port);
    if (err != PK_OK) {
        say(PK_LOG_ERROR, "the platform cannot be opened", pk_err_text(err));
        return PK_EXIT_FAILED;
    }
    pk_agent_init(a, &role.port, &IDENTITY);
    if (pk_agent_load(a, options->config_path, options->environment, &diag) != PK_OK) {
        return refuse_config(&diag);
    }
    err = greet(start);
    if (err == PK_OK) {
        err = take_listener(PK_LISTEN_CONTROL, PK_IPC_OPEN_CONTROL);
    }
    if (err == PK_OK) {
        err = take_listener(PK_LISTEN_EVENTS, PK_IPC_OPEN_EVENTS);
    }
    if (err != PK_OK) {
        say(PK_LOG_ERROR, "the supervisor did not answer", pk_err_text(err));
        return PK_EXIT_FAILED;
    }
    if (prepare_links(true) != PK_OK) {
        return PK_EXIT_DAEMON_CONFIG;
    }
    err = pk_platform_open_store(&role.port, a->config.state_dir, a->config.store_map_bytes,
                                 a->config.store_keep_free_bytes);
    if (err == PK_E_UNSUPPORTED) {
        /* Starting again does not help, and moving it aside would lose what the later version knows. */
        say(PK_LOG_ERROR, "the store was written by a later version of picketd; it is left as it is",
            a->config.state_dir);
        return PK_EXIT_DAEMON_CONFIG;
    }
    if (err != PK_OK) {
        say(PK_LOG_ERROR, "the store cannot be opened", pk_err_text(err));
        return PK_EXIT_FAILED;
    }
    return PK_EXIT_OK;
}

int pk_agent_role_main(const struct pk_options *options) {
    struct pk_agent *a = &role.agent;
    struct pk_agent_start start;
    const int exit_code = bring_up(options, &start);
    if (exit_code != PK_EXIT_OK) {
        return exit_code;
    }
    start.seal_bits = seal(options->config_path);
    if (!is_seal_enough(start.seal_bits)) {
        say(PK_LOG_ERROR, "this kernel cannot seal the agent",
            "seal = best-effort in [agent] runs it all the same");
        return PK_EXIT_DAEMON_CONFIG;
    }
    const int err = pk_agent_start(a, &start);
    if (err != PK_OK) {
        say(PK_LOG_ERROR, "the stored state cannot be restored", pk_err_text(err));
        return PK_EXIT_FAILED;
    }
    uint64_t until_ms = pk_agent_tick(a, 0);
    const struct pk_ipc_ready ready = {.seal_bits = start.seal_bits,
                                       .start_ms = (uint32_t)(a->now.mono_ms & UINT32_MAX)};
    (void)send_frame(PK_IPC_READY, 0, &ready, sizeof ready);
    uint64_t reload_count = a->counters.reloads;
    while (!pk_agent_is_stopped(a)) {
        const uint32_t signals = role.port.loop.wait(role.port.loop.ctx, until_ms);
        until_ms = pk_agent_tick(a, signals);
        if (a->counters.reloads != reload_count) {
            reload_count = a->counters.reloads;
            (void)prepare_links(
                true); /* what cannot be read any more since the check is said; the old stays */
        }
    }
    return pk_agent_exit_code(a);
}

/* ---- tasks without a daemon ---- */

static int load_for_check(const struct pk_options *options) {
    struct pk_diag diag;
    if (pk_platform_open_tools(&role.port) != PK_OK) {
        return PK_EXIT_FAILED;
    }
    pk_agent_init(&role.agent, &role.port, &IDENTITY);
    if (pk_agent_load(&role.agent, options->config_path, options->environment, &diag) != PK_OK) {
        return refuse_config(&diag);
    }
    return PK_EXIT_OK;
}

static void print(void (*writer)(struct pk_agent *, struct pk_buf *)) {
    static char text[TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    writer(&role.agent, &b);
    (void)pk_say(STDOUT_FILENO, text, NULL);
}

int pk_agent_try_config(const struct pk_options *options) {
    const int exit_code = load_for_check(options);
    if (exit_code != PK_EXIT_OK) {
        return exit_code;
    }
    return prepare_links(false) == PK_OK ? PK_EXIT_OK : PK_EXIT_DAEMON_CONFIG;
}

int pk_agent_check_config(const struct pk_options *options) {
    const int exit_code = pk_agent_try_config(options);
    if (exit_code != PK_EXIT_OK) {
        return exit_code;
    }
    (void)pk_say(STDOUT_FILENO, options->config_path, ": ok\n", NULL);
    print(pk_agent_print_rule_prices);
    print(pk_agent_print_budget);
    return PK_EXIT_OK;
}

int pk_agent_memory(const struct pk_options *options) {
    (void)options;
    if (pk_platform_open_tools(&role.port) != PK_OK) {
        return PK_EXIT_FAILED;
    }
    pk_agent_init(&role.agent, &role.port, &IDENTITY);
    print(pk_agent_print_budget);
    return PK_EXIT_OK;
}

int pk_agent_selftest(const struct pk_options *options) {
    char text[2048];
    struct pk_buf b;
    (void)options;
    if (pk_platform_open_tools(&role.port) != PK_OK) {
        return PK_EXIT_FAILED;
    }
    pk_buf_init(&b, text, sizeof text);
    const uint32_t failed = pk_selftest(&role.port, &b);
    (void)pk_say(STDOUT_FILENO, text, NULL);
    return failed == 0 ? PK_EXIT_OK : PK_EXIT_FAILED;
}
