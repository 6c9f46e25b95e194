/* Ids of local accounts. libc's getpwnam() and getgrnam() ask nscd as well, and bring 4 KB of stdio for it;
 * the account of a daemon is a local one. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "port/linux/pk_accounts.h"

/* Where in a line "name:password:id:..." the next byte belongs. */
struct account_line {
    const char *name;
    uint32_t at;    /* bytes of the name seen */
    uint32_t field; /* 0 name, 1 password, 2 id, then the rest */
    uint64_t id;
    bool is_other, has_id;
};

static void start_line(struct account_line *l, const char *name) {
    *l = (struct account_line){.name = name};
}

static void take(struct account_line *l, char c) {
    if (c == ':') {
        l->is_other = l->is_other || (l->field == 0 && l->name[l->at] != '\0');
        l->field++;
    } else if (l->is_other || l->field == 1 || l->field > 2) {
        return;
    } else if (l->field == 0) {
        l->is_other = l->name[l->at] != c;
        l->at += l->is_other ? 0u : 1u;
    } else {
        l->is_other = c < '0' || c > '9' || l->id > UINT32_MAX;
        l->has_id = true;
        l->id = l->id * 10u + (uint64_t)(c - '0');
    }
}

/* -1 is no id: to setresuid() it means "leave it". */
static bool is_found(const struct account_line *l) {
    return !l->is_other && l->field >= 2 && l->has_id && l->id < UINT32_MAX;
}

int pk_account_id(const char *path, const char *name, uint32_t *out_id) {
    char chunk[512];
    struct account_line line;
    ssize_t n = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? PK_E_NOT_FOUND : PK_E_IO;
    }
    start_line(&line, name);
    bool is_done = name[0] == '\0';
    while (!is_done && ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))) {
        for (ssize_t i = 0; i < n && !is_done; i++) {
            if (chunk[i] != '\n') {
                take(&line, chunk[i]);
                continue;
            }
            is_done = is_found(&line);
            if (!is_done) {
                start_line(&line, name);
            }
        }
    }
    (void)close(fd);
    if (n < 0) {
        return PK_E_IO;
    }
    *out_id = is_found(&line) ? (uint32_t)line.id : *out_id;
    return is_found(&line) ? PK_OK : PK_E_NOT_FOUND;
}
