#include "wire/pk_hub_ack.h"

#include "base/pk_assert.h"
#include "wire/pk_fields.h"

static const struct pk_field ROWS[] = {
    {"boot", PK_FIELD_U32, PK_FIELD_REQUIRED, (uint32_t)offsetof(struct pk_hub_ack, boot), sizeof(uint32_t)},
    {"ranges", PK_FIELD_ARRAY, PK_FIELD_REQUIRED, (uint32_t)offsetof(struct pk_hub_ack, ranges),
     sizeof(struct pk_str)},
};

static int next_seq(struct pk_json_reader *r, uint64_t *out) {
    struct pk_json_token t;
    const int err = pk_json_next(r, &t);
    if (err != PK_OK) {
        return err;
    }
    return pk_json_u64(&t, out) == PK_OK && *out >> PK_HUB_ACK_SEQ_BITS == 0 ? PK_OK : PK_E_BAD_FIELD;
}

/* The next pair of the array the reader stands in. PK_OK; PK_E_NOT_FOUND: that was the last one; errors of
 * pk_hub_ack_parse. */
static int next_range(struct pk_json_reader *r, uint64_t *from, uint64_t *to) {
    struct pk_json_token t;
    int err = pk_json_next(r, &t);
    if (err != PK_OK || t.kind == PK_JSON_CLOSE) {
        return err != PK_OK ? err : PK_E_NOT_FOUND;
    }
    if (t.kind != PK_JSON_ARRAY) {
        return PK_E_BAD_FIELD;
    }
    err = next_seq(r, from);
    err = err == PK_OK ? next_seq(r, to) : err;
    err = err == PK_OK ? pk_json_next(r, &t) : err;
    if (err != PK_OK) {
        return err;
    }
    return t.kind == PK_JSON_CLOSE && *from <= *to ? PK_OK : PK_E_BAD_FIELD;
}

static void enter(struct pk_json_reader *r, const struct pk_hub_ack *ack) {
    struct pk_json_token t;
    pk_json_init(r, ack->ranges.p, ack->ranges.n);
    const int err = pk_json_next(r, &t);
    PK_ASSERT(err == PK_OK && t.kind == PK_JSON_ARRAY);
}

int pk_hub_ack_parse(struct pk_str args, struct pk_hub_ack *out) {
    struct pk_fields_result result;
    struct pk_json_reader r;
    uint64_t from = 0, to = 0;
    *out = (struct pk_hub_ack){.low = UINT64_MAX};
    int err = pk_fields_read(args.p, args.n, ROWS, PK_COUNT_OF(ROWS), PK_FIELDS_STRICT, out, &result);
    if (err != PK_OK) {
        return err;
    }
    enter(&r, out);
    while ((err = next_range(&r, &from, &to)) == PK_OK) {
        out->low = from < out->low ? from : out->low;
        out->high = to > out->high ? to : out->high;
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

bool pk_hub_ack_names(const struct pk_hub_ack *ack, uint64_t seq) {
    struct pk_json_reader r;
    uint64_t from = 0, to = 0;
    enter(&r, ack);
    while (next_range(&r, &from, &to) == PK_OK) {
        if (from <= seq && seq <= to) {
            return true;
        }
    }
    return false;
}
