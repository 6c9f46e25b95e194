/* Directory entries without opendir, which allocates. */
#include "port/linux/pk_dir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As getdents64(2) gives it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t record_bytes;
    uint8_t type;
    char name[];
};

void pk_dir_begin(struct pk_dir_walk *w, int fd) {
    w->fd = fd;
    w->at_byte = 0;
    w->n = 0;
}

int pk_dir_open(struct pk_dir_walk *w, const char *path) {
    pk_dir_begin(w, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return w->fd >= 0 ? PK_OK : PK_E_NOT_FOUND;
}

const char *pk_dir_next(struct pk_dir_walk *w) {
    for (;;) {
        if (w->at_byte >= w->n) {
            const long n = syscall(SYS_getdents64, w->fd, w->records, sizeof w->records);
            if (n <= 0) {
                return NULL;
            }
            w->n = (uint32_t)n;
            w->at_byte = 0;
        }
        const struct entry *e = (const struct entry *)((const char *)w->records + w->at_byte);
        w->at_byte += e->record_bytes;
        if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0) {
            return e->name;
        }
    }
}

void pk_dir_close(struct pk_dir_walk *w) {
    (void)close(w->fd);
    w->fd = -1;
}
