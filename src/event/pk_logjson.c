#include "event/pk_logjson.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_json.h"
#include "event/pk_loghead.h"
#include "event/pk_logtime.h"

enum member {
    MEMBER_MESSAGE,
    MEMBER_TIME,
    MEMBER_REALTIME, /* microseconds as text */
    MEMBER_PRIORITY, /* syslog number as text */
    MEMBER_LEVEL,
    MEMBER_PROGRAM,
    MEMBER_HOST,
    MEMBER_CURSOR,
    MEMBER_NONE
};

/* Of equal members the first of this list is taken. */
static const struct {
    const char *name;
    enum member member;
} MEMBERS[] = {
    {"MESSAGE", MEMBER_MESSAGE},   {"__REALTIME_TIMESTAMP", MEMBER_REALTIME},
    {"PRIORITY", MEMBER_PRIORITY}, {"SYSLOG_IDENTIFIER", MEMBER_PROGRAM},
    {"_COMM", MEMBER_PROGRAM},     {"_SYSTEMD_UNIT", MEMBER_PROGRAM},
    {"_HOSTNAME", MEMBER_HOST},    {"__CURSOR", MEMBER_CURSOR},
    {"message", MEMBER_MESSAGE},   {"msg", MEMBER_MESSAGE},
    {"log", MEMBER_MESSAGE},       {"time", MEMBER_TIME},
    {"timestamp", MEMBER_TIME},    {"@timestamp", MEMBER_TIME},
    {"ts", MEMBER_TIME},           {"level", MEMBER_LEVEL},
    {"severity", MEMBER_LEVEL},    {"lvl", MEMBER_LEVEL},
    {"logger", MEMBER_PROGRAM},    {"app", MEMBER_PROGRAM},
    {"service", MEMBER_PROGRAM},   {"host", MEMBER_HOST},
    {"hostname", MEMBER_HOST},
};

struct object {
    struct pk_log_reader *r;
    struct pk_logline line;
    uint32_t rank[MEMBER_NONE]; /* of what was taken; 0 = nothing, else the higher the better */
};

static void take_message(struct object *o, const struct pk_json_token *t) {
    const int n = pk_json_string(t, o->r->decoded, sizeof o->r->decoded);
    const uint32_t bytes = n >= 0 ? (uint32_t)n : n == PK_E_TOO_BIG ? (uint32_t)strlen(o->r->decoded) : 0;
    o->line.message = (struct pk_str){o->r->decoded, bytes};
    while (o->line.message.n > 0 && o->line.message.p[o->line.message.n - 1u] == '\n') {
        o->line.message.n--; /* container engines keep it */
    }
}

/* journalctl writes text with bytes that are no UTF-8 as an array of numbers, and a field that was sent
 * several times as an array of its values, of which the first is taken. Reads to the end of the array; false:
 * the line is no JSON. */
static bool take_message_array(struct object *o, struct pk_json_reader *reader) {
    struct pk_json_token t;
    uint32_t n = 0;
    bool has_text = false;
    for (;;) {
        uint64_t byte = 0;
        if (pk_json_next(reader, &t) != PK_OK) {
            return false;
        }
        if (t.kind == PK_JSON_CLOSE) {
            break;
        }
        if (t.kind == PK_JSON_STRING && n == 0 && !has_text) {
            take_message(o, &t);
            has_text = true;
        } else if (!has_text && pk_json_u64(&t, &byte) == PK_OK && byte <= UINT8_MAX &&
                   n < sizeof o->r->decoded) {
            o->r->decoded[n++] = (char)(uint8_t)byte;
        }
        if (pk_json_skip(reader, &t) != PK_OK) {
            return false;
        }
    }
    if (!has_text) {
        o->line.message = (struct pk_str){o->r->decoded, n};
    }
    return true;
}

static struct pk_str take_name(struct object *o, unsigned slot, const struct pk_json_token *t) {
    const int n = pk_json_string(t, o->r->names[slot], sizeof o->r->names[slot]);
    return (struct pk_str){o->r->names[slot], n >= 0 ? (uint32_t)n : 0};
}

static void take_time(struct object *o, const struct pk_json_token *t) {
    struct pk_logtime time;
    if ((t->kind == PK_JSON_STRING || t->kind == PK_JSON_NUMBER) && !t->has_escape &&
        pk_logtime_parse(t->raw, &time) > 0 && !time.needs_year && time.wall_ms > 0) {
        o->line.wall_ms = time.wall_ms;
        o->line.has_time = true;
        o->line.has_zone = time.has_zone;
    }
}

