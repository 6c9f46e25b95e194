#ifndef PK_SLOTS_H
#define PK_SLOTS_H
/* A small record that is replaced often and must be on the medium before the caller goes on: a file with two
 * slots that are written in turn, so that one flush of data is all it takes. A new file and a rename take
 * three flushes of a journalling file system. Private to port/linux.
 *
 *     head    magic, version, bytes of a slot, sealed number, CRC-32C            one block
 *     slot    number, bytes of the record, CRC-32C over both and it; the record  twice
 *
 * A record has a number, one more than the last one, and lies in the slot of its parity. It is written and
 * flushed; later, without a flush, its number is sealed in the head. So a damaged slot is told from a torn
 * one: a number that was sealed must be there, or all is corrupt (ADR 0057). All blocks are written when the
 * file is made: later writes change no metadata and need no space. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_err.h"

struct pk_slots {
    int dir_fd;
    const char *name, *new_name; /* in that directory; kept by reference */
    uint64_t number;             /* of the newest record; 0: the next save makes the file anew */
    uint32_t slot_bytes;
    bool is_unsealed; /* of the newest record */
};

void pk_slots_init(struct pk_slots *s, int dir_fd, const char *name, const char *new_name);
/* Bytes, PK_E_NOT_FOUND, PK_E_CORRUPT (also: not a file of ours, and larger than `out`). */
PK_MUST_USE int pk_slots_load(struct pk_slots *s, void *out, uint32_t cap_bytes);
/* PK_OK: on the medium, whole. PK_E_IO, PK_E_NO_SPACE: the record before is still there, or this one is. A
 * record that outgrew its slot, and one after a failure, is written to a new file. */
PK_MUST_USE int pk_slots_save(struct pk_slots *s, const void *p, uint32_t n);
/* To be called when nobody waits: writing to the head may wait for the file system. No-op when it is done. */
void pk_slots_seal(struct pk_slots *s);
#endif
