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
/* A record that cannot be read may have been a revocation, of whichever key: until root of the gateway has
 * put another in its place, no key is obeyed. */
struct pk_key_changes {
    struct pk_key_change items[PK_LIMIT_KEY_CHANGES];
    bool is_unreadable[PK_LIMIT_KEY_CHANGES];
    bool is_beyond; /* one in a place this build has not */
};

/* Who wants a change. */
struct pk_key_right {
    bool is_remote; /* else root on the gateway, who may do anything */
    uint32_t people_count;
    struct pk_str person; /* owner of the first signature */
};

enum {
    PK_KEY_CHANGE_BYTES = 160, /* of a record, at most */
    /* Places that one signature alone cannot take: a stolen key that revokes what it can leaves room to add
     * another and to revoke it. */
    PK_KEY_CHANGES_KEPT = 2
};

void pk_key_changes_init(struct pk_key_changes *c);
/* Puts the changes over keys as the files have them: what is revoked goes, what was added comes, as far as
 * there is room; a key that a file has as well stays as the file has it. Keys that found no room. */
uint32_t pk_key_changes_apply(const struct pk_key_changes *c, struct pk_keys *keys);
bool pk_key_changes_is_distrusted(const struct pk_key_changes *c);
/* Adds a key. Slot; PK_E_CONFLICT: there is or was a key of this name; PK_E_FULL: no room here or in keys. */
PK_MUST_USE int pk_key_changes_add(struct pk_key_changes *c, struct pk_keys *keys, const struct pk_key *key);
/* Revokes a key that is obeyed or, while they are distrusted, any name. Slot; PK_E_UNKNOWN_KEY; PK_E_FULL.
 * Remotely also PK_E_CONFLICT: it is the last key of an admin, nobody could command this gateway any more;
 * PK_E_DENIED: it is the key of another admin, and one signature is not enough for that. */
PK_MUST_USE int pk_key_changes_revoke(struct pk_key_changes *c, struct pk_keys *keys, struct pk_str kid,
                                      const struct pk_key_right *right);
/* The record of a slot. Bytes. */
PK_MUST_USE uint32_t pk_key_changes_pack(const struct pk_key_changes *c, uint32_t slot, uint8_t *out,
                                         uint32_t cap_bytes);
/* A stored record into its slot. PK_OK; PK_E_BAD_MSG, PK_E_UNSUPPORTED (a later version): from then on the
 * keys are distrusted. */
PK_MUST_USE int pk_key_changes_restore(struct pk_key_changes *c, uint32_t slot, struct pk_str value);
#endif
