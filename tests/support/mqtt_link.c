#include "support/mqtt_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t link_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

void link_nap_ms(long ms) {
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

uint16_t link_free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    const int yes = 1;
    /* Kept: a server that says SO_REUSEADDR, as they do, may listen there; nobody is given it by chance. */
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_bound = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
                          setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                          getsockname(fd, (struct sockaddr *)&a, &n) == 0;
    return is_bound ? ntohs(a.sin_port) : 0;
}

int link_dial(uint16_t port) {
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* argv[0] with its standard output and error in `log`. */
pid_t link_spawn(const char *log, char *const *argv) {
    const pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execv(argv[0], argv);
    _exit(127);
}

void link_end_process(pid_t pid) {
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

void link_init(struct link *l, const char *client_id, enum pk_mqtt_version version) {
    memset(l, 0, sizeof *l);
    l->fd = -1;
    l->config = (struct pk_mqtt_config){.version = (uint8_t)version,
                                        .client_id = pk_str_of(client_id),
                                        .session_expiry_s = 60,
                                        .resumes_session = true,
                                        .accepts_qos2 = true,
                                        .keep_alive_s = 30,
                                        .connect_timeout_ms = 20000};
    const struct pk_mqtt_memory memory = {l->rx, sizeof l->rx, l->tx, sizeof l->tx, l->out,
                                          64,    l->in,        64,    l->aliases,   4};
    pk_mqtt_init(&l->client, &l->config, &memory);
}

static void copy_text(struct pk_str s, char *out, size_t cap_bytes) {
    (void)pk_str_copy_cut(s, out, cap_bytes);
}

static void on_message(struct link *l, const struct pk_mqtt_event *e) {
    l->messages++;
    l->last = *e;
    copy_text(pk_str_make((const char *)e->u.message.payload, e->u.message.payload_bytes), l->message,
              sizeof l->message);
    copy_text(e->u.message.topic, l->topic, sizeof l->topic);
    copy_text(e->props.content_type, l->content_type, sizeof l->content_type);
    copy_text(e->props.response_topic, l->response_topic, sizeof l->response_topic);
    copy_text(e->props.correlation, l->correlation, sizeof l->correlation);
    struct pk_str name, value;
    uint32_t at = 0;
    l->user[0] = '\0';
    while (pk_mqtt_user_property_next(&e->props, &at, &name, &value)) {
        const size_t n = strlen(l->user);
        snprintf(l->user + n, sizeof l->user - n, "%.*s=%.*s;", (int)name.n, name.p, (int)value.n, value.p);
    }
    if (!l->is_refusing_to_ack) {
        (void)pk_mqtt_ack(&l->client, e->u.message.handle, PK_MQTT_SUCCESS);
    }
}

static void on_event(struct link *l, const struct pk_mqtt_event *e) {
    switch (e->kind) {
    case PK_MQTT_EV_CONNECTED:
        l->connected++;
        l->is_session_present = e->u.connected.session_present;
        break;
    case PK_MQTT_EV_MESSAGE:
        on_message(l, e);
        break;
    case PK_MQTT_EV_PUBLISHED:
        if (l->done < LINK_TOKENS_MAX) {
            l->done_tokens[l->done] = e->u.published.token;
        }
        l->done++;
        l->last_reason = e->u.published.reason;
        break;
    case PK_MQTT_EV_SUBSCRIBED:
    case PK_MQTT_EV_UNSUBSCRIBED:
        l->subscribed++;
        l->last_code = e->u.answered.codes != NULL ? e->u.answered.codes[0] : 0;
        break;
    case PK_MQTT_EV_REFUSED:
        l->refused++;
        l->last_reason = e->u.refused.reason;
        break;
    case PK_MQTT_EV_DISCONNECTED:
        l->disconnected++;
        l->last_reason = e->u.refused.reason;
        break;
    case PK_MQTT_EV_ERROR:
        l->errors++;
        l->last_reason = e->u.error.reason;
        printf("# error: %s\n", e->u.error.what);
        break;
    }
}

void link_close(struct link *l) {
    if (l->fd >= 0) {
        close(l->fd);
        l->fd = -1;
    }
    pk_mqtt_lost(&l->client);
}

void link_write(struct link *l) {
    const uint8_t *p;
    const uint32_t n = pk_mqtt_output(&l->client, &p);
    const ssize_t sent = n > 0 ? send(l->fd, p, n, MSG_NOSIGNAL) : 0;
    pk_mqtt_output_done(&l->client, sent > 0 ? (uint32_t)sent : 0, link_now_ms());
}

/* One turn, waiting at most wait_ms for bytes. */
void link_turn(struct link *l, int wait_ms) {
    if (l->fd < 0) {
        link_nap_ms(wait_ms);
        return;
    }
    link_write(l);
    struct pollfd pfd = {.fd = l->fd, .events = POLLIN};
    (void)poll(&pfd, 1, wait_ms);
    uint32_t cap = 0;
    uint8_t *space = pk_mqtt_rx_space(&l->client, &cap);
    const ssize_t n = cap > 0 ? recv(l->fd, space, cap, 0) : -1;
    pk_mqtt_rx_done(&l->client, n > 0 ? (uint32_t)n : 0, link_now_ms());
    struct pk_mqtt_event event;
    while (pk_mqtt_next(&l->client, &event)) {
        on_event(l, &event);
    }
    pk_mqtt_tick(&l->client, link_now_ms());
    while (pk_mqtt_next(&l->client, &event)) {
        on_event(l, &event);
    }
    link_write(l);
    if (n == 0 || (n < 0 && cap > 0 && errno != EAGAIN) || pk_mqtt_is_finished(&l->client)) {
        link_close(l);
    }
}

bool link_until(struct link *l, const int *counter, int want) {
    for (const uint64_t end_ms = link_now_ms() + LINK_WAIT_MS; *counter < want && link_now_ms() < end_ms;) {
        link_turn(l, 20);
    }
    return *counter >= want;
}

bool link_open(struct link *l, uint16_t port) {
    l->fd = link_dial(port);
    l->connected = 0;
    return l->fd >= 0 && pk_mqtt_start(&l->client, link_now_ms()) == PK_OK && link_until(l, &l->connected, 1);
}

void link_leave(struct link *l) {
    pk_mqtt_stop(&l->client, PK_MQTT_SUCCESS, link_now_ms());
    for (int i = 0; i < 50 && l->fd >= 0; i++) {
        link_turn(l, 10);
    }
    link_close(l);
}

bool link_subscribe(struct link *l, const char *filter, uint8_t qos) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of(filter), .qos = qos};
    const int want = l->subscribed + 1;
    return pk_mqtt_subscribe(&l->client, &f, 1, 0, 1) == PK_OK && link_until(l, &l->subscribed, want) &&
           l->last_code == qos;
}

struct pk_mqtt_publish link_message(const char *topic, const char *payload, uint8_t qos) {
    return (struct pk_mqtt_publish){.topic = pk_str_of(topic),
                                    .payload = payload,
                                    .payload_bytes = (uint32_t)strlen(payload),
                                    .qos = qos};
}
