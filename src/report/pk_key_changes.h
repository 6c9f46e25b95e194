#ifndef PK_KEY_CHANGES_H
#define PK_KEY_CHANGES_H
/* What signed commands changed in the keys that are obeyed: keys that were added, and names that were revoked
 * (src/decisions/0072-keys-by-signed-command.md). The files of the keys folder are the operator's and are
 * never written; this lies over them, and is kept in the store. A revoked name stays revoked, whatever a file
 * says. */
#include "report/pk_keys.h"

struct pk_key_change {
    bool is_revoked;
    struct pk_key key; /* revoked: only its name counts. Name "": free */
};
struct pk_key_changes {
    struct pk_key_change items[PK_LIMIT_KEY_CHANGES];
};

enum { PK_KEY_CHANGE_BYTES = 160 }; /* of a record, at most */

void pk_key_changes_init(struct pk_key_changes *c);
/* Puts the changes over keys as the files have them: what is revoked goes, what was added comes, as far as
 * there is room; a key that a file has as well stays as the file has it. Keys that found no room. */
uint32_t pk_key_changes_apply(const struct pk_key_changes *c, struct pk_keys *keys);
/* Adds a key. Slot; PK_E_CONFLICT: there is or was a key of this name; PK_E_FULL: no room here or in keys. */
PK_MUST_USE int pk_key_changes_add(struct pk_key_changes *c, struct pk_keys *keys, const struct pk_key *key);
/* Revokes a key that is obeyed. Slot; PK_E_UNKNOWN_KEY; PK_E_FULL; PK_E_CONFLICT: with must_keep_admin, and
 * it is the last key of an admin: nobody could command this gateway any more. */
PK_MUST_USE int pk_key_changes_revoke(struct pk_key_changes *c, struct pk_keys *keys, struct pk_str kid,
                                      bool must_keep_admin);
/* The record of a slot. Bytes. */
PK_MUST_USE uint32_t pk_key_changes_pack(const struct pk_key_changes *c, uint32_t slot, uint8_t *out,
                                         uint32_t cap_bytes);
/* A stored record into its slot. PK_OK, PK_E_BAD_MSG, PK_E_UNSUPPORTED (a later version). */
PK_MUST_USE int pk_key_changes_restore(struct pk_key_changes *c, uint32_t slot, struct pk_str value);
#endif
