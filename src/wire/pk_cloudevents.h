#ifndef PK_CLOUDEVENTS_H
#define PK_CLOUDEVENTS_H
/* CloudEvents 1.0 around incident, approval, summary and status (WIRE "Topics", CONVENTIONS E.3): binary mode
 * on MQTT 5 (attributes as user properties, data type as content type), structured JSON on 3.1.1. */
#include "base/pk_json.h"

enum pk_ce_kind { PK_CE_INCIDENT, PK_CE_APPROVAL, PK_CE_SUMMARY, PK_CE_STATUS, PK_CE_KIND_COUNT };

struct pk_ce {
    enum pk_ce_kind kind;
    uint32_t boot; /* of the outbound sequence */
    uint64_t seq;  /* outbound sequence: id is "<boot>-<seq>", extension `sequence` the same with 20 digits */
    struct pk_str site, gateway;
    int64_t wall_ms;       /* `time`; 0 = left out */
    struct pk_str subject; /* incident or approval id; empty = left out */
};

enum { PK_CE_ATTRIBUTES_MAX = 7, PK_CE_TEXT_BYTES = 400 };
struct pk_ce_attribute {
    struct pk_str name, value;
};
struct pk_ce_attributes {
    struct pk_ce_attribute items[PK_CE_ATTRIBUTES_MAX];
    uint32_t count;
    char text[PK_CE_TEXT_BYTES]; /* the values point into it: do not copy the struct */
};

/* "application/json" and "application/cloudevents+json; charset=utf-8". */
extern const char PK_CE_CONTENT_TYPE_BINARY[];
extern const char PK_CE_CONTENT_TYPE_STRUCTURED[];

/* Binary mode: id, source, specversion, type, sequence, and time and subject when there are. PK_OK;
 * PK_E_BAD_FIELD: site or gateway is no id. */
PK_MUST_USE int pk_ce_binary(const struct pk_ce *ce, struct pk_ce_attributes *out);
/* Structured mode: opens the object with all attributes; the caller then writes the member "data" with any
 * pk_jw_*, and calls the end. *w is the caller's. PK_OK or PK_E_BAD_FIELD (nothing written). Whether it all
 * fitted: b->is_cut. */
PK_MUST_USE int pk_ce_structured_begin(const struct pk_ce *ce, struct pk_json_writer *w, struct pk_buf *b);
void pk_ce_structured_end(struct pk_json_writer *w);

/* Reads a structured event (peers' side): *out points into p; *out_data is the data member as it stands.
 * PK_OK; PK_E_BAD_MSG; PK_E_TOO_DEEP; PK_E_MISSING_FIELD; PK_E_BAD_FIELD: an attribute is not of its form
 * (also one that holds a JSON escape: ours never do). Unknown extensions are ignored. */
PK_MUST_USE int pk_ce_structured_parse(const void *p, uint32_t n, struct pk_ce *out, struct pk_str *out_data);
/* From attributes of binary mode, one after the other: pk_ce_read_init, _attribute for each, _done. Errors as
 * above. */
struct pk_ce_read {
    struct pk_ce ce;
    uint32_t seen_bits;
};
void pk_ce_read_init(struct pk_ce_read *r);
PK_MUST_USE int pk_ce_read_attribute(struct pk_ce_read *r, struct pk_str name, struct pk_str value);
PK_MUST_USE int pk_ce_read_done(const struct pk_ce_read *r, struct pk_ce *out);
#endif
