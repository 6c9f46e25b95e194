#include "base/pk_bytes.h"

#include <string.h>

#include "support/pk_test.h"

PK_TEST(put__each_width__is_little_endian) {
    static const uint8_t WANT[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0F, 0x0E, 0x0D,
                                   0x0C, 0x0B, 0x0A, 0x09, 0x08, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF,
                                   0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xF8,
                                   0xBF, 0x02, 0x00, 'h',  'i',  'x',  'y',  'z'};
    uint8_t bytes[sizeof WANT];
    struct pk_writer w;
    pk_writer_init(&w, bytes, sizeof bytes);
    pk_put_u8(&w, 1);
    pk_put_u16(&w, 0x0203);
    pk_put_u32(&w, 0x04050607);
    pk_put_u64(&w, 0x08090A0B0C0D0E0F);
    pk_put_i64(&w, -2);
    pk_put_double(&w, -1.5);
    pk_put_text(&w, pk_str_of("hi"));
    pk_put_bytes(&w, "xyz", 3);
    CHECK(!w.is_full);
    CHECK_EQ_U64(w.n, sizeof WANT);
    CHECK_MEM(bytes, WANT, sizeof WANT);

    struct pk_reader r;
    char three[3];
    pk_reader_init(&r, bytes, w.n);
    CHECK_EQ_U64(pk_get_u8(&r), 1);
    CHECK_EQ_U64(pk_get_u16(&r), 0x0203);
    CHECK_EQ_U64(pk_get_u32(&r), 0x04050607);
    CHECK_EQ_U64(pk_get_u64(&r), 0x08090A0B0C0D0E0F);
    CHECK_EQ_INT(pk_get_i64(&r), -2);
    const double v = pk_get_double(&r);
    CHECK(v >= -1.5 && v <= -1.5);
    CHECK(pk_str_eq_c(pk_get_text(&r), "hi"));
    CHECK(!pk_reader_done(&r));
    pk_get_bytes(&r, three, 3);
    CHECK_MEM(three, "xyz", 3);
    CHECK(pk_reader_done(&r));
}

PK_TEST(put__what_does_not_fit__writes_nothing_and_nothing_after_it) {
    uint8_t bytes[8];
    memset(bytes, 0xAA, sizeof bytes);
    struct pk_writer w;
    pk_writer_init(&w, bytes, 5);
    pk_put_u32(&w, 0);
    pk_put_u16(&w, 0xFFFF);
    CHECK(w.is_full);
    pk_put_u8(&w, 1); /* would fit, but a record with a hole is worse than none */
    CHECK_EQ_U64(w.n, 4);
    CHECK_EQ_U64(bytes[4], 0xAA);
    pk_put_bytes(&w, NULL, 0);
    CHECK(w.is_full);
}

PK_TEST(put_text__without_room_for_all__puts_not_even_the_length) {
    uint8_t bytes[8];
    struct pk_writer w;
    pk_writer_init(&w, bytes, 5);
    pk_put_text(&w, pk_str_of("four"));
    CHECK(w.is_full);
    CHECK_EQ_U64(w.n, 0);
    pk_writer_init(&w, bytes, 6);
    pk_put_text(&w, pk_str_of("four"));
    CHECK(!w.is_full);
    CHECK_EQ_U64(w.n, 6);
}

PK_TEST(put_text__at_the_length_limit__fits_and_one_more_does_not) {
    static char text[65536];
    static uint8_t bytes[65540];
    struct pk_writer w;
    memset(text, 'x', sizeof text);
    pk_writer_init(&w, bytes, sizeof bytes);
    pk_put_text(&w, pk_str_make(text, 65535));
    CHECK(!w.is_full);
    CHECK_EQ_U64(w.n, 65537);
    pk_writer_init(&w, bytes, sizeof bytes);
    pk_put_text(&w, pk_str_make(text, 65536));
    CHECK(w.is_full);
    CHECK_EQ_U64(w.n, 0);
}

PK_TEST(get__past_the_end__gives_zeros_and_stays_bad) {
    static const uint8_t BYTES[] = {1, 2, 3};
    struct pk_reader r;
    uint8_t out[2] = {9, 9};
    pk_reader_init(&r, BYTES, sizeof BYTES);
    CHECK_EQ_U64(pk_get_u32(&r), 0);
    CHECK(r.is_bad);
    CHECK_EQ_U64(pk_get_u8(&r), 0); /* there, but what it means is no longer known */
    CHECK_EQ_INT(pk_get_i64(&r), 0);
    pk_get_bytes(&r, out, 2);
    CHECK_EQ_U64(out[0] + out[1], 0);
    CHECK_EQ_U64(pk_get_text(&r).n, 0);
    CHECK(!pk_reader_done(&r));
}

PK_TEST(get_text__length_beyond_the_end__is_bad_and_empty) {
    static const uint8_t BYTES[] = {5, 0, 'a', 'b'};
    struct pk_reader r;
    pk_reader_init(&r, BYTES, sizeof BYTES);
    const struct pk_str s = pk_get_text(&r);
    CHECK_EQ_U64(s.n, 0);
    CHECK(r.is_bad);
    pk_reader_init(&r, BYTES, 1);
    CHECK_EQ_U64(pk_get_text(&r).n, 0);
    CHECK(r.is_bad);
}

PK_TEST(reader_done__bytes_left_over__is_false) {
    static const uint8_t BYTES[] = {1, 2};
    struct pk_reader r;
    pk_reader_init(&r, BYTES, sizeof BYTES);
    CHECK_EQ_U64(pk_get_u8(&r), 1);
    CHECK(!pk_reader_done(&r));
    pk_reader_init(&r, NULL, 0);
    CHECK(pk_reader_done(&r));
}

PK_TEST(crc__every_flipped_bit_and_every_cut__reads_nothing) {
    uint8_t bytes[11];
    struct pk_writer w;
    struct pk_reader r;
    pk_writer_init(&w, bytes, sizeof bytes);
    pk_put_text(&w, pk_str_of("hello"));
    pk_put_crc(&w);
    REQUIRE(!w.is_full && w.n == sizeof bytes);
    pk_reader_init_crc(&r, bytes, sizeof bytes);
    CHECK(pk_str_eq_c(pk_get_text(&r), "hello"));
    CHECK(pk_reader_done(&r));
    for (uint32_t bit = 0; bit < 8u * sizeof bytes; bit++) {
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        pk_reader_init_crc(&r, bytes, sizeof bytes);
        CHECK_EQ_U64(r.n, 0);
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
    }
    for (uint32_t n = 0; n < sizeof bytes; n++) {
        pk_reader_init_crc(&r, bytes, n);
        CHECK_EQ_U64(r.n, 0);
    }
}

PK_TEST_MAIN(put__each_width__is_little_endian, put__what_does_not_fit__writes_nothing_and_nothing_after_it,
             put_text__without_room_for_all__puts_not_even_the_length,
             put_text__at_the_length_limit__fits_and_one_more_does_not,
             get__past_the_end__gives_zeros_and_stays_bad, get_text__length_beyond_the_end__is_bad_and_empty,
             reader_done__bytes_left_over__is_false, crc__every_flipped_bit_and_every_cut__reads_nothing)
