#ifndef PK_DNS_H
#define PK_DNS_H
/* One DNS question and its answer (RFC 1035). The server may lie: an answer counts only when number, question
 * and names fit, and nothing is believed that was not asked for. */
#include "base/pk_text.h"

enum {
    PK_DNS_MESSAGE_BYTES =
        1232, /* what passes without fragments (EDNS is not offered: servers send <= 512) */
    PK_DNS_NAME_BYTES = 255,
    PK_DNS_ADDRESSES = 8
};
enum pk_dns_type { PK_DNS_A = 1, PK_DNS_AAAA = 28 };

struct pk_dns_answer {
    uint8_t rcode; /* 0 no error, 3 no such name, … */
    bool is_cut;   /* there is more than fits a datagram */
    uint32_t address_count;
    uint8_t address[PK_DNS_ADDRESSES][16]; /* 4 bytes of them for A */
};

/* Bytes of a query for one name, or PK_E_BAD_FIELD (not a host name). */
PK_MUST_USE int pk_dns_query(struct pk_str name, enum pk_dns_type type, uint16_t id, uint8_t *out,
                             uint32_t cap_bytes);
/* `query` is what was sent. PK_OK with *out; PK_E_AGAIN: this is no answer to it (wait on); PK_E_BAD_MSG: it
 * claims to be one and is broken, or speaks of other names. */
PK_MUST_USE int pk_dns_answer(const uint8_t *query, uint32_t query_bytes, const uint8_t *p, uint32_t n,
                              struct pk_dns_answer *out);
#endif
