#include "event/pk_dns.h"

#include <string.h>

#include "support/pk_test.h"

static uint8_t query[320], reply[512];
static uint32_t query_bytes, reply_bytes;

static void ask(const char *name, enum pk_dns_type type) {
    const int n = pk_dns_query(pk_str_of(name), type, 0x1234, query, sizeof query);
    CHECK(n > 0);
    query_bytes = n > 0 ? (uint32_t)n : 0;
}

/* Header and question as asked, so many answers announced. */
static void begin_reply(uint8_t rcode, uint8_t count) {
    memcpy(reply, query, query_bytes);
    reply[2] = 0x81;
    reply[3] = (uint8_t)(0x80 | rcode);
    reply[7] = count;
    reply_bytes = query_bytes;
}
static void add(const void *p, uint32_t n) {
    memcpy(reply + reply_bytes, p, n);
    reply_bytes += n;
}
/* Owner as bytes, then type, class IN, length and data. */
static void add_record(const char *owner, uint32_t owner_bytes, uint8_t type, const char *data,
                       uint8_t data_bytes) {
    const uint8_t head[] = {0, type, 0, 1, 0, 0, 0, 60, 0, data_bytes};
    add(owner, owner_bytes);
    add(head, sizeof head);
    add(data, data_bytes);
}
static struct pk_dns_answer answer;
static int read_reply(void) {
    return pk_dns_answer(query, query_bytes, reply, reply_bytes, &answer);
}

PK_TEST(query__as_rfc_1035_has_it) {
    static const uint8_t wanted[] = {0x12, 0x34, 1,   0,   0, 1,   0,   0, 0, 0,  0, 0,
                                     3,    'w',  'e', 'b', 2, 'e', 'x', 0, 0, 28, 0, 1};
    ask("Web.eX.", PK_DNS_AAAA);
    CHECK_EQ_INT(query_bytes, sizeof wanted);
    CHECK(memcmp(query, wanted, sizeof wanted) == 0);
    static const char *const bad[] = {"",
                                      ".",
                                      "a..b",
                                      "-",
                                      "a b",
                                      "a.b/c",
                                      "0123456789012345678901234567890123456789012345678901234567890123.x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const bool is_dash = strcmp(bad[i], "-") == 0; /* a label like any other */
        CHECK((pk_dns_query(pk_str_of(bad[i]), PK_DNS_A, 1, query, sizeof query) > 0) == is_dash);
    }
    CHECK_EQ_INT(pk_dns_query(pk_str_of("web.example"), PK_DNS_A, 1, query, 20), PK_E_BAD_FIELD);
}

PK_TEST(answer__addresses_also_behind_an_alias) {
    ask("web.example", PK_DNS_A);
    begin_reply(0, 2);
    add_record("\xc0\x0c", 2, 1, "\xc0\x00\x02\x01", 4);
    add_record("\3WEB\7Example", 13, 1, "\xc0\x00\x02\x02", 4); /* in full, and in any case */
    CHECK_EQ_INT(read_reply(), PK_OK);
    CHECK_EQ_INT(answer.address_count, 2);
    CHECK(memcmp(answer.address[1], "\xc0\x00\x02\x02", 4) == 0);
    begin_reply(0, 2);
    add_record("\xc0\x0c", 2, 5, "\1b\xc0\x10", 4); /* b.example */
    add_record("\1b\xc0\x10", 4, 1, "\xc0\x00\x02\x03", 4);
    CHECK_EQ_INT(read_reply(), PK_OK);
    CHECK_EQ_INT(answer.address_count, 1);
    ask("web.example", PK_DNS_AAAA);
    begin_reply(0, 1);
    add_record("\xc0\x0c", 2, 28, "0123456789abcdef", 16);
    CHECK_EQ_INT(read_reply(), PK_OK);
    CHECK_EQ_INT(answer.address_count, 1);
    CHECK(memcmp(answer.address[0], "0123456789abcdef", 16) == 0);
}

