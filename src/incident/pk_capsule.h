#ifndef PK_CAPSULE_H
#define PK_CAPSULE_H
/* Flight recorder (DESIGN 9, D-12): what was known around the opening of an incident, as JSON lines within a
 * byte budget. A few capsules, the oldest makes room and is counted. Whoever fills them knows what the lines
 * say; here are room, order and pieces for the store. Pure. */
#include "base/pk_text.h"
#include "pk_limits.h"

/* In the order they are taken. Each may fill the capsule up to its own mark, so that none eats the others. */
enum pk_capsule_part {
    PK_CAPSULE_HEAD,
    PK_CAPSULE_BEFORE, /* events, the newest first */
    PK_CAPSULE_METRIC,
    PK_CAPSULE_PROBE,
    PK_CAPSULE_LOG,
    PK_CAPSULE_PROCESS,
    PK_CAPSULE_AFTER, /* events, the oldest first */
    PK_CAPSULE_END,
    PK_CAPSULE_PART_COUNT
};

enum {
    PK_CAPSULE_PIECE_BYTES = 1800, /* of one record in the store */
    PK_CAPSULE_PIECES_MAX = 255,
    PK_CAPSULE_BYTES_MIN = 2048,
    PK_CAPSULE_LINE_BYTES = 1200,
    PK_CAPSULE_CHUNK_BYTES = 1440 /* of one message to the hub, in whole lines: a bad line loses little */
};

_Static_assert(PK_CAPSULE_LINE_BYTES < PK_CAPSULE_CHUNK_BYTES, "each chunk ends where a line ends");

/* Whether the hub gets it. */
enum pk_capsule_upload {
    PK_CAPSULE_KEPT, /* here only */
    PK_CAPSULE_WANTED,
    PK_CAPSULE_SENT,
    PK_CAPSULE_REFUSED, /* the broker will not have it */
    PK_CAPSULE_UPLOAD_COUNT
};

struct pk_capsule {
    uint32_t number; /* of the incident; 0 = free */
    uint32_t turn;   /* the later begun, the higher */
    uint32_t used_bytes, stored_bytes;
    uint32_t cut_count;  /* lines that found no room */
    uint8_t piece_count; /* in the store */
    uint8_t upload;      /* enum pk_capsule_upload */
    uint8_t acked_count; /* chunks the broker has */
    bool is_unsaved;     /* upload or acked_count differ from the store's */
    bool is_done;        /* nothing more comes */
    char text[PK_LIMIT_CAPSULE_BYTES];
};

struct pk_capsules {
    struct pk_capsule rows[PK_LIMIT_CAPSULES];
    uint32_t turn, budget_bytes, store_bytes;
    uint64_t evicted_count;
};

const char *pk_capsule_part_word(enum pk_capsule_part part);
const char *pk_capsule_upload_word(enum pk_capsule_upload upload);
/* budget_bytes: of one capsule, PK_CAPSULE_BYTES_MIN..PK_LIMIT_CAPSULE_BYTES; store_bytes: of all of them, at
 * least that. Those that are there keep what they have. */
void pk_capsules_init(struct pk_capsules *t, uint32_t budget_bytes, uint32_t store_bytes);
/* The oldest, when it must go before a new one begins; NULL: there is room. */
struct pk_capsule *pk_capsules_surplus(struct pk_capsules *t);
/* It went; counted. */
void pk_capsules_evict(struct pk_capsules *t, struct pk_capsule *c);
/* A free row for an incident; NULL: there is none. */
struct pk_capsule *pk_capsules_begin(struct pk_capsules *t, uint32_t number);
struct pk_capsule *pk_capsules_find(struct pk_capsules *t, uint32_t number); /* NULL: none */
/* One line without its end. False: no room, counted. */
bool pk_capsule_add(struct pk_capsules *t, struct pk_capsule *c, enum pk_capsule_part part,
                    struct pk_str line);
/* What is to be stored next: empty when there is nothing. is_flush: also a piece that is not full. */
struct pk_str pk_capsule_piece(const struct pk_capsule *c, bool is_flush);
/* A stored piece, in order. PK_OK, or PK_E_BAD_MSG: not the next one, or too long; it is left out. */
PK_MUST_USE int pk_capsules_restore(struct pk_capsules *t, uint32_t number, uint8_t piece_index,
                                    struct pk_str piece);

/* ---- for the hub ---- */

/* All whole lines: a stop may have cut the last one off. */
struct pk_str pk_capsule_text(const struct pk_capsule *c);
/* The lines that fit one message from this byte of the text on; empty at its end. Cut at the same places each
 * time, as long as the text is the same. */
struct pk_str pk_capsule_chunk(const struct pk_capsule *c, uint32_t from_byte);
uint32_t pk_capsule_chunk_count(const struct pk_capsule *c);
/* The nth chunk; empty when there is none. */
struct pk_str pk_capsule_nth_chunk(const struct pk_capsule *c, uint32_t n);
/* How far it came, as the store keeps it. Restore: PK_OK or PK_E_BAD_MSG: no such capsule, or no such state.
 */
enum { PK_CAPSULE_PROGRESS_BYTES = 2, PK_CAPSULE_PROGRESS_PIECE = PK_CAPSULE_PIECES_MAX };
void pk_capsule_progress(const struct pk_capsule *c, char out[PK_CAPSULE_PROGRESS_BYTES]);
PK_MUST_USE int pk_capsules_restore_progress(struct pk_capsules *t, uint32_t number, struct pk_str progress);
#endif
