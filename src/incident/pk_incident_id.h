#ifndef PK_INCIDENT_ID_H
#define PK_INCIDENT_ID_H
/* inc_{gateway}_{boot}_{n}, n with at least 5 digits (WIRE "Ids"). */
#include "incident/pk_incident.h"

enum { PK_GATEWAY_BYTES = 33 }; /* [A-Za-z0-9_-]{1,32} and the terminator */

struct pk_incident_ref {
    bool is_short; /* "inc_00123": gateway and boot unknown */
    char gateway[PK_GATEWAY_BYTES];
    uint32_t boot, number;
};

/* gateway is valid ([A-Za-z0-9_-]{1,32}) and number > 0: asserted. */
void pk_incident_id_make(char out[PK_INC_ID_BYTES], struct pk_str gateway, uint32_t boot, uint32_t number);
/* Full form exactly as made (the gateway may hold '_'; read from the right), or the short form.
 * PK_E_BAD_FIELD. */
PK_MUST_USE int pk_incident_id_parse(struct pk_str s, struct pk_incident_ref *out);
#endif
