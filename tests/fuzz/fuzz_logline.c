/* Lines of logs: any bytes are a line; what comes of it points into the line or the reader, and the event is
 * within its limits. */
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_intern.h"
#include "event/pk_logevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_log_reader reader;
static struct pk_logevent_once once;
static struct pk_event_in event;

static bool is_inside(struct pk_str s, const char *p, size_t n) {
    return s.n == 0 || (s.p >= p && s.p + s.n <= p + n);
}

static bool is_good(struct pk_str s, struct pk_str line) {
    static const char *const OWN[] = {"kernel", "httpd", "http", "postgresql", "mysqld", "nginx"};
    for (size_t i = 0; i < PK_COUNT_OF(OWN); i++) {
        if (pk_str_eq_c(s, OWN[i])) {
            return true;
        }
    }
    return is_inside(s, line.p, line.n) || is_inside(s, (const char *)&reader, sizeof reader);
}

static void check_event(void) {
    struct pk_str rest = {(const char *)event.fields, event.field_bytes};
    struct pk_field field;
    uint32_t count = 0;
    PK_ASSERT(pk_intern_is_name(pk_str_of(event.type)) && pk_intern_is_name(pk_str_of(event.source)));
    PK_ASSERT(event.severity < PK_SEV_COUNT && event.message_bytes <= PK_EVENT_MESSAGE_BYTES);
    PK_ASSERT(pk_text_is_utf8(pk_str_make(event.message, event.message_bytes)));
    while (pk_field_next(&rest, &field)) {
        PK_ASSERT(pk_text_is_utf8(field.value));
        count++;
    }
    PK_ASSERT(count <= PK_EVENT_FIELDS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_str rest = pk_str_make((const char *)data, size < 65536u ? size : 65536u), text;
    struct pk_logline line;
    struct pk_logevent_pattern pattern;
    const struct pk_patterns_tables tables = {.tables = {&PK_SHIPPED_PATTERNS}, .count = 1};
    memset(&reader, 0, sizeof reader);
    memset(&once, 0, sizeof once);
    reader.year = 2026;
    reader.boot_wall_ms = 1;
    /* The told forms, by how long the input is. */
    reader.form = (uint8_t)(size % (PK_LOG_FORMAT_COUNT + 1u));
    while (size > 0 && pk_str_split(&rest, '\n', &text)) {
        pk_logline_parse(&reader, text, &line);
        PK_ASSERT(line.format < PK_LOG_FORMAT_COUNT && (!line.has_severity || line.severity < PK_SEV_COUNT));
        PK_ASSERT(is_good(line.message, text) && is_good(line.program, text) && is_good(line.host, text));
        PK_ASSERT(is_good(line.ip, text));
        if (pk_logevent_make(&tables, &line, &once, &event, &pattern) == PK_OK) {
            check_event();
        }
    }
    return 0;
}
