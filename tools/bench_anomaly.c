/* Runs the anomaly detector over the series of a benchmark folder, DIR/data/<category>/<file>.csv: a header
 * line, then "timestamp,value" lines. One series is one detector, from its first row to its last. Started by
 * tools/bench-anomaly, which says what it prints. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/pk_assert.h"
#include "base/pk_decimal.h"
#include "base/pk_time.h"
#include "detect/pk_anomaly.h"

enum { PATH_BYTES = 1024, TIMED_PASSES = 5, EXIT_USAGE = 2 };

_Noreturn void pk_panic(const char *file, int line) {
    fprintf(stderr, "%s:%d: assertion failed\n", file, line);
    abort();
}

struct point {
    int64_t wall_ms;
    double value;
};

struct bench {
    const char *dir;
    bool has_clock, is_timed;
    struct point *points; /* of one file */
    size_t count, cap;
    uint64_t total_points;
    double detector_ns, plain_ns; /* best pass of each file, summed */
};

static int fail_at(const char *path, size_t line, const char *what) {
    fprintf(stderr, "bench-anomaly: %s:%zu: %s\n", path, line, what);
    return -1;
}

static int fail_os(const char *path, const char *what) {
    fprintf(stderr, "bench-anomaly: %s: %s: %s\n", path, what, strerror(errno));
    return -1;
}

/* "2014-04-01 00:05:00", UTC unless it says otherwise. */
static int parse_time(struct pk_str s, int64_t *wall_ms) {
    if (pk_time_parse(s, wall_ms) == PK_OK) {
        return PK_OK;
    }
    char text[64];
    if (s.n + 2u > sizeof text) {
        return PK_E_BAD_FIELD;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = 'Z';
    return pk_time_parse((struct pk_str){text, s.n + 1u}, wall_ms);
}

static int parse_value(struct pk_str s, double *value) {
    struct pk_decimal d;
    const int err = pk_decimal_parse(s, &d);
    return err != PK_OK ? err : pk_decimal_to_double(&d, value);
}

static int add_point(struct bench *b, const struct point *p) {
    if (b->count == b->cap) {
        const size_t cap = b->cap * 2 + 4096;
        struct point *grown = realloc(b->points, cap * sizeof *grown);
        if (grown == NULL) {
            return -1;
        }
        b->points = grown;
        b->cap = cap;
    }
    b->points[b->count++] = *p;
    return 0;
}

static int take_line(struct bench *b, const char *path, size_t line, const char *text, size_t n) {
    const char *comma = memchr(text, ',', n);
    if (comma == NULL) {
        return fail_at(path, line, "no comma: expected \"timestamp,value\"");
    }
    const char *value = comma + 1;
    const size_t rest = n - (size_t)(value - text);
    const char *end = memchr(value, ',', rest);
    const size_t value_bytes = end != NULL ? (size_t)(end - value) : rest;
    struct point p = {0};
    if (b->has_clock && parse_time((struct pk_str){text, (uint32_t)(comma - text)}, &p.wall_ms) != PK_OK) {
        return fail_at(path, line, "the timestamp is not like 2014-04-01 00:05:00");
    }
    if (parse_value((struct pk_str){value, (uint32_t)value_bytes}, &p.value) != PK_OK) {
        return fail_at(path, line, "the value is not a finite number");
    }
    return add_point(b, &p) == 0 ? 0 : fail_at(path, line, "no memory");
}

static int read_series(struct bench *b, const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return fail_os(path, "cannot be opened");
    }
    char *text = NULL;
    size_t cap = 0;
    size_t line = 0;
    int failed = 0;
    b->count = 0;
    for (ssize_t n; failed == 0 && (n = getline(&text, &cap, f)) >= 0;) {
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
            n--;
        }
        line++;
        if (line > 1) {
            failed = take_line(b, path, line, text, (size_t)n);
        }
    }
    if (failed == 0 && ferror(f)) {
        failed = fail_os(path, "cannot be read");
    } else if (failed == 0 && line == 0) {
        failed = fail_at(path, 1, "no header line");
    }
    free(text);
    fclose(f);
    return failed;
}

static void print_scores(const struct bench *b, const char *name) {
    struct pk_anomaly a;
    pk_anomaly_init(&a);
    for (size_t i = 0; i < b->count; i++) {
        double score = 0;
        (void)!pk_anomaly_push(&a, b->points[i].value, b->points[i].wall_ms, b->has_clock, &score);
        printf("%s %zu %.9g\n", name, i, score);
    }
}

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double detector_pass(const struct bench *b) {
    struct pk_anomaly a;
    double sum = 0;
    pk_anomaly_init(&a);
    for (size_t i = 0; i < b->count; i++) {
        double score = 0;
        (void)!pk_anomaly_push(&a, b->points[i].value, b->points[i].wall_ms, b->has_clock, &score);
        sum += score;
    }
    return sum;
}

