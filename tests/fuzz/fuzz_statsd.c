/* statsd datagrams: any bytes are some lines; what is taken is an event within its limits, and is refused for
 * a reason otherwise. */
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_intern.h"
#include "event/pk_statsd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_event_in event;

static void check_event(void) {
    struct pk_str rest = {(const char *)event.fields, event.field_bytes};
    struct pk_field field;
    uint32_t count = 0;
    PK_ASSERT(pk_intern_is_name(pk_str_of(event.type)) && pk_intern_is_name(pk_str_of(event.source)));
    PK_ASSERT(event.severity < PK_SEV_COUNT && event.has_value);
    PK_ASSERT(event.value <= 1e300 && event.value >= -1e300);
    while (pk_field_next(&rest, &field)) {
        PK_ASSERT(pk_text_is_utf8(field.value) && field.name.n > 0);
        count++;
    }
    PK_ASSERT(count <= PK_EVENT_FIELDS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_str rest = pk_str_make((const char *)data, size < 65536u ? size : 65536u), line;
    while (size > 0 && pk_str_split(&rest, '\n', &line)) {
        const enum pk_statsd_refusal r = pk_statsd_parse(line, "statsd", &event);
        PK_ASSERT(r < PK_STATSD_COUNT);
        if (r == PK_STATSD_OK) {
            check_event();
        }
    }
    return 0;
}