static void take_realtime(struct object *o, const struct pk_json_token *t) {
    uint64_t microseconds = 0;
    if (pk_parse_u64(t->raw, &microseconds) == PK_OK && microseconds > 0 && microseconds <= INT64_MAX) {
        o->line.wall_ms = (int64_t)(microseconds / 1000u);
        o->line.has_time = true;
        o->line.has_zone = true;
    }
}

static void take_severity(struct object *o, const struct pk_json_token *t) {
    char word[16];
    uint64_t number = 0;
    if (pk_parse_u64(t->raw, &number) == PK_OK) {
        /* 0..7 of syslog; 10..60 of what bunyan and pino count. */
        o->line.severity = number < 8u     ? pk_loghead_syslog_severity((unsigned)number)
                           : number >= 60u ? PK_SEV_CRITICAL
                           : number >= 50u ? PK_SEV_HIGH
                           : number >= 40u ? PK_SEV_MEDIUM
                                           : PK_SEV_INFO;
        o->line.has_severity = true;
        return;
    }
    word[0] = '[';
    const int n = t->kind == PK_JSON_STRING ? pk_json_string(t, word + 1, sizeof word - 1u) : -1;
    o->line.has_severity =
        o->line.has_severity ||
        (n > 0 && pk_loghead_level((struct pk_str){word, (uint32_t)n + 1u}, &o->line.severity));
}

static void take(struct object *o, enum member member, const struct pk_json_token *t) {
    switch (member) {
    case MEMBER_MESSAGE:
        take_message(o, t);
        return;
    case MEMBER_TIME:
        take_time(o, t);
        return;
    case MEMBER_REALTIME:
        take_realtime(o, t);
        return;
    case MEMBER_PRIORITY:
    case MEMBER_LEVEL:
        take_severity(o, t);
        return;
    case MEMBER_PROGRAM:
        o->line.program = take_name(o, 0, t);
        return;
    case MEMBER_HOST:
        o->line.host = take_name(o, 1, t);
        return;
    case MEMBER_CURSOR:
        if (pk_json_string(t, o->r->cursor, sizeof o->r->cursor) < 0) {
            o->r->cursor[0] = '\0';
        }
        return;
    case MEMBER_NONE:
        break;
    }
}

static void look_at(struct object *o, const struct pk_json_token *t) {
    for (uint32_t i = 0; i < PK_COUNT_OF(MEMBERS); i++) {
        const uint32_t rank = (uint32_t)PK_COUNT_OF(MEMBERS) - i;
        if (pk_json_key_is(t, MEMBERS[i].name)) {
            if (rank > o->rank[MEMBERS[i].member]) {
                o->rank[MEMBERS[i].member] = rank;
                take(o, MEMBERS[i].member, t);
            }
            return;
        }
    }
}

bool pk_logjson_parse(struct pk_log_reader *r, struct pk_str line, struct pk_logline *out) {
    struct pk_json_reader reader;
    struct pk_json_token t;
    struct object o = {.r = r, .line = *out};
    if (line.n < 2u || line.p[0] != '{') {
        return false;
    }
    pk_json_init(&reader, line.p, line.n);
    if (pk_json_next(&reader, &t) != PK_OK || t.kind != PK_JSON_OBJECT) {
        return false;
    }
    for (;;) {
        if (pk_json_next(&reader, &t) != PK_OK) {
            return false;
        }
        if (t.kind == PK_JSON_CLOSE) {
            break;
        }
        if (t.kind == PK_JSON_ARRAY && pk_json_key_is(&t, "MESSAGE")) {
            o.rank[MEMBER_MESSAGE] = (uint32_t)PK_COUNT_OF(MEMBERS);
            if (!take_message_array(&o, &reader)) {
                return false;
            }
            continue;
        }
        look_at(&o, &t);
        if (pk_json_skip(&reader, &t) != PK_OK) {
            return false;
        }
    }
    if (o.rank[MEMBER_MESSAGE] == 0) {
        return false;
    }
    o.line.format = PK_LOG_FORMAT_JSON;
    o.line.is_plain = false; /* what an escape stands for */
    *out = o.line;
    return true;
}
