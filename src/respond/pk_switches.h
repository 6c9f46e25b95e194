#ifndef PK_SWITCHES_H
#define PK_SWITCHES_H
/* Switches of what happens by itself (REQUIREMENTS S0-19, S3-48). The local file says what may be on; a
 * command can switch it off, over restarts, and on again as far as the file lets it: the file beats every
 * command. This is what people said; the file's word is with the caller. */
#include "base/pk_bytes.h"
#include "base/pk_time.h"

enum pk_switch {
    PK_SWITCH_AUTO_REMEDIATION, /* rules start actions; off: they only recommend them */
    PK_SWITCH_NOTIFICATIONS,    /* incidents are announced; off: they are only on record */
    PK_SWITCH_AUTO_ROLLBACK,    /* what fails or does not help is undone by itself */
    PK_SWITCH_MAINTENANCE,      /* maintenance tasks run by their schedule */
    PK_SWITCH_COUNT
};
enum {
    PK_SWITCH_BY_BYTES = 48,
    PK_SWITCH_WHY_BYTES = 48,
    PK_SWITCH_KEY_BYTES = 2,
    PK_SWITCH_STORED_BYTES = 128
};

struct pk_switch_row {
    bool is_off, is_dirty; /* somebody said so; to be stored */
    struct pk_stamp at;
    char by[PK_SWITCH_BY_BYTES];
    char why[PK_SWITCH_WHY_BYTES];
};
struct pk_switches {
    struct pk_switch_row rows[PK_SWITCH_COUNT];
};

const char *pk_switch_word(uint8_t which); /* "auto_remediation_enabled" ... */
/* PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_switch_parse(struct pk_str word, uint8_t *out);
/* allowed: what the local file says of this one. PK_OK; PK_E_POLICY: on, where the file says no. Texts are
 * cut. */
PK_MUST_USE int pk_switch_set(struct pk_switches *s, uint8_t which, bool is_on, bool allowed,
                              struct pk_str by, struct pk_str why, const struct pk_stamp *now);
/* "notifications_enabled is off: uid:0: new site" or "...: the local file says no"; nothing when it is on. */
void pk_switch_words(const struct pk_switches *s, uint8_t which, bool allowed, struct pk_buf *out);

/* -- the store -- */
struct pk_switch_record {
    uint8_t key[PK_SWITCH_KEY_BYTES];
    uint8_t value[PK_SWITCH_STORED_BYTES];
    uint32_t value_bytes; /* 0: delete the key */
};
/* The next one that changed. PK_OK, or PK_E_NOT_FOUND when there is no more. */
PK_MUST_USE int pk_switches_next_dirty(struct pk_switches *s, struct pk_switch_record *out);
/* A stored value back, at start. PK_OK, PK_E_CORRUPT: with a key of ours the switch is off, by "store". */
PK_MUST_USE int pk_switches_restore(struct pk_switches *s, struct pk_str key, struct pk_str value);
#endif
