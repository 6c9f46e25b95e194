#include "roles/pk_say.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 512 };

static bool write_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        const ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        bytes += written > 0 ? written : 0;
        n -= written > 0 ? (size_t)written : 0u;
    }
    return true;
}

bool pk_say(int fd, const char *text, ...) {
    char piece[PIECE_BYTES];
    size_t used = 0;
    bool is_written = true;
    va_list more;
    va_start(more, text);
    for (; text != NULL; text = va_arg(more, const char *)) {
        const size_t n = strlen(text);
        if (n > sizeof piece - used) {
            is_written = write_all(fd, piece, used) && is_written;
            used = 0;
        }
        if (n > sizeof piece) {
            is_written = write_all(fd, text, n) && is_written;
        } else {
            memcpy(piece + used, text, n);
            used += n;
        }
    }
    va_end(more);
    return write_all(fd, piece, used) && is_written;
}