/* What a detector costs at the very least: the distance from a running mean in running standard deviations.
 */
static double plain_pass(const struct bench *b) {
    double mean = 0;
    double variance = 0;
    double sum = 0;
    for (size_t i = 0; i < b->count; i++) {
        const double d = b->points[i].value - mean;
        sum += variance > 0 ? fabs(d) / sqrt(variance) : 0;
        mean += 0.01 * d;
        variance = 0.99 * (variance + 0.01 * d * d);
    }
    return sum;
}

static double best_ns(const struct bench *b, double (*pass)(const struct bench *)) {
    static volatile double kept; /* so that no pass is left out */
    double best = 0;
    for (int i = 0; i < TIMED_PASSES; i++) {
        const double start = now_ns();
        kept = pass(b);
        const double ns = now_ns() - start;
        best = i == 0 || ns < best ? ns : best;
    }
    (void)kept;
    return best;
}

static int run_file(struct bench *b, const char *category, const char *file) {
    char path[PATH_BYTES];
    char name[PATH_BYTES];
    const int n = snprintf(path, sizeof path, "%s/data/%s/%s", b->dir, category, file);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return fail_os(file, "cannot be opened");
    }
    snprintf(name, sizeof name, "%.500s/%.500s", category, file);
    if (read_series(b, path) != 0) {
        return -1;
    }
    print_scores(b, name);
    b->total_points += b->count;
    if (b->is_timed) {
        b->detector_ns += best_ns(b, detector_pass);
        b->plain_ns += best_ns(b, plain_pass);
    }
    return 0;
}

static int is_csv(const struct dirent *e) {
    const char *dot = strrchr(e->d_name, '.');
    return dot != NULL && strcmp(dot, ".csv") == 0;
}

static int is_not_hidden(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls `each` for every entry in the order of their bytes, so that the output is the same everywhere. */
static int walk(struct bench *b, const char *path, const char *category, int (*pick)(const struct dirent *),
                int (*each)(struct bench *, const char *, const char *)) {
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, pick, by_bytes);
    if (count < 0) {
        return fail_os(path, "cannot be listed");
    }
    int failed = 0;
    for (int i = 0; i < count; i++) {
        if (failed == 0) {
            failed = each(b, category, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

static int run_category(struct bench *b, const char *data, const char *category) {
    char path[PATH_BYTES];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/%s", data, category);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return fail_os(category, "cannot be listed");
    }
    if (stat(path, &st) != 0) {
        return fail_os(path, "cannot be looked at");
    }
    return S_ISDIR(st.st_mode) ? walk(b, path, category, is_csv, run_file) : 0;
}

static void print_times(const struct bench *b) {
    const double points = (double)b->total_points;
    fprintf(stderr,
            "%llu points; detector %.1f ns a point, plain z-score %.1f ns a point, ratio %.1f; %zu bytes a "
            "series\n",
            (unsigned long long)b->total_points, b->detector_ns / points, b->plain_ns / points,
            b->detector_ns / b->plain_ns, sizeof(struct pk_anomaly));
}

static int usage(void) {
    fputs("usage: bench-anomaly [--noclock] [--time] DIR\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct bench b = {.has_clock = true};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--noclock") == 0) {
            b.has_clock = false;
        } else if (strcmp(argv[i], "--time") == 0) {
            b.is_timed = true;
        } else if (argv[i][0] == '-' || b.dir != NULL) {
            return usage();
        } else {
            b.dir = argv[i];
        }
    }
    char data[PATH_BYTES];
    if (b.dir == NULL || strlen(b.dir) > PATH_BYTES / 2) {
        return usage();
    }
    snprintf(data, sizeof data, "%s/data", b.dir);
    int failed = walk(&b, data, data, is_not_hidden, run_category);
    if (failed == 0 && b.total_points == 0) {
        fprintf(stderr, "bench-anomaly: %s: no series: expected <category>/<file>.csv in it\n", data);
        failed = -1;
    }
    if (failed == 0 && b.is_timed) {
        print_times(&b);
    }
    free(b.points);
    if (fflush(stdout) != 0) {
        failed = fail_os("standard output", "cannot be written");
    }
    return failed != 0;
}
