#include "wire/pk_record_silence.h"

#include <string.h>

#include "base/pk_assert.h"

enum { VERSION = 1 };

static void key_of(struct pk_record_key *out, char letter, uint32_t v) {
    out->bytes[0] = (uint8_t)letter;
    for (uint32_t i = 0; i < 4; i++) {
        out->bytes[1 + i] = (uint8_t)(v >> (24u - 8u * i));
    }
    out->n = 5;
}

void pk_record_key_silence(struct pk_record_key *out, uint32_t number) {
    key_of(out, 's', number);
}

void pk_record_key_card(struct pk_record_key *out, uint32_t card_key) {
    key_of(out, 'c', card_key);
}

static void put_stamp(struct pk_writer *w, const struct pk_stamp *s) {
    pk_put_u8(w, s->quality);
    pk_put_u32(w, s->boot);
    pk_put_u64(w, s->mono_ms);
    pk_put_i64(w, s->wall_ms);
}

static void get_stamp(struct pk_reader *r, struct pk_stamp *out) {
    out->quality = pk_get_u8(r);
    out->boot = pk_get_u32(r);
    out->mono_ms = pk_get_u64(r);
    out->wall_ms = pk_get_i64(r);
    r->is_bad = r->is_bad || out->quality >= PK_TIME_QUALITY_COUNT;
}

static void get_string(struct pk_reader *r, char *out, size_t cap_bytes) {
    const struct pk_str s = pk_get_text(r);
    if (pk_str_copy(s, out, cap_bytes) < 0 || strlen(out) != s.n) {
        r->is_bad = true;
        out[0] = '\0';
    }
}

static int head(struct pk_reader *r, struct pk_str value, uint8_t kind) {
    pk_reader_init(r, value.p, value.n);
    const uint8_t k = pk_get_u8(r), version = pk_get_u8(r);
    if (r->is_bad || k != kind || version == 0) {
        return PK_E_BAD_MSG;
    }
    return version > VERSION ? PK_E_UNSUPPORTED : PK_OK;
}

uint32_t pk_record_silence_pack(const struct pk_silence *s, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u8(&w, PK_RECORD_SILENCE);
    pk_put_u8(&w, VERSION);
    pk_put_u16(&w, s->number);
    pk_put_u8(&w, s->kind);
    pk_put_u8(&w, s->severity);
    pk_put_u8(&w, s->has_begun ? (s->is_again ? 2 : 1) : 0);
    put_stamp(&w, &s->from);
    put_stamp(&w, &s->until);
    pk_put_text(&w, pk_str_of(s->rule));
    pk_put_text(&w, pk_str_of(s->type));
    pk_put_text(&w, pk_str_of(s->component));
    pk_put_text(&w, pk_str_of(s->by));
    pk_put_text(&w, pk_str_of(s->why));
    PK_ASSERT(!w.is_full);
    return w.n;
}

int pk_record_silence_unpack(struct pk_str value, struct pk_silence *out) {
    struct pk_reader r;
    const int err = head(&r, value, PK_RECORD_SILENCE);
    memset(out, 0, sizeof *out);
    if (err != PK_OK) {
        return err;
    }
    out->number = pk_get_u16(&r);
    out->kind = pk_get_u8(&r);
    out->severity = pk_get_u8(&r);
    const uint8_t has_begun = pk_get_u8(&r);
    out->has_begun = has_begun >= 1;
    out->is_again = has_begun == 2;
    get_stamp(&r, &out->from);
    get_stamp(&r, &out->until);
    get_string(&r, out->rule, sizeof out->rule);
    get_string(&r, out->type, sizeof out->type);
    get_string(&r, out->component, sizeof out->component);
    get_string(&r, out->by, sizeof out->by);
    get_string(&r, out->why, sizeof out->why);
    if (!pk_reader_done(&r) || out->number == 0 || out->kind >= PK_SILENCE_KIND_COUNT ||
        out->severity >= PK_SEV_COUNT || has_begun > 2) {
        return PK_E_BAD_MSG;
    }
    return PK_OK;
}

uint32_t pk_record_card_pack(const struct pk_rule_card *card, uint8_t *out, uint32_t cap_bytes) {
    struct pk_writer w;
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u8(&w, PK_RECORD_CARD);
    pk_put_u8(&w, VERSION);
    pk_put_u32(&w, card->key);
    for (uint32_t i = 0; i < PK_CARD_COUNT; i++) {
        pk_put_u32(&w, card->counts[i]);
    }
    PK_ASSERT(!w.is_full);
    return w.n;
}

int pk_record_card_unpack(struct pk_str value, struct pk_rule_card *out) {
    struct pk_reader r;
    const int err = head(&r, value, PK_RECORD_CARD);
    memset(out, 0, sizeof *out);
    if (err != PK_OK) {
        return err;
    }
    out->key = pk_get_u32(&r);
    for (uint32_t i = 0; i < PK_CARD_COUNT; i++) {
        out->counts[i] = pk_get_u32(&r);
    }
    return pk_reader_done(&r) && out->key != 0 ? PK_OK : PK_E_BAD_MSG;
}
