#ifndef PK_CTL_KEYFILE_H
#define PK_CTL_KEYFILE_H
/* Private keys of operators:
 *
 *     [private alice-2026]
 *     private = base64url of 32 bytes
 */
#include "base/pk_ini.h"
#include "port/port.h"
#include "wire/pk_jws.h"

struct pk_ctl_private_key {
    char kid[PK_JWS_KID_BYTES];
    uint8_t bytes[PK_ES256_PRIVATE_BYTES];
};

/* A key's or owner's name. */
bool pk_ctl_is_key_name(struct pk_str s);
void pk_ctl_private_write(struct pk_buf *out, const struct pk_ctl_private_key *key);
/* PK_OK or PK_E_CONFIG with why in *diag. `file` names the text in it. */
PK_MUST_USE int pk_ctl_private_parse(struct pk_str text, const char *file, struct pk_ctl_private_key *out,
                                     struct pk_diag *diag);
/* Reads a file. PK_OK, PK_E_CONFIG, or the error of the reading; *diag says why. */
PK_MUST_USE int pk_ctl_private_load(const struct pk_port_files *files, const char *path,
                                    struct pk_ctl_private_key *out, struct pk_diag *diag);
/* Makes a file that is not there yet, with these permissions, on the disk when it returns. PK_OK,
 * PK_E_CONFLICT (it is there), PK_E_NOT_FOUND (no such folder), PK_E_DENIED, PK_E_NO_SPACE, PK_E_IO; then
 * nothing is left of it. */
PK_MUST_USE int pk_ctl_file_make(const char *path, unsigned mode, struct pk_str content);
#endif
