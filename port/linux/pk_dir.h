#ifndef PK_DIR_H
#define PK_DIR_H
/* Directory entries without opendir, which allocates. Private to port/linux. */
#include "base/pk_text.h"

struct pk_dir_walk {
    int fd;
    uint32_t n, at_byte;
    uint64_t records[256]; /* aligned as the kernel's records are */
};
/* PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_dir_open(struct pk_dir_walk *w, const char *path);
/* Of a folder that is open; closes it at the end. */
void pk_dir_begin(struct pk_dir_walk *w, int fd);
/* The next name but "." and "..", valid until the next call; NULL at the end. */
const char *pk_dir_next(struct pk_dir_walk *w);
void pk_dir_close(struct pk_dir_walk *w);
#endif
