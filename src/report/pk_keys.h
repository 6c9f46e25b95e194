#ifndef PK_KEYS_H
#define PK_KEYS_H
/* The public keys whose commands are obeyed: every *.key file of the keys folder, each holding one or more
 * sections as `picketctl keygen` writes them:
 *
 *     [key alice-2026]
 *     role   = approver
 *     public = MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4...     # base64url of X || Y, 64 bytes
 *     owner  = alice        # optional; two signatures of one owner are one signature. Default: the key's
 * name
 *     uid    = 1000         # optional; on this gateway the owner is that user: what he says with the key and
 * on the local socket is said by one person
 *
 * The section name is the kid. Read whole or not at all. */
#include "base/pk_ini.h"
#include "pk_limits.h"
#include "port/port.h"
#include "wire/pk_jws.h"
#include "wire/pk_role.h"

struct pk_key {
    char kid[PK_JWS_KID_BYTES];
    char owner[PK_JWS_KID_BYTES];
    uint8_t role; /* enum pk_role */
    bool has_uid;
    uint32_t uid; /* of the owner on this gateway */
    uint8_t public_key[PK_ES256_PUBLIC_BYTES];
};
struct pk_keys {
    struct pk_key items[PK_LIMIT_KEYS_PUBLIC];
    uint32_t count;
    bool is_distrusted; /* some of them may have been revoked: none is obeyed (pk_key_changes.h) */
};

void pk_keys_init(struct pk_keys *keys);
/* One text, added to what is there. `file` names it in *diag. PK_OK or PK_E_CONFIG: unknown section, key,
 * role; bad base64url, not 64 bytes, missing part, kid twice, more than PK_LIMIT_KEYS_PUBLIC. */
PK_MUST_USE int pk_keys_parse(struct pk_keys *keys, struct pk_str text, const char *file,
                              struct pk_diag *diag);
/* All *.key files of a folder in byte order. A folder that is not there means no keys: PK_OK and count 0.
 * PK_OK or PK_E_CONFIG (an unreadable file too). On an error *keys is undefined: load into a spare and swap.
 * scratch holds one file at a time. Start and reload only: reads the disk. */
PK_MUST_USE int pk_keys_load(struct pk_keys *keys, const struct pk_port_files *files, const char *dir,
                             void *scratch, uint32_t scratch_bytes, struct pk_diag *diag);
/* Index or PK_E_UNKNOWN_KEY. */
PK_MUST_USE int pk_keys_find(const struct pk_keys *keys, struct pk_str kid);
/* The same for a signature: PK_E_UNKNOWN_KEY also for all of them while they are distrusted. */
PK_MUST_USE int pk_keys_find_obeyed(const struct pk_keys *keys, struct pk_str kid);
/* Who a user of this gateway is: the owner of a key with his uid. NULL: no key says so. */
const char *pk_keys_person(const struct pk_keys *keys, uint32_t uid);
/* Form of a kid and of an owner. */
bool pk_keys_is_name(struct pk_str name);
/* The section text of one public key (picketctl keygen). */
void pk_keys_write(struct pk_buf *out, const struct pk_key *key);
#endif
