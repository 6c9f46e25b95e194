#ifndef PK_HUB_ACK_H
#define PK_HUB_ACK_H
/* What a hub says it has (WIRE "Topics", `ack`): the arguments {"boot":b,"ranges":[[from,to],...]} of a
 * signed message. (boot, seq) names an entry of the outbox; a range is whole numbers, both ends included.
 * Form only: no signature, no outbox. */
#include "base/pk_json.h"

struct pk_hub_ack {
    uint32_t boot;
    struct pk_str ranges; /* JSON array, checked; into the input */
    uint64_t low, high;   /* the lowest and the highest number named; low > high: none is */
};

enum { PK_HUB_ACK_SEQ_BITS = 63 }; /* of a sequence number, so that one beyond the last is a number too */

/* All of it is checked here. PK_OK; else *out is undefined: PK_E_BAD_MSG, PK_E_TOO_DEEP, PK_E_UNKNOWN_FIELD,
 * PK_E_MISSING_FIELD, PK_E_BAD_FIELD (a range that is no pair of whole numbers in order). */
PK_MUST_USE int pk_hub_ack_parse(struct pk_str args, struct pk_hub_ack *out);
/* Whether a range holds seq (of ack->boot). */
bool pk_hub_ack_names(const struct pk_hub_ack *ack, uint64_t seq);
#endif
