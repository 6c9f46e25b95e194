#ifndef PK_SUPER_PLACES_H
#define PK_SUPER_PLACES_H
/* How far each inlet was read, kept across the supervisor's own restart and a reboot. One small file, CRC
 * over all. */
#include "base/pk_bytes.h"
#include "base/pk_inlet.h"

enum { PK_SUPER_PLACES_BYTES_MAX = 16 + PK_LIMIT_INLETS * 176 + PK_INLET_CURSOR_BYTES };

struct pk_super_places {
    struct pk_inlet_place rows[PK_LIMIT_INLETS]; /* by index of the table in force */
    char cursor[PK_INLET_CURSOR_BYTES];          /* of the journal; terminated, empty: none */
};

/* Bytes written, or PK_E_FULL. */
PK_MUST_USE int pk_super_places_pack(const struct pk_super_places *s, const struct pk_inlets *table,
                                     void *out, uint32_t cap_bytes);
/* Rows that are in the table by name and path, whatever their index; others are forgotten. PK_OK, or
 * PK_E_CORRUPT: then *s knows nothing. */
PK_MUST_USE int pk_super_places_unpack(struct pk_super_places *s, const struct pk_inlets *table,
                                       const void *p, uint32_t n);
/* The same places for another table. */
void pk_super_places_move(struct pk_super_places *s, const struct pk_inlets *from,
                          const struct pk_inlets *to);
#endif
