#include "ctl/pk_ctl_keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pk_base64.h"

enum { FILE_BYTES_MAX = 1024 };

bool pk_ctl_is_key_name(struct pk_str s) {
    return pk_text_is_id(s, ".:@", PK_JWS_KID_BYTES - 1);
}

void pk_ctl_private_write(struct pk_buf *out, const struct pk_ctl_private_key *key) {
    pk_buf_puts(out, "# Keep this file to yourself: who has it can give orders in your name.\n[private ");
    pk_buf_puts(out, key->kid);
    pk_buf_puts(out, "]\nprivate = ");
    pk_base64url_encode(out, key->bytes, sizeof key->bytes);
    pk_buf_putc(out, '\n');
}

static int fail(struct pk_diag *diag, const char *file, const struct pk_ini_item *item, const char *why) {
    pk_diag_set(diag, file, item->line, item->column, why);
    return PK_E_CONFIG;
}

int pk_ctl_private_parse(struct pk_str text, const char *file, struct pk_ctl_private_key *out,
                         struct pk_diag *diag) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    bool has_key = false;
    pk_ini_init(&r, text.p, text.n);
    *out = (struct pk_ctl_private_key){{0}, {0}};
    for (;;) {
        if (pk_ini_next(&r, &item) != PK_OK) {
            pk_diag_set(diag, file, r.error_line, r.error_column, r.error);
            return PK_E_CONFIG;
        }
        if (item.kind == PK_INI_END) {
            return has_key ? PK_OK : fail(diag, file, &item, "there is no private key in it");
        }
        if (!pk_str_eq_c(item.section_kind, "private") || !pk_ctl_is_key_name(item.section_name)) {
            return fail(diag, file, &item, "not a private key as keygen writes them: [private NAME]");
        }
        if (item.kind == PK_INI_SECTION) {
            if (out->kid[0] != '\0') {
                return fail(diag, file, &item, "more than one private key");
            }
            (void)pk_str_copy_cut(item.section_name, out->kid, sizeof out->kid);
            continue;
        }
        if (!pk_str_eq_c(item.key, "private") || has_key) {
            return fail(diag, file, &item, "not a private key as keygen writes them: one line private = ...");
        }
        if (pk_base64url_decode(item.value, out->bytes, sizeof out->bytes) != (int)sizeof out->bytes) {
            return fail(diag, file, &item, "private is not base64url of 32 bytes");
        }
        has_key = true;
    }
}

int pk_ctl_private_load(const struct pk_port_files *files, const char *path, struct pk_ctl_private_key *out,
                        struct pk_diag *diag) {
    char text[FILE_BYTES_MAX];
    const int n = files->read(files->ctx, path, text, sizeof text);
    if (n < 0) {
        pk_diag_set(diag, path, 0, 0, n == PK_E_TOO_BIG ? "too large for a private key" : pk_err_text(n));
        return n == PK_E_TOO_BIG ? PK_E_CONFIG : n;
    }
    const int err = pk_ctl_private_parse(pk_str_make(text, (size_t)n), path, out, diag);
    explicit_bzero(text, sizeof text);
    return err;
}

static int error_of(int number) {
    switch (number) {
    case EEXIST:
        return PK_E_CONFLICT;
    case ENOENT:
    case ENOTDIR:
        return PK_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return PK_E_DENIED;
    case ENOSPC:
    case EDQUOT:
        return PK_E_NO_SPACE;
    default:
        return PK_E_IO;
    }
}

static int write_and_sync(int fd, struct pk_str content) {
    uint32_t done = 0;
    while (done < content.n) {
        const ssize_t n = write(fd, content.p + done, content.n - done);
        if (n < 0 && errno != EINTR) {
            return error_of(errno);
        }
        done += n > 0 ? (uint32_t)n : 0;
    }
    return fsync(fd) == 0 ? PK_OK : error_of(errno);
}

int pk_ctl_file_make(const char *path, unsigned mode, struct pk_str content) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return error_of(errno);
    }
    int err = write_and_sync(fd, content);
    if (close(fd) != 0 && err == PK_OK) {
        err = error_of(errno);
    }
    if (err != PK_OK) {
        (void)unlink(path);
    }
    return err;
}
