#include "roles/pk_super_places.h"

#include <string.h>

enum { PLACES_MAGIC = 0x50504C43, PLACES_VERSION = 1 };

int pk_super_places_pack(const struct pk_super_places *s, const struct pk_inlets *table, void *out,
                         uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u32(&w, PLACES_MAGIC);
    pk_put_u8(&w, PLACES_VERSION);
    pk_put_text(&w, pk_str_of(s->cursor));
    for (uint32_t i = 0; i < table->count; i++) {
        const struct pk_inlet_place *place = &s->rows[i];
        if (!place->is_known) {
            continue;
        }
        pk_put_text(&w, pk_str_of(table->rows[i].name));
        pk_put_text(&w, pk_str_of(table->rows[i].path));
        pk_put_u64(&w, place->of);
        pk_put_u64(&w, place->at);
        pk_put_u32(&w, place->check);
        pk_put_u8(&w, (uint8_t)(place->zone_quarters + PK_INLET_ZONE_QUARTERS_MAX));
    }
    pk_put_crc(&w);
    return w.is_full ? PK_E_FULL : (int)w.n;
}

static int find(const struct pk_inlets *table, struct pk_str name, struct pk_str path) {
    for (uint32_t i = 0; i < table->count; i++) {
        if (pk_str_eq_c(name, table->rows[i].name) && pk_str_eq_c(path, table->rows[i].path)) {
            return (int)i;
        }
    }
    return PK_E_NOT_FOUND;
}

static int read_row(struct pk_super_places *s, const struct pk_inlets *table, struct pk_reader *in) {
    struct pk_inlet_place place = {.is_known = true};
    const struct pk_str name = pk_get_text(in), path = pk_get_text(in);
    place.of = pk_get_u64(in);
    place.at = pk_get_u64(in);
    place.check = pk_get_u32(in);
    const int zone = (int)pk_get_u8(in) - PK_INLET_ZONE_QUARTERS_MAX;
    if (in->is_bad || zone > PK_INLET_ZONE_QUARTERS_MAX || place.at > (uint64_t)INT64_MAX) {
        return PK_E_CORRUPT;
    }
    place.zone_quarters = (int8_t)zone;
    const int i = find(table, name, path);
    if (i >= 0) {
        s->rows[i] = place;
    }
    return PK_OK;
}

int pk_super_places_unpack(struct pk_super_places *s, const struct pk_inlets *table, const void *p,
                           uint32_t n) {
    struct pk_reader in;
    memset(s, 0, sizeof *s);
    pk_reader_init_crc(&in, p, n);
    const bool is_ours = pk_get_u32(&in) == PLACES_MAGIC && pk_get_u8(&in) == PLACES_VERSION;
    const struct pk_str cursor = pk_get_text(&in);
    int err = is_ours && !in.is_bad && (cursor.n == 0 || pk_inlet_is_cursor(cursor)) ? PK_OK : PK_E_CORRUPT;
    if (err == PK_OK) {
        (void)pk_str_copy_cut(cursor, s->cursor, sizeof s->cursor);
    }
    while (err == PK_OK && !pk_reader_done(&in)) {
        err = read_row(s, table, &in);
    }
    if (err != PK_OK) {
        memset(s, 0, sizeof *s);
    }
    return err;
}

void pk_super_places_move(struct pk_super_places *s, const struct pk_inlets *from,
                          const struct pk_inlets *to) {
    const struct pk_super_places before = *s;
    memset(s->rows, 0, sizeof s->rows);
    for (uint32_t i = 0; i < from->count; i++) {
        const int at = find(to, pk_str_of(from->rows[i].name), pk_str_of(from->rows[i].path));
        if (at >= 0) {
            s->rows[at] = before.rows[i];
        }
    }
}
