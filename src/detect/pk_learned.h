#ifndef PK_LEARNED_H
#define PK_LEARNED_H
/* What the conditions of a window learned (usual, anomaly, trend), as bytes to keep over a restart: the same
 * on every instruction set. Only windows of live events are kept, and only under a
 * rule whose windows would live on over a reload.
 *
 * A row: kind and version, hash of the rule's id and of its text, the group (the name of the source, or the
 * key of any other group), the two clocks at the moment of saving, and of each condition that learns its
 * number, its kind and its bytes (pk_cond_ops.save). */
#include "base/pk_bytes.h"
#include "detect/pk_engine.h"

enum {
    PK_LEARNED_KIND = 8,    /* of the record (wire/pk_record.h) */
    PK_LEARNED_BYTES = 1250 /* of a row, at most: a block of 1 KiB and what names it */
};

struct pk_learned {
    uint64_t id_hash, definition_hash;
    uint64_t key;         /* of a group that is not a source */
    uint64_t clock_ms;    /* of what is learned, when it was saved */
    int64_t wall_ms;      /* at the same moment; 0 = not known */
    struct pk_str source; /* empty: the group is not a source */
    bool is_foreign;      /* the source is one that strangers named */
    struct pk_str state;
};

/* Whether the window has something to keep. */
bool pk_learned_has(const struct pk_engine *e, uint32_t slot);
/* Names rule and group over restarts; never 0 or UINT64_MAX. */
uint64_t pk_learned_name(const struct pk_engine *e, uint32_t slot);
/* The name of the series a row is of. */
uint64_t pk_learned_name_of(const struct pk_learned *row);
/* Of a window that has something. wall_ms 0: not known. Bytes written. */
PK_MUST_USE uint32_t pk_learned_pack(const struct pk_engine *e, uint32_t slot, int64_t wall_ms,
                                     uint8_t out[PK_LEARNED_BYTES]);
/* PK_OK, texts point into value; PK_E_BAD_MSG; PK_E_UNSUPPORTED: a version of later software. */
PK_MUST_USE int pk_learned_read(struct pk_str value, struct pk_learned *out);
/* The rule of a row: PK_E_NOT_FOUND when it is gone, disabled or another one. */
PK_MUST_USE int pk_learned_rule(const struct pk_engine *e, const struct pk_learned *row);
/* Makes the window of a row whose rule that is; source_id: of row->source, when it has one. PK_OK;
 * PK_E_CONFLICT: there is such a window; PK_E_FULL; PK_E_BAD_MSG: it is of other conditions, or no series can
 * be like this; nothing is left of it then. */
PK_MUST_USE int pk_learned_take(struct pk_engine *e, uint32_t rule_index, const struct pk_learned *row,
                                uint16_t source_id);
#endif
