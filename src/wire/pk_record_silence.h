#ifndef PK_RECORD_SILENCE_H
#define PK_RECORD_SILENCE_H
/* Stored silences and rule cards (wire/pk_record.h says what all records keep to). Keys of the objects:
 *            "s" number(4)              silence or maintenance window
 *            "c" key(4)                 report card of a rule */
#include "incident/pk_rule_card.h"
#include "incident/pk_silence.h"
#include "wire/pk_record.h"

enum { PK_RECORD_SILENCE_BYTES = 400, PK_RECORD_CARD_BYTES = 32 };

void pk_record_key_silence(struct pk_record_key *out, uint32_t number);
void pk_record_key_card(struct pk_record_key *out, uint32_t card_key);
PK_MUST_USE uint32_t pk_record_silence_pack(const struct pk_silence *s, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_silence_unpack(struct pk_str value, struct pk_silence *out);
PK_MUST_USE uint32_t pk_record_card_pack(const struct pk_rule_card *card, uint8_t *out, uint32_t cap_bytes);
PK_MUST_USE int pk_record_card_unpack(struct pk_str value, struct pk_rule_card *out);
#endif
