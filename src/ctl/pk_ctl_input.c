#include "ctl/pk_ctl_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int read_pipe(struct pk_ctl_input *in, int fd) {
    size_t cap = 65536, n = 0;
    char *p = malloc(cap);
    while (p != NULL) {
        const ssize_t got = read(fd, p + n, cap - n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(p);
            return PK_E_IO;
        }
        n += (size_t)got;
        if (got == 0) {
            in->p = p;
            in->n = n;
            return PK_OK;
        }
        if (n == cap) {
            char *grown = realloc(p, cap *= 2);
            if (grown == NULL) {
                free(p);
            }
            p = grown;
        }
    }
    return PK_E_TOO_BIG;
}

static int take_file(struct pk_ctl_input *in, int fd, const struct stat *st) {
    in->changed_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    if (st->st_size == 0) {
        return PK_OK;
    }
    if ((uint64_t)st->st_size > SIZE_MAX / 2u) {
        return PK_E_TOO_BIG;
    }
    void *map = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return errno == ENOMEM ? PK_E_TOO_BIG : PK_E_IO;
    }
    in->p = map;
    in->n = (size_t)st->st_size;
    in->is_mapped = true;
    return PK_OK;
}

int pk_ctl_input_open(struct pk_ctl_input *in, const char *path, int in_fd) {
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? in_fd : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    *in = (struct pk_ctl_input){.changed_ms = (int64_t)time(NULL) * 1000};
    if (fd < 0) {
        return errno == ENOENT ? PK_E_NOT_FOUND : PK_E_IO;
    }
    int err = PK_E_IO;
    if (fstat(fd, &st) == 0) {
        err = S_ISREG(st.st_mode) && !is_stdin ? take_file(in, fd, &st) : read_pipe(in, fd);
    }
    if (!is_stdin) {
        (void)close(fd);
    }
    return err;
}

void pk_ctl_input_close(struct pk_ctl_input *in) {
    if (in->p != NULL && in->is_mapped) {
        (void)munmap((void *)(uintptr_t)in->p, in->n);
    } else {
        free((void *)(uintptr_t)in->p);
    }
    *in = (struct pk_ctl_input){.p = NULL};
}

bool pk_ctl_input_next(struct pk_ctl_input_lines *lines, struct pk_str *out) {
    const struct pk_ctl_input *in = lines->in;
    if (lines->at >= in->n) {
        return false;
    }
    const char *from = in->p + lines->at;
    const size_t left = in->n - lines->at;
    const char *end = memchr(from, '\n', left);
    const size_t n = end != NULL ? (size_t)(end - from) : left;
    lines->is_partial = end == NULL;
    lines->at += n + (end != NULL ? 1u : 0u);
    lines->line++;
    *out = (struct pk_str){from, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX};
    return true;
}

uint64_t pk_ctl_input_line_at(const struct pk_ctl_input *in, size_t at) {
    uint64_t line = 1;
    const char *p = in->p;
    const char *end = in->p + (at < in->n ? at : in->n);
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        line++;
        p++;
    }
    return line;
}
