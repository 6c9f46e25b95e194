/* Sends event lines to the events socket of a running agent as fast as it takes them, reads every reply, and
 * says how many came back a second, what the agent used of a processor for them and this program beside it,
 * and for which part of the time the agent stood ready and had none.
 *     bench_socket SOCKET AGENT_PID SECONDS */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/event_lines.h"

enum {
    PIECES = 32,
    PIECE_LINES = 512,
    LINES = PIECES * PIECE_LINES,
    WINDOW_LINES = 1536, /* their answers fit the socket: those of a peer that does not read are dropped */
    INPUT_BYTES = 1 << 16,
    PROMPT_BYTES = 8,
    PATIENCE_S = 5
};

static char lines[LINES * EVENT_LINE_BYTES_MAX];
static size_t starts[PIECES + 1];
static char input[INPUT_BYTES];
static int sock;
static atomic_uint_fast64_t taken_count, refused_count;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "bench_socket: %s\n", what);
    exit(1);
}

/* User and system time of the process, in seconds. */
static double cpu_s(const char *pid) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *f = fopen(path, "r");
    const size_t n = f != NULL ? fread(text, 1, sizeof text - 1u, f) : 0;
    unsigned long user = 0;
    unsigned long system_ticks = 0;
    if (f != NULL) {
        fclose(f);
    }
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    if (end == NULL ||
        sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_ticks) != 2) {
        die("no such agent");
    }
    return (double)(user + system_ticks) / (double)sysconf(_SC_CLK_TCK);
}

/* How long the main thread of the process stood ready and had no processor, in seconds; 0 where the kernel
 * does not say. */
static double waited_s(const char *pid) {
    char path[64];
    unsigned long long ran_ns = 0;
    unsigned long long ready_ns = 0;
    snprintf(path, sizeof path, "/proc/%s/schedstat", pid);
    FILE *f = fopen(path, "r");
    if (f != NULL && fscanf(f, "%llu %llu", &ran_ns, &ready_ns) != 2) {
        ready_ns = 0;
    }
    if (f != NULL) {
        fclose(f);
    }
    return (double)ready_ns / 1e9;
}

static double own_cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A reply begins with {"ok":true or {"ok":false; only its first bytes are looked at, wherever the pieces end.
 */
static void *read_replies(void *unused) {
    uint32_t at = 0; /* within the line */
    ssize_t n = 0;
    (void)unused;
    while ((n = recv(sock, input, sizeof input, 0)) > 0) {
        uint64_t taken = 0;
        uint64_t refused = 0;
        for (const char *p = input, *end = input + n; p < end;) {
            if (at == 6) {
                taken += *p == 't' ? 1u : 0u;
                refused += *p == 't' ? 0u : 1u;
            }
            if (at < PROMPT_BYTES) {
                at = *p == '\n' ? 0 : at + 1u;
                p++;
                continue;
            }
            const char *stop = memchr(p, '\n', (size_t)(end - p));
            at = stop != NULL ? 0 : at;
            p = stop != NULL ? stop + 1 : end;
        }
        atomic_fetch_add(&taken_count, taken);
        atomic_fetch_add(&refused_count, refused);
    }
    return NULL;
}

static void make_lines(void) {
    size_t n = 0;
    for (unsigned i = 0; i < LINES; i++) {
        if (i % PIECE_LINES == 0) {
            starts[i / PIECE_LINES] = n;
        }
        n += (size_t)event_line(lines + n, EVENT_LINE_BYTES_MAX, i);
        lines[n++] = '\n';
    }
    starts[PIECES] = n;
}

static uint64_t answered(void) {
    return atomic_load(&taken_count) + atomic_load(&refused_count);
}

/* Sleeps, so that the agent has the processor; false when the answers do not come. */
static bool await_answers(uint64_t count) {
    const uint64_t until_ns = now_ns() + (uint64_t)PATIENCE_S * 1000000000u;
    while (answered() < count) {
        if (now_ns() > until_ns) {
            return false;
        }
        usleep(100);
    }
    return true;
}

/* A piece is a run of whole lines. */
static uint64_t send_for(double seconds) {
    const uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9);
    uint64_t sent = 0;
    while (now_ns() < until_ns) {
        const uint32_t piece = (uint32_t)(sent / PIECE_LINES % PIECES);
        for (size_t at = starts[piece]; at < starts[piece + 1u];) {
            const ssize_t n = send(sock, lines + at, starts[piece + 1u] - at, MSG_NOSIGNAL);
            if (n <= 0) {
                die("the agent closed the connection");
            }
            at += (size_t)n;
        }
        sent += PIECE_LINES;
        if (sent > WINDOW_LINES && !await_answers(sent - WINDOW_LINES)) {
            die("the answers do not come");
        }
    }
    return sent;
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t reader;
    if (argc != 4) {
        die("usage: bench_socket SOCKET AGENT_PID SECONDS");
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    sock = socket(AF_UNIX, SOCK_STREAM, 0);
    if (sock < 0 || connect(sock, (const struct sockaddr *)&address, sizeof address) != 0) {
        die("cannot connect");
    }
    make_lines();
    if (pthread_create(&reader, NULL, read_replies, NULL) != 0) {
        die("no thread");
    }
    const double cpu_before_s = cpu_s(argv[2]);
    const double waited_before_s = waited_s(argv[2]);
    const double own_before_s = own_cpu_s();
    const uint64_t start_ns = now_ns();
    const uint64_t sent = send_for(atof(argv[3]));
    if (!await_answers(sent)) {
        die("the last answers do not come");
    }
    const double wall_s = (double)(now_ns() - start_ns) / 1e9;
    const double used_s = cpu_s(argv[2]) - cpu_before_s;
    const double waited = waited_s(argv[2]) - waited_before_s;
    const double own_s = own_cpu_s() - own_before_s;
    printf("sent=%llu refused=%llu seconds=%.3f lines_per_s=%.0f cpu_ns_per_line=%.0f lines_per_cpu_s=%.0f "
           "sender_ns_per_line=%.0f waited_pct=%.0f\n",
           (unsigned long long)sent, (unsigned long long)atomic_load(&refused_count), wall_s,
           (double)sent / wall_s, used_s * 1e9 / (double)sent, (double)sent / used_s,
           own_s * 1e9 / (double)sent, waited * 100.0 / wall_s);
    return atomic_load(&refused_count) == 0 ? 0 : 1;
}
