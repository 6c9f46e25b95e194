#ifndef PK_ADDRESS_H
#define PK_ADDRESS_H
/* Numeric addresses of the internet as people write them. */
#include "base/pk_text.h"

/* "192.0.2.1": four numbers 0..255. */
bool pk_address_parse_v4(struct pk_str s, uint8_t out[4]);
/* RFC 4291, 2.2: "2001:db8::1", "::", "::ffff:192.0.2.1"; no brackets, no zone. */
bool pk_address_parse_v6(struct pk_str s, uint8_t out[16]);
/* 127.0.0.0/8, ::1, also as long as it can be written; not an address: false. */
bool pk_address_is_loopback(struct pk_str s);
/* What can be asked for: a numeric address, or a name of letters, digits and "_.-" that cannot be taken for
 * one, nor for an option. */
bool pk_address_is_host(struct pk_str s, uint32_t max_bytes);
/* The same, a name only. */
bool pk_address_is_name(struct pk_str s, uint32_t max_bytes);
#endif
