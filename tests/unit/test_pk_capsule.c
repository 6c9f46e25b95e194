#include "incident/pk_capsule.h"

#include <string.h>

#include "base/pk_err.h"
#include "support/pk_test.h"

static struct pk_capsules t;

static struct pk_capsule *begin(uint32_t number) {
    struct pk_capsule *c = NULL;
    while ((c = pk_capsules_surplus(&t)) != NULL) {
        pk_capsules_evict(&t, c);
    }
    return pk_capsules_begin(&t, number);
}

static void fresh(void) {
    memset(&t, 0, sizeof t);
    pk_capsules_init(&t, PK_CAPSULE_BYTES_MIN, PK_LIMIT_CAPSULES * PK_LIMIT_CAPSULE_BYTES);
}

PK_TEST(rows__oldest_makes_room_and_is_counted) {
    fresh();
    for (uint32_t i = 1; i <= PK_LIMIT_CAPSULES; i++) {
        CHECK(pk_capsules_surplus(&t) == NULL);
        (void)begin(i);
    }
    CHECK_EQ_U64(t.evicted_count, 0);
    CHECK(pk_capsules_find(&t, 1) != NULL);
    CHECK(pk_capsules_begin(&t, 99) == NULL);
    CHECK_EQ_INT(pk_capsules_surplus(&t)->number, 1);
    struct pk_capsule *c = begin(100);
    CHECK_EQ_U64(t.evicted_count, 1);
    CHECK(pk_capsules_find(&t, 1) == NULL);
    CHECK(pk_capsules_find(&t, 100) == c);
    CHECK_EQ_INT(pk_capsules_surplus(&t)->number, 2);
    CHECK(pk_capsules_find(&t, 0) == NULL);
}

PK_TEST(store__bytes_of_all__bound_how_many_there_are) {
    char line[400];
    fresh();
    memset(line, 'x', sizeof line);
    pk_capsules_init(&t, PK_CAPSULE_BYTES_MIN, PK_CAPSULE_BYTES_MIN + 1000);
    struct pk_capsule *c = begin(1);
    CHECK(pk_capsule_add(&t, c, PK_CAPSULE_HEAD, pk_str_make(line, sizeof line)));
    CHECK(pk_capsules_surplus(&t) == NULL);
    CHECK(pk_capsule_add(&t, c, PK_CAPSULE_HEAD, pk_str_make(line, sizeof line)));
    c = begin(2);
    CHECK(pk_capsule_add(&t, c, PK_CAPSULE_HEAD, pk_str_make(line, sizeof line)));
    CHECK_EQ_U64(t.evicted_count, 0);
    CHECK_EQ_INT(pk_capsules_surplus(&t)->number, 1); /* 1,203 bytes and a new one are too many */
    (void)begin(3);
    CHECK_EQ_U64(t.evicted_count, 1);
    CHECK(pk_capsules_find(&t, 2) != NULL);
}

PK_TEST(add__no_part_eats_the_room_of_the_next) {
    char line[100];
    fresh();
    memset(line, 'x', sizeof line);
    struct pk_capsule *c = begin(7);
    uint32_t last = 0, cut = 0;
    for (uint32_t part = PK_CAPSULE_HEAD + 1u; part < PK_CAPSULE_PART_COUNT; part++) {
        uint32_t taken = 0;
        while (pk_capsule_add(&t, c, (enum pk_capsule_part)part, pk_str_make(line, sizeof line))) {
            taken++;
        }
        CHECK_EQ_INT(c->cut_count, ++cut);
        CHECK(taken > 0 || part == PK_CAPSULE_END);
        CHECK(c->used_bytes >= last && c->used_bytes <= PK_CAPSULE_BYTES_MIN);
        last = c->used_bytes;
    }
    CHECK(pk_capsule_add(&t, c, PK_CAPSULE_END, pk_str_of("{\"part\":\"end\"}")));
}

PK_TEST(piece__full_ones_at_once_the_rest_when_flushed) {
    char line[950];
    fresh();
    memset(line, 'y', sizeof line);
    struct pk_capsule *c = begin(7);
    CHECK(pk_capsule_add(&t, c, PK_CAPSULE_HEAD, pk_str_make(line, sizeof line)));
    CHECK_EQ_INT(pk_capsule_piece(c, false).n, 0);
    CHECK_EQ_INT(pk_capsule_piece(c, true).n, 951);
    CHECK(pk_capsule_add(&t, c, PK_CAPSULE_HEAD, pk_str_make(line, sizeof line)));
    CHECK_EQ_INT(pk_capsule_piece(c, false).n, PK_CAPSULE_PIECE_BYTES);
    c->stored_bytes = c->used_bytes;
    CHECK_EQ_INT(pk_capsule_piece(c, true).n, 0);
}

PK_TEST(restore__in_order__as_it_was) {
    fresh();
    const struct pk_str first = pk_str_of("{\"part\":\"head\"}\n{\"part\":\"en"), rest = pk_str_of("d\"}\n");
    CHECK_EQ_INT(pk_capsules_restore(&t, 9, 1, first), PK_E_BAD_MSG); /* its beginning is lost */
    CHECK_EQ_INT(pk_capsules_restore(&t, 0, 0, first), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_capsules_restore(&t, 9, 0, first), PK_OK);
    CHECK(!pk_capsules_find(&t, 9)->is_done);
    CHECK_EQ_INT(pk_capsules_restore(&t, 9, 2, rest), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_capsules_restore(&t, 9, 1, rest), PK_OK);
    const struct pk_capsule *c = pk_capsules_find(&t, 9);
    CHECK(c->is_done);
    CHECK_EQ_INT(c->used_bytes, first.n + rest.n);
    CHECK_EQ_INT(c->stored_bytes, c->used_bytes);
    CHECK_EQ_INT(c->piece_count, 2);
}