PK_TEST(answer__that_nobody_asked_for_is_passed_over) {
    ask("web.example", PK_DNS_A);
    begin_reply(0, 1);
    add_record("\xc0\x0c", 2, 1, "\xc0\x00\x02\x01", 4);
    reply[0] ^= 1; /* another number */
    CHECK_EQ_INT(read_reply(), PK_E_AGAIN);
    reply[0] ^= 1;
    reply[14] = 'x'; /* another name */
    CHECK_EQ_INT(read_reply(), PK_E_AGAIN);
    reply[14] = 'e';
    reply[2] = 0x01; /* a question */
    CHECK_EQ_INT(read_reply(), PK_E_AGAIN);
    reply_bytes = 11;
    CHECK_EQ_INT(read_reply(), PK_E_AGAIN);
    begin_reply(0, 2);
    add_record("\4evil\xc0\x10", 7, 1, "\xc0\x00\x02\x66", 4); /* addresses of others */
    add_record("\xc0\x0c", 2, 16, "\3txt", 4);
    CHECK_EQ_INT(read_reply(), PK_OK);
    CHECK_EQ_INT(answer.address_count, 0);
}

PK_TEST(answer__codes_and_cuts) {
    ask("web.example", PK_DNS_A);
    begin_reply(3, 0);
    CHECK_EQ_INT(read_reply(), PK_OK);
    CHECK_EQ_INT(answer.rcode, 3);
    begin_reply(0, 40);
    reply[2] |= 2;
    CHECK_EQ_INT(read_reply(), PK_OK);
    CHECK(answer.is_cut && answer.address_count == 0);
}

PK_TEST(answer__broken_ones_are_refused) {
    ask("web.example", PK_DNS_A);
    begin_reply(0, 1);
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG); /* announced and not there */
    add_record("\xc0\x0c", 2, 1, "\xc0\x00", 2);
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG); /* half an address */
    begin_reply(0, 1);
    add_record("\xc0\x1d", 2, 1, "\xc0\x00\x02\x01", 4); /* points at itself */
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG);
    begin_reply(0, 1);
    add_record("\xc1\xff", 2, 1, "\xc0\x00\x02\x01", 4); /* points beyond */
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG);
    begin_reply(0, 1);
    add_record("\x80xx", 3, 1, "\xc0\x00\x02\x01", 4); /* a label of no kind */
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG);
    begin_reply(0, 1);
    add_record("\xc0\x0c", 2, 5, "\1b\xc0\x10xx", 6); /* an alias with a tail */
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG);
    begin_reply(0, 0);
    reply[5] = 2; /* two questions */
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG);
    begin_reply(0, 65);
    for (int i = 0; i < 20; i++) {
        add_record("\xc0\x0c", 2, 1, "\xc0\x00\x02\x01", 4);
    }
    CHECK_EQ_INT(read_reply(), PK_E_BAD_MSG);
    CHECK_EQ_INT(answer.address_count, PK_DNS_ADDRESSES); /* never more than fit */
}

PK_TEST(answer__every_cut_of_a_good_one_is_harmless) {
    ask("web.example", PK_DNS_A);
    begin_reply(0, 2);
    add_record("\xc0\x0c", 2, 5, "\1b\xc0\x10", 4);
    add_record("\1b\xc0\x10", 4, 1, "\xc0\x00\x02\x03", 4);
    const uint32_t whole = reply_bytes;
    for (reply_bytes = 0; reply_bytes < whole; reply_bytes++) {
        CHECK(read_reply() < 0);
    }
    CHECK_EQ_INT(read_reply(), PK_OK);
}

PK_TEST_MAIN(query__as_rfc_1035_has_it, answer__addresses_also_behind_an_alias,
             answer__that_nobody_asked_for_is_passed_over, answer__codes_and_cuts,
             answer__broken_ones_are_refused, answer__every_cut_of_a_good_one_is_harmless)
