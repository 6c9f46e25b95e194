/* A DNS answer from anybody. Its first bytes are made those of the answer to our question, or left as they
 * are. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t query[64];
    struct pk_dns_answer answer;
    if (size < 1 || size > 4096) {
        return 0;
    }
    const enum pk_dns_type type = (data[0] & 1u) != 0 ? PK_DNS_AAAA : PK_DNS_A;
    const int query_bytes = pk_dns_query(pk_str_of("web.example"), type, 0x1234, query, sizeof query);
    PK_ASSERT(query_bytes > 0);
    const size_t front = (data[0] & 2u) != 0 ? (size_t)query_bytes : 0;
    uint8_t *copy = malloc(front + size);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, query, front);
    memcpy(copy + front, data + 1, size - 1u);
    if (front > 0) {
        copy[2] = 0x81;
        copy[3] = 0x80;
        copy[7] = (uint8_t)(data[0] >> 2);
    }
    const int err = pk_dns_answer(query, (uint32_t)query_bytes, copy, (uint32_t)(front + size - 1u), &answer);
    PK_ASSERT(err == PK_OK || err == PK_E_AGAIN || err == PK_E_BAD_MSG);
    PK_ASSERT(answer.address_count <= PK_DNS_ADDRESSES && answer.rcode <= 15);
    PK_ASSERT(front == 0 || err != PK_E_AGAIN);
    const struct pk_str name = pk_str_make((const char *)copy, (uint32_t)(front + size - 1u));
    uint8_t own[320];
    PK_ASSERT(pk_dns_query(name, type, 1, own, sizeof own) <= (int)sizeof own);
    free(copy);
    return 0;
}
