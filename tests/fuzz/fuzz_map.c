/* Mapping rows: a row's keys, a topic and a payload, all of them anybody's. Refused, a misfit with its
 * reason, or an event within its bounds. Input: lines `key=value` of the row, an empty line, the topic, a
 * line end, the payload. */
#include "event/pk_map.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_map_table table;
static struct pk_event_in in;

static void check_event(void) {
    PK_ASSERT(pk_intern_is_name(pk_str_of(in.type)) && pk_intern_is_name(pk_str_of(in.source)));
    PK_ASSERT(in.message_bytes <= PK_EVENT_MESSAGE_BYTES && in.field_bytes <= PK_FIELDS_BYTES_MAX);
    PK_ASSERT(in.severity < PK_SEV_COUNT && in.value - in.value == 0);
    PK_ASSERT(pk_text_is_utf8(pk_str_make(in.message, in.message_bytes)));
    PK_ASSERT(!in.has_time || in.wall_ms > 0);
    PK_ASSERT(memchr(in.message, '\n', in.message_bytes) == NULL);
    struct pk_str fields = pk_str_make((const char *)in.fields, in.field_bytes);
    struct pk_field f;
    while (pk_field_next(&fields, &f)) {
        PK_ASSERT(pk_text_is_utf8(f.value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_str rest = pk_str_make((const char *)data, size), line, key;
    struct pk_map_outcome outcome;
    struct pk_map_error map_error;
    const char *why = NULL;
    pk_map_init(&table);
    PK_ASSERT(pk_map_open(&table, pk_str_of("row")) == 0);
    while (pk_str_split(&rest, '\n', &line) && line.n > 0) {
        (void)pk_str_split(&line, '=', &key);
        if (line.p == NULL) {
            continue;
        }
        why = NULL;
        const int err = pk_map_set(&table, 0, key, line, &why);
        PK_ASSERT(err == PK_OK || err == PK_E_NOT_FOUND || why != NULL);
    }
    if (rest.p == NULL || pk_map_incomplete(&table, &map_error) >= 0) {
        return 0;
    }
    (void)pk_str_split(&rest, '\n', &line);
    const struct pk_str payload = rest.p != NULL ? rest : pk_str_make("", 0);
    const enum pk_map_reason reason = pk_map_apply(&table, 0, line, payload, (size & 1u) != 0, &in, &outcome);
    PK_ASSERT(reason == outcome.reason && reason < PK_MAP_REASON_COUNT);
    if (reason == PK_MAP_TAKEN) {
        check_event();
    }
    return 0;
}
