#ifndef PK_CTL_INPUT_H
#define PK_CTL_INPUT_H
/* A whole file in memory, and its lines. */
#include "base/pk_text.h"

struct pk_ctl_input {
    const char *p;
    size_t n;
    int64_t changed_ms; /* of the file, Unix; of a pipe: now */
    bool is_mapped;
};
/* Maps a file, reads a pipe; "-" is in_fd. PK_OK, PK_E_NOT_FOUND, PK_E_TOO_BIG, PK_E_IO (a folder, too);
 * nothing to close then. */
PK_MUST_USE int pk_ctl_input_open(struct pk_ctl_input *in, const char *path, int in_fd);
void pk_ctl_input_close(struct pk_ctl_input *in);

struct pk_ctl_input_lines {
    const struct pk_ctl_input *in;
    size_t at;
    uint64_t line;   /* of the last one, from 1 */
    bool is_partial; /* the last one has no end */
};
/* Next line without its end; false at the end of the file. Lines beyond 4 GB are cut. */
bool pk_ctl_input_next(struct pk_ctl_input_lines *lines, struct pk_str *out);
/* Number of the line that byte `at` is in, from 1. */
uint64_t pk_ctl_input_line_at(const struct pk_ctl_input *in, size_t at);
#endif
