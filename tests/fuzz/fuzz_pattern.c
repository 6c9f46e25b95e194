/* Pattern files: a file is taken or refused with a place inside it; what is taken builds, and finds nothing
 * outside the message, and the same in the room for few as in the other. Behind a line of '=' the input is
 * the message. */
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_pattern_parse.h"
#include "event/pk_patterns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 64, TEXT_BYTES = 4096, INPUT_BYTES_MAX = 4096 };
static struct pk_pattern meanings[ROWS];
static struct pk_pattern_row rows[ROWS];
static char text[TEXT_BYTES];
static struct pk_patterns_build build;
static struct pk_patterns_few few;
_Static_assert((unsigned)ROWS <= PK_LIMIT_PATTERN_TEXTS, "the same book in both");

static struct pk_str split(const char *input, size_t size, struct pk_str *out_message) {
    for (size_t i = 0; i + 3u <= size; i++) {
        if (memcmp(input + i, "\n=\n", 3) == 0) {
            *out_message = pk_str_make(input + i + 3u, size - i - 3u);
            return pk_str_make(input, i + 1u);
        }
    }
    *out_message = pk_str_make(input, size);
    return *out_message;
}

static void check_fields(const struct pk_pattern_fields *fields, struct pk_str message) {
    PK_ASSERT(fields->count <= PK_PATTERN_FIELDS_MAX);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct pk_str value = fields->items[i].value;
        PK_ASSERT(value.n > 0 && value.p >= message.p && value.p + value.n <= message.p + message.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_pattern_book book = {.patterns = meanings,
                                   .rows = rows,
                                   .text = text,
                                   .pattern_cap = ROWS,
                                   .row_cap = ROWS,
                                   .text_cap = TEXT_BYTES};
    struct pk_patterns patterns, small;
    struct pk_pattern_fields fields, again;
    struct pk_diag diag;
    struct pk_str message;
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    const struct pk_str source = split((const char *)data, size, &message);
    if (pk_pattern_parse(&book, "f", source, &diag) != PK_OK) {
        PK_ASSERT(diag.line >= 1 && diag.column >= 1 && diag.message[0] != '\0');
        PK_ASSERT(book.row_count == 0 && book.text_bytes == 0);
        return 0;
    }
    const int err = pk_patterns_build(&build, &book, &patterns);
    PK_ASSERT(err == PK_OK);
    pk_patterns_build_few(&few, &book, &small);
    for (uint8_t format = 0; format < PK_LOG_FORMAT_COUNT; format++) {
        const struct pk_patterns_query q = {
            .message = message, .program = pk_str_of(format % 2u == 0 ? "" : "app"), .format = format};
        const int row = pk_patterns_find(&patterns, &q, &fields);
        PK_ASSERT(row == PK_E_NOT_FOUND || (row >= 0 && (uint32_t)row < book.row_count));
        if (row >= 0) {
            check_fields(&fields, message);
        }
        /* No more than may be looked at: then both find the same. */
        const int same = pk_patterns_find(&small, &q, &again);
        PK_ASSERT(message.n * book.row_count > PK_PATTERNS_TRIES_MAX ||
                  (same == row && again.count == fields.count));
    }
    return 0;
}
