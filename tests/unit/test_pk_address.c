#include "base/pk_address.h"

#include <string.h>

#include "support/pk_test.h"

static uint8_t got[16];

static bool v6(const char *text) {
    memset(got, 0xEE, sizeof got);
    return pk_address_parse_v6(pk_str_of(text), got);
}

PK_TEST(v4__four_numbers) {
    CHECK(pk_address_parse_v4(pk_str_of("192.0.2.255"), got));
    CHECK(got[0] == 192 && got[1] == 0 && got[2] == 2 && got[3] == 255);
    static const char *const bad[] = {"",         "1",           "1.2.3",   "1.2.3.4.5", "1.2.3.256",
                                      "1..2.3",   "1.2.3.",      "a.b.c.d", "1.2.3.4 ",  "0001.2.3.4",
                                      "-1.2.3.4", "dns.example", "::1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!pk_address_parse_v4(pk_str_of(bad[i]), got));
    }
}

PK_TEST(v6__whole_and_shortened) {
    static const struct {
        const char *text;
        uint8_t bytes[16];
    } good[] = {
        {"::", {0}},
        {"::1", {[15] = 1}},
        {"0000:0000:0000:0000:0000:0000:0000:0001", {[15] = 1}},
        {"2001:db8::", {0x20, 0x01, 0x0d, 0xb8}},
        {"2001:DB8::8:800:200c:417a", {0x20, 0x01, 0x0d, 0xb8, [9] = 8, 8, 0, 0x20, 0x0c, 0x41, 0x7a}},
        {"1:2:3:4:5:6:7::", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7}},
        {"::ffff:192.0.2.1", {[10] = 0xff, 0xff, 192, 0, 2, 1}},
        {"1:2:3:4:5:6:7:8", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"1:2:3:4:5:6:9.8.7.6", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 9, 8, 7, 6}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(v6(good[i].text));
        CHECK(memcmp(got, good[i].bytes, sizeof got) == 0);
    }
    static const char *const bad[] = {"",
                                      ":",
                                      "1",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1::2::3",
                                      ":::",
                                      "g::1",
                                      "12345::",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1%eth0",
                                      "[::1]",
                                      "1.2.3.4",
                                      "1.2.3.4::",
                                      "::1.2.3",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      ":1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:",
                                      "::1:2:3:4:5:6:7:8"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(v6(bad[i]) ? (int)i : -1, -1);
    }
}

PK_TEST(loopback__both_kinds) {
    CHECK(pk_address_is_loopback(pk_str_of("127.0.0.1")) && pk_address_is_loopback(pk_str_of("127.255.1.2")));
    CHECK(pk_address_is_loopback(pk_str_of("::1")) && pk_address_is_loopback(pk_str_of("0:0:0:0:0:0:0:1")));
    CHECK(!pk_address_is_loopback(pk_str_of("128.0.0.1")) && !pk_address_is_loopback(pk_str_of("::2")));
    CHECK(!pk_address_is_loopback(pk_str_of("localhost")) && !pk_address_is_loopback(pk_str_of("127.host")));
}

PK_TEST(host__a_name_or_an_address) {
    static const char *const good[] = {"web", "web.example", "a_b-c.1", "192.0.2.1", "2001:db8::1", "1a"};
    static const char *const bad[] = {"",         "-x",  "a b",    "1.2.3", "300.1.1.1",
                                      "2001:db8", "a/b", "web:80", "[::1]"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(pk_address_is_host(pk_str_of(good[i]), 45));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!pk_address_is_host(pk_str_of(bad[i]), 45) && !pk_address_is_name(pk_str_of(bad[i]), 45));
    }
    CHECK(!pk_address_is_name(pk_str_of("192.0.2.1"), 45) && !pk_address_is_name(pk_str_of("::1"), 45));
    CHECK(!pk_address_is_host(pk_str_of("abcd"), 3) && !pk_address_is_host(pk_str_of("::11"), 3));
}

PK_TEST_MAIN(v4__four_numbers, v6__whole_and_shortened, loopback__both_kinds, host__a_name_or_an_address)
