/* Event lines and topic payloads: whatever comes, the answer is an event within its bounds or an error that
 * says where; what was taken is written and read again as the same event. */
#include "event/pk_intake.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_intake intake;

static void check_event(const struct pk_event_in *in) {
    PK_ASSERT(pk_intern_is_name(pk_str_of(in->type)));
    PK_ASSERT(pk_intern_is_name(pk_str_of(in->source)));
    PK_ASSERT(in->message_bytes <= PK_EVENT_MESSAGE_BYTES);
    PK_ASSERT(in->field_bytes <= PK_FIELDS_BYTES_MAX);
    PK_ASSERT(in->severity < PK_SEV_COUNT);
    PK_ASSERT(pk_text_is_utf8(pk_str_make(in->message, in->message_bytes)));
}

static void check_round_trip(const struct pk_event_in *in) {
    static char line[4u * PK_EVENT_LINE_BYTES];
    static struct pk_event_in back;
    const struct pk_intake_clock clock = {1000000, 1700000000000, true};
    struct pk_event_error error;
    struct pk_event e;
    struct pk_json_writer w;
    struct pk_buf b;
    uint32_t number = 0;
    pk_intake_init(&intake, 0, 1);
    const int taken = pk_intake_offer(&intake, in, &clock, &number);
    PK_ASSERT(taken == PK_OK && number == 1);
    PK_ASSERT(pk_intake_pop(&intake, &e));
    pk_buf_init(&b, line, sizeof line);
    pk_jw_init(&w, &b);
    pk_event_json_write(&w, NULL, &e, &intake.types, &intake.sources, &intake.text, 1);
    PK_ASSERT(!b.is_cut);
    if (b.n > PK_EVENT_LINE_BYTES) {
        return;
    }
    const int err = pk_event_json_parse(pk_buf_str(&b), &back, &error);
    PK_ASSERT(err == PK_OK);
    PK_ASSERT(strcmp(back.type, in->type) == 0 && strcmp(back.source, in->source) == 0);
    PK_ASSERT(back.message_bytes == in->message_bytes &&
              memcmp(back.message, in->message, in->message_bytes) == 0);
    PK_ASSERT(back.field_bytes == in->field_bytes && memcmp(back.fields, in->fields, in->field_bytes) == 0);
    PK_ASSERT(back.severity == in->severity && back.has_value == in->has_value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pk_event_in in;
    struct pk_event_error error;
    char reply[512];
    struct pk_buf b;
    const struct pk_str text = pk_str_make((const char *)data, size);
    if (pk_event_json_parse(text, &in, &error) == PK_OK) {
        check_event(&in);
        check_round_trip(&in);
    } else {
        PK_ASSERT(error.err < 0 && error.message[0] != '\0' && error.at_byte <= size);
    }
    pk_buf_init(&b, reply, sizeof reply);
    pk_event_reply_error(&b, &error);
    if (pk_event_topic_parse(pk_str_of("source"), pk_str_of("type"), text, &in, &error) == PK_OK) {
        check_event(&in);
    }
    return 0;
}
