#include "event/pk_textring.h"

#include <string.h>

#include "support/pk_test_panic.h"

static struct pk_textring ring;
static char big[PK_LIMIT_TEXT_RING_BYTES];

static struct pk_event put(struct pk_str message, struct pk_str fields) {
    struct pk_event e;
    memset(&e, 0, sizeof e);
    e.text_bytes = (uint16_t)message.n;
    e.field_bytes = (uint16_t)fields.n;
    e.text_ref = pk_textring_put(&ring, message, fields);
    return e;
}

PK_TEST(put__then_read__message_and_fields_apart) {
    pk_textring_init(&ring);
    const struct pk_event e = put(pk_str_of("hello"), pk_str_of("fields"));
    const struct pk_event none = put(pk_str_of(""), pk_str_of(""));
    CHECK(pk_str_eq_c(pk_textring_message(&ring, &e), "hello"));
    CHECK(pk_str_eq_c(pk_textring_fields(&ring, &e), "fields"));
    CHECK_EQ_U64(pk_textring_message(&ring, &none).n, 0);
    CHECK_EQ_U64(pk_textring_fields(&ring, &none).n, 0);
}

PK_TEST(put__round_the_ring__newest_reads_and_overwritten_is_gone) {
    pk_textring_init(&ring);
    const struct pk_event first = put(pk_str_of("first"), pk_str_of(""));
    struct pk_event last = first;
    for (uint32_t i = 0; i < PK_LIMIT_TEXT_RING_BYTES * 3u / 1000u; i++) {
        memset(big, 'a' + (int)(i % 26u), 1000);
        last = put(pk_str_make(big, 1000), pk_str_make(NULL, 0));
        const struct pk_str back = pk_textring_message(&ring, &last);
        CHECK(back.n == 1000 && back.p[0] == big[0] && back.p[999] == big[0]);
    }
    CHECK_EQ_U64(pk_textring_message(&ring, &first).n, 0);
}

PK_TEST(read__a_reference_that_was_never_given__is_empty) {
    pk_textring_init(&ring);
    struct pk_event e = put(pk_str_of("abc"), pk_str_of(""));
    e.text_ref = 77;
    CHECK_EQ_U64(pk_textring_message(&ring, &e).n, 0);
    e.text_ref = 0;
    e.text_bytes = 60000; /* more than was put */
    CHECK_EQ_U64(pk_textring_message(&ring, &e).n, 0);
}

PK_TEST(put__more_than_a_quarter__asserts) {
    pk_textring_init(&ring);
    CHECK_PANICS((void)pk_textring_put(&ring, pk_str_make(big, sizeof big / 4u + 1u), pk_str_make(NULL, 0)));
}

PK_TEST(field__packed_and_found__by_name) {
    uint8_t out[64];
    uint32_t n = 0;
    struct pk_field f = {PK_FIELD_STRING, pk_str_of("host"), pk_str_of("db1")};
    CHECK_EQ_INT(pk_field_pack(out, sizeof out, &n, &f), PK_OK);
    f = (struct pk_field){PK_FIELD_NUMBER, pk_str_of("code"), pk_str_of("503")};
    CHECK_EQ_INT(pk_field_pack(out, sizeof out, &n, &f), PK_OK);
    f = (struct pk_field){PK_FIELD_CORRELATION, {NULL, 0}, pk_str_of("job-1")};
    CHECK_EQ_INT(pk_field_pack(out, sizeof out, &n, &f), PK_OK);
    const uint32_t before = n;
    f = (struct pk_field){PK_FIELD_STRING, pk_str_of("toolong"), pk_str_make(big, 60)};
    CHECK_EQ_INT(pk_field_pack(out, sizeof out, &n, &f), PK_E_FULL);
    CHECK_EQ_U64(n, before);
    const struct pk_str all = pk_str_make((const char *)out, n);
    CHECK(pk_field_find(all, pk_str_of("code"), &f) && f.kind == PK_FIELD_NUMBER &&
          pk_str_eq_c(f.value, "503"));
    CHECK(pk_field_find(all, pk_str_of(""), &f) && pk_str_eq_c(f.value, "job-1"));
    CHECK(!pk_field_find(all, pk_str_of("hos"), &f));
}

PK_TEST(field_next__bytes_that_are_no_field__ends) {
    const char bad_kind[] = {1, 9, 0, 0, 'a'};
    const char too_long[] = {1, 1, 100, 0, 'a', 'b'};
    struct pk_field f;
    struct pk_str rest = pk_str_make(bad_kind, sizeof bad_kind);
    CHECK(!pk_field_next(&rest, &f) && rest.n == 0);
    rest = pk_str_make(too_long, sizeof too_long);
    CHECK(!pk_field_next(&rest, &f) && rest.n == 0);
    rest = pk_str_make(too_long, 3);
    CHECK(!pk_field_next(&rest, &f) && rest.n == 0);
}

PK_TEST_MAIN(put__then_read__message_and_fields_apart,
             put__round_the_ring__newest_reads_and_overwritten_is_gone,
             read__a_reference_that_was_never_given__is_empty, put__more_than_a_quarter__asserts,
             field__packed_and_found__by_name, field_next__bytes_that_are_no_field__ends)
