/* When this machine let nobody in: one real-time thread per processor that wants to run every half
 * millisecond and says when it was late, as kernel threads that do not give way and the host of a virtual
 * machine make it. A figure of milliseconds taken meanwhile is the machine's and not the program's.
 *     build/host/tests/bench/bench_stalls      until its input ends; root
 * A line "FROM TO" for each stall, seconds of CLOCK_MONOTONIC. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD_NS = 500000, LATE_NS = 500000, MOST_PROCESSORS = 256 };

static int64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void say(int64_t from_ns, int64_t to_ns) {
    (void)printf("%.6f %.6f\n", (double)from_ns / 1e9, (double)to_ns / 1e9);
    (void)fflush(stdout);
}

static void *watch(void *arg) {
    const int processor = *(const int *)arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    const struct sched_param first = {.sched_priority = 50};
    if (sched_setaffinity(0, sizeof set, &set) != 0 ||
        pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) != 0) {
        perror("bench_stalls: not root, or no such processor");
        exit(1);
    }
    int64_t wanted_ns = now_ns();
    for (;;) {
        wanted_ns += PERIOD_NS;
        const struct timespec until = {.tv_sec = (time_t)(wanted_ns / 1000000000),
                                       .tv_nsec = (long)(wanted_ns % 1000000000)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
        }
        const int64_t came_ns = now_ns();
        if (came_ns - wanted_ns > LATE_NS) {
            say(wanted_ns, came_ns);
            wanted_ns = came_ns;
        }
    }
    return NULL;
}

int main(void) {
    static int processors[MOST_PROCESSORS];
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < count && i < MOST_PROCESSORS; i++) {
        pthread_t thread;
        processors[i] = i;
        if (pthread_create(&thread, NULL, watch, &processors[i]) != 0) {
            perror("bench_stalls: thread");
            return 1;
        }
    }
    char rest[64];
    while (read(STDIN_FILENO, rest, sizeof rest) > 0) {
    }
    return 0;
}
