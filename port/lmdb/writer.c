#include "port/lmdb/writer.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 5000, ALONE_AFTER_FAILURE = 8, ROOM_EACH_MS = 2000 };

static void wake_tick(const struct pk_lmdb *s) {
    const uint64_t one = 1;
    if (s->wake_fd >= 0) {
        const ssize_t r = write(s->wake_fd, &one, sizeof one);
        (void)r; /* a full counter wakes as well */
    }
}

/* What the kernel says this thread wrote, in bytes; 0 where it does not count, as in memory. */
static uint64_t written_bytes(const struct pk_lmdb *s) {
    struct rusage usage;
    return !s->is_in_memory && getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_oublock * 512u : 0u;
}

uint64_t pk_lmdb_commit_group(struct pk_lmdb *s, uint32_t tail, uint32_t head, uint32_t gap_at) {
    uint32_t new_tail = tail;
    uint32_t pages = 0;
    const uint64_t start_us = s->now_us();
    const uint64_t before_bytes = written_bytes(s);
    const int r =
        pk_lmdb_commit(s, tail, head, gap_at, s->one_at_a_time > 0 ? 1u : UINT32_MAX, &new_tail, &pages);
    const int room = r > 0 ? pk_lmdb_spare_keep(s) : r;
    const uint64_t took_us = s->now_us() - start_us;
    const uint64_t wrote_bytes = written_bytes(s) - before_bytes;
    pthread_mutex_lock(&s->lock);
    if (r > 0) {
        pk_lmdb_measure(s);
        s->tail = new_tail;
        if (new_tail < tail || tail == gap_at) {
            s->gap_at = UINT32_MAX; /* the end of the ring was passed */
        }
        s->durable_seq += (uint64_t)r;
        s->status.commit_count++;
        s->status.written_bytes += wrote_bytes != 0 ? wrote_bytes : (uint64_t)pages * s->page_bytes;
        s->status.last_error = room;
        s->backoff_ms = 0;
        s->one_at_a_time -= s->one_at_a_time > 0 ? 1u : 0u;
        if (took_us / 1000u > s->status.longest_commit_ms) {
            s->status.longest_commit_ms =
                took_us / 1000u > UINT32_MAX ? UINT32_MAX : (uint32_t)(took_us / 1000u);
        }
    } else {
        /* The group may be too much where one batch is not. */
        s->one_at_a_time = ALONE_AFTER_FAILURE;
        s->status.is_broken = s->is_broken;
        s->status.last_error = s->is_broken ? s->status.last_error : r;
        s->status.failed_commit_count++;
        s->backoff_ms = s->backoff_ms == 0 ? BACKOFF_FIRST_MS : s->backoff_ms * 2u;
        s->backoff_ms = s->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : s->backoff_ms;
    }
    pthread_mutex_unlock(&s->lock);
    return took_us;
}

void pk_lmdb_drop_many_pages(struct pk_lmdb *s) {
    if (s->touched_pages >= PK_STORE_DROP_PAGES) {
        pk_lmdb_drop_pages(s);
    }
}

/* Called without lock. */
static void commit_queued(struct pk_lmdb *s, uint32_t tail, uint32_t head, uint32_t gap_at) {
    pthread_mutex_lock(&s->env_lock);
    (void)pk_lmdb_commit_group(s, tail, head, gap_at);
    wake_tick(s);
    pk_lmdb_drop_many_pages(s);
    pthread_mutex_unlock(&s->env_lock);
}

static void answer_fetch(struct pk_lmdb *s) {
    uint32_t bytes = 0;
    uint64_t bad_count = 0;
    pthread_mutex_lock(&s->env_lock);
    const int result = pk_lmdb_fetch(s, &s->fetch, &bytes, &bad_count);
    s->touched_pages += bytes / s->page_bytes + 4u;
    pk_lmdb_drop_many_pages(s);
    pthread_mutex_unlock(&s->env_lock);
    pthread_mutex_lock(&s->lock);
    s->fetch_result = result;
    s->fetch_bytes = bytes;
    s->fetch_state = PK_FETCH_DONE;
    s->status.bad_value_count += bad_count;
    pthread_mutex_unlock(&s->lock);
    wake_tick(s);
}

/* The spare room is not what it should be: is there room again? */
static void look_for_room(struct pk_lmdb *s) {
    pthread_mutex_lock(&s->env_lock);
    const int room = pk_lmdb_spare_keep(s);
    pthread_mutex_unlock(&s->env_lock);
    if (room == PK_OK) {
        pthread_mutex_lock(&s->lock);
        s->status.last_error = PK_OK;
        pthread_mutex_unlock(&s->lock);
        wake_tick(s);
    }
}

/* Sleeps until something changes, at most ms (0: no limit). Needs lock. */
static void sleep_changed(struct pk_lmdb *s, uint32_t ms) {
    if (ms == 0) {
        pthread_cond_wait(&s->changed, &s->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000u);
    until.tv_nsec += (long)(ms % 1000u) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&s->changed, &s->lock, &until);
}

void *pk_lmdb_writer_main(void *arg) {
    struct pk_lmdb *s = arg;
    uint64_t retry_us = 0;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        const bool has_work = s->tail != s->head && !s->is_taken;
        const bool is_short = !has_work && s->status.last_error == PK_E_NO_SPACE;
        const bool may_try = s->backoff_ms == 0 || s->is_stopping || s->now_us() >= retry_us;
        if (has_work && may_try) {
            const uint32_t tail = s->tail;
            const uint32_t head = s->head;
            const uint32_t gap_at = s->gap_at;
            pthread_mutex_unlock(&s->lock);
            commit_queued(s, tail, head, gap_at);
            pthread_mutex_lock(&s->lock);
            retry_us = s->now_us() + 1000u * (s->backoff_ms > 0 ? s->backoff_ms : (uint64_t)ROOM_EACH_MS);
            if (s->is_stopping && s->backoff_ms > 0) {
                break; /* one try at the end */
            }
        } else if (s->fetch_state == PK_FETCH_ASKED) {
            pthread_mutex_unlock(&s->lock);
            answer_fetch(s);
            pthread_mutex_lock(&s->lock);
        } else if (s->is_stopping) {
            break;
        } else if (is_short && s->now_us() >= retry_us) {
            pthread_mutex_unlock(&s->lock);
            look_for_room(s);
            pthread_mutex_lock(&s->lock);
            retry_us = s->now_us() + 1000u * (uint64_t)ROOM_EACH_MS;
        } else {
            sleep_changed(s, has_work ? s->backoff_ms : is_short ? (uint32_t)ROOM_EACH_MS : 0u);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}