PK_TEST(restore__longer_than_any__is_left_out) {
    static char much[PK_LIMIT_CAPSULE_BYTES + 1];
    fresh();
    CHECK_EQ_INT(pk_capsules_restore(&t, 3, 0, pk_str_make(much, sizeof much)), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_capsules_restore(&t, 3, 0, pk_str_make(much, sizeof much - 1)), PK_OK);
    CHECK_EQ_INT(pk_capsules_restore(&t, 3, 1, pk_str_of("x")), PK_E_BAD_MSG);
}

static struct pk_capsule *filled(uint32_t line_count, uint32_t line_bytes) {
    static char line[PK_CAPSULE_LINE_BYTES];
    fresh();
    pk_capsules_init(&t, PK_LIMIT_CAPSULE_BYTES, PK_LIMIT_CAPSULES * PK_LIMIT_CAPSULE_BYTES);
    struct pk_capsule *c = begin(5);
    for (uint32_t i = 0; i < line_count; i++) {
        memset(line, 'a' + (int)(i % 26u), sizeof line);
        CHECK(pk_capsule_add(&t, c, PK_CAPSULE_END, pk_str_make(line, line_bytes)));
    }
    return c;
}

PK_TEST(chunk__whole_lines_that_together_are_the_text) {
    const struct pk_capsule *c = filled(7, 700);
    const struct pk_str text = pk_capsule_text(c);
    uint32_t at = 0, count = 0;
    CHECK_EQ_INT(text.n, 7 * 701);
    for (struct pk_str chunk = pk_capsule_chunk(c, 0); chunk.n > 0; chunk = pk_capsule_chunk(c, at)) {
        CHECK(chunk.p == text.p + at);
        CHECK(chunk.n <= PK_CAPSULE_CHUNK_BYTES && chunk.p[chunk.n - 1u] == '\n');
        CHECK(pk_capsule_nth_chunk(c, count).p == chunk.p && pk_capsule_nth_chunk(c, count).n == chunk.n);
        at += (uint32_t)chunk.n;
        count++;
    }
    CHECK_EQ_INT(at, text.n);
    CHECK_EQ_INT(count, 4); /* two lines in each but the last */
    CHECK_EQ_INT(pk_capsule_chunk_count(c), 4);
    CHECK_EQ_INT(pk_capsule_nth_chunk(c, 4).n, 0);
}

PK_TEST(chunk__of_the_longest_lines__and_of_none) {
    struct pk_capsule *c = filled(3, PK_CAPSULE_LINE_BYTES);
    CHECK_EQ_INT(pk_capsule_chunk_count(c), 3);
    c->used_bytes -= 10; /* a stop came in between */
    CHECK_EQ_INT(pk_capsule_text(c).n, 2 * (PK_CAPSULE_LINE_BYTES + 1));
    CHECK_EQ_INT(pk_capsule_chunk_count(c), 2);
    c->used_bytes = 0;
    CHECK_EQ_INT(pk_capsule_text(c).n, 0);
    CHECK_EQ_INT(pk_capsule_chunk_count(c), 0);
}

PK_TEST(progress__round_trip_and_bad_bytes) {
    char bytes[PK_CAPSULE_PROGRESS_BYTES];
    struct pk_capsule *c = filled(7, 700);
    c->upload = PK_CAPSULE_WANTED;
    c->acked_count = 3;
    pk_capsule_progress(c, bytes);
    c->upload = c->acked_count = 0;
    CHECK_EQ_INT(pk_capsules_restore_progress(&t, 5, pk_str_make(bytes, 2)), PK_OK);
    CHECK(c->upload == PK_CAPSULE_WANTED && c->acked_count == 3);
    CHECK_EQ_INT(pk_capsules_restore_progress(&t, 6, pk_str_make(bytes, 2)), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_capsules_restore_progress(&t, 5, pk_str_make(bytes, 1)), PK_E_BAD_MSG);
    bytes[1] = 5; /* it has four */
    CHECK_EQ_INT(pk_capsules_restore_progress(&t, 5, pk_str_make(bytes, 2)), PK_E_BAD_MSG);
    bytes[1] = 0;
    bytes[0] = PK_CAPSULE_UPLOAD_COUNT;
    CHECK_EQ_INT(pk_capsules_restore_progress(&t, 5, pk_str_make(bytes, 2)), PK_E_BAD_MSG);
    CHECK(c->acked_count == 3);
}

PK_TEST(words__each_part_has_one) {
    CHECK_STR(pk_capsule_part_word(PK_CAPSULE_HEAD), "head");
    CHECK_STR(pk_capsule_part_word(PK_CAPSULE_END), "end");
    CHECK_STR(pk_capsule_upload_word(PK_CAPSULE_KEPT), "kept");
    CHECK_STR(pk_capsule_upload_word(PK_CAPSULE_REFUSED), "refused");
}

PK_TEST_MAIN(rows__oldest_makes_room_and_is_counted, store__bytes_of_all__bound_how_many_there_are,
             add__no_part_eats_the_room_of_the_next, piece__full_ones_at_once_the_rest_when_flushed,
             restore__in_order__as_it_was, restore__longer_than_any__is_left_out,
             chunk__whole_lines_that_together_are_the_text, chunk__of_the_longest_lines__and_of_none,
             progress__round_trip_and_bad_bytes, words__each_part_has_one)
