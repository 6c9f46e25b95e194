#include "ctl/pk_ctl_cell.h"

#include "base/pk_severity.h"
#include "base/pk_time.h"
#include "incident/pk_incident_id.h"

bool pk_ctl_cell_is_right(enum pk_ctl_cell cell) {
    return cell == PK_CTL_CELL_NUMBER || cell == PK_CTL_CELL_BYTES;
}

static void put_upper(struct pk_ctl_text *t, struct pk_ctl_value v) {
    const size_t from = t->n;
    pk_ctl_put_value(t, v, false);
    for (size_t i = from; i < t->n; i++) {
        if (t->p[i] >= 'a' && t->p[i] <= 'z') {
            t->p[i] = (char)(t->p[i] - 'a' + 'A');
        }
    }
}

static void put_bytes(struct pk_ctl_text *t, struct pk_ctl_value v) {
    static const char UNITS[] = "KMGTPE";
    const uint64_t bytes = pk_ctl_u64(v, UINT64_MAX);
    if (bytes == UINT64_MAX || bytes < 1024) {
        pk_ctl_put_value(t, v, false);
        return;
    }
    uint64_t tenths = bytes / 1024 * 10 + bytes % 1024 * 10 / 1024;
    uint32_t unit = 0;
    while (tenths >= 10240) {
        tenths /= 1024;
        unit++;
    }
    pk_ctl_text_put_u64(t, tenths / 10);
    if (tenths < 100) {
        pk_ctl_text_putc(t, '.');
        pk_ctl_text_put_u64(t, tenths % 10);
    }
    pk_ctl_text_putc(t, UNITS[unit]);
}

static void put_duration(struct pk_ctl_text *t, uint64_t ms) {
    char text[48];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_duration(&b, ms);
    pk_ctl_text_put_str(t, pk_buf_str(&b));
}

/* Ages are said in whole seconds; a clock of ours that is behind makes "now". */
static void put_ago(struct pk_ctl_text *t, int64_t ms) {
    if (ms < 1000) {
        pk_ctl_text_puts(t, "now");
        return;
    }
    put_duration(t, (uint64_t)ms / 1000 * 1000);
    pk_ctl_text_puts(t, " ago");
}

static void put_age(struct pk_ctl_text *t, struct pk_str row, const char *path,
                    const struct pk_ctl_look *look) {
    uint64_t ms = 0;
    int64_t at_ms = 0;
    const struct pk_ctl_value time = pk_ctl_member(row, path);
    /* The agent's own clock counts what happened since it started: right even while the wall clock is not. */
    if (pk_ctl_seconds_ms(pk_ctl_member(row, "age_seconds"), &ms)) {
        put_ago(t, (int64_t)ms);
    } else if (pk_time_parse(pk_ctl_word(time), &at_ms) == PK_OK) {
        put_ago(t, look->now_ms - at_ms);
    } else {
        pk_ctl_put_value(t, time, false);
    }
}

void pk_ctl_put_clock(struct pk_ctl_text *t, struct pk_ctl_value time) {
    int64_t at_ms = 0;
    char text[PK_TIME_TEXT_BYTES];
    if (pk_time_parse(pk_ctl_word(time), &at_ms) != PK_OK) {
        pk_ctl_text_puts(t, "--:--:--Z");
        return;
    }
    pk_time_format(at_ms, text);
    pk_ctl_text_put(t, text + 11, 8);
    pk_ctl_text_putc(t, 'Z');
}

/* inc_GATEWAY_BOOT_00001 -> inc_00001; anything else as it stands. */
static void put_incident(struct pk_ctl_text *t, struct pk_ctl_value v) {
    struct pk_incident_ref ref;
    const struct pk_str id = pk_ctl_word(v);
    if (pk_incident_id_parse(id, &ref) != PK_OK) {
        pk_ctl_put_value(t, v, false);
        return;
    }
    uint32_t at = id.n;
    while (at > 0 && id.p[at - 1] != '_') {
        at--;
    }
    pk_ctl_text_puts(t, "inc_");
    pk_ctl_text_put(t, id.p + at, id.n - at);
}

void pk_ctl_put_cell(struct pk_ctl_text *t, enum pk_ctl_cell cell, struct pk_str row, const char *path,
                     const struct pk_ctl_look *look) {
    const struct pk_ctl_value v = pk_ctl_member(row, path);
    uint64_t ms = 0;
    switch (cell) {
    case PK_CTL_CELL_TEXT:
    case PK_CTL_CELL_NUMBER:
        pk_ctl_put_value(t, v, false);
        return;
    case PK_CTL_CELL_INCIDENT:
        put_incident(t, v);
        return;
    case PK_CTL_CELL_LINES:
        pk_ctl_put_value(t, v, true);
        return;
    case PK_CTL_CELL_WORD:
    case PK_CTL_CELL_SEVERITY:
        put_upper(t, v);
        return;
    case PK_CTL_CELL_BYTES:
        put_bytes(t, v);
        return;
    case PK_CTL_CELL_SECONDS:
    case PK_CTL_CELL_AGO:
        if (!pk_ctl_seconds_ms(v, &ms)) {
            pk_ctl_put_value(t, v, false);
        } else if (cell == PK_CTL_CELL_AGO) {
            put_ago(t, (int64_t)ms);
        } else {
            put_duration(t, ms);
        }
        return;
    case PK_CTL_CELL_AGE:
        put_age(t, row, path, look);
        return;
    case PK_CTL_CELL_CLOCK:
        pk_ctl_put_clock(t, v);
        return;
    }
}

const char *pk_ctl_severity_colour(struct pk_str word) {
    static const char *const COLOURS[PK_SEV_COUNT] = {
        [PK_SEV_INFO] = "",         [PK_SEV_LOW] = "\x1b[36m",        [PK_SEV_MEDIUM] = "\x1b[33m",
        [PK_SEV_HIGH] = "\x1b[31m", [PK_SEV_CRITICAL] = "\x1b[1;31m",
    };
    enum pk_severity s = PK_SEV_INFO;
    return pk_severity_parse(word, &s) == PK_OK ? COLOURS[s] : "";
}
