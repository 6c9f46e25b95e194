#include "respond/pk_risk.h"

#include "base/pk_assert.h"

static bool is_guarded(const struct pk_risk_limits *limits, const struct pk_stamp *now) {
    if (limits->from_min == limits->until_min) {
        return false;
    }
    if (now->quality < PK_TIME_NTP || now->wall_ms <= 0) {
        return true;
    }
    const uint32_t minute = (uint32_t)(now->wall_ms / 60000 % PK_DAY_MIN);
    const bool is_after = minute >= limits->from_min, is_before = minute < limits->until_min;
    return limits->from_min < limits->until_min ? is_after && is_before : is_after || is_before;
}

static bool reaches(uint32_t count, uint32_t limit) {
    return limit > 0 && count >= limit;
}

uint8_t pk_risk_weigh(const struct pk_risk_limits *limits, const struct pk_risk_context *context,
                      const struct pk_stamp *now) {
    unsigned reasons = context->is_critical_target ? PK_RISK_BY_TARGET : 0u;
    if (!context->is_read_only) {
        reasons |= reaches(context->behind_count, limits->behind_count) ? PK_RISK_BY_BEHIND : 0u;
        reasons |= reaches(context->start_count, limits->repeat_count) ? PK_RISK_BY_REPEAT : 0u;
        reasons |= is_guarded(limits, now) ? PK_RISK_BY_HOURS : 0u;
    }
    return (uint8_t)reasons;
}

static void put_time(struct pk_buf *b, uint32_t minute) {
    const uint32_t parts[] = {minute / 60u, minute % 60u};
    for (unsigned i = 0; i < 2; i++) {
        pk_buf_puts(b, i > 0 ? ":" : "");
        pk_buf_puts(b, parts[i] < 10u ? "0" : "");
        pk_buf_put_u64(b, parts[i]);
    }
}

uint32_t pk_risk_words(uint8_t reasons, const struct pk_risk_limits *limits, uint32_t behind_count,
                       uint32_t start_count, char out[PK_RISK_FACTORS][PK_RISK_FACTOR_BYTES]) {
    uint32_t n = 0;
    for (unsigned bit = 1; bit <= PK_RISK_BY_ALL; bit <<= 1u) {
        struct pk_buf b;
        if ((reasons & bit) == 0) {
            continue;
        }
        pk_buf_init(&b, out[n++], PK_RISK_FACTOR_BYTES);
        if (bit == PK_RISK_BY_TARGET) {
            pk_buf_puts(&b, "the target is marked critical");
        } else if (bit == PK_RISK_BY_BEHIND) {
            pk_buf_put_u64(&b, behind_count);
            pk_buf_puts(&b, " things depend on the target");
        } else if (bit == PK_RISK_BY_REPEAT) {
            pk_buf_puts(&b, "started on it ");
            pk_buf_put_u64(&b, start_count);
            pk_buf_puts(&b, " times in the last hour");
        } else {
            pk_buf_puts(&b, "guarded hours ");
            put_time(&b, limits->from_min);
            pk_buf_putc(&b, '-');
            put_time(&b, limits->until_min);
            pk_buf_puts(&b, " UTC, or the clock is not sure");
        }
        PK_ASSERT(!b.is_cut);
    }
    return n;
}

static int parse_time(struct pk_str s, uint16_t *out) {
    struct pk_str hour;
    uint64_t h = 0, m = 0;
    s = pk_str_trim(s);
    if (!pk_str_split(&s, ':', &hour) || hour.n != 2 || s.n != 2) {
        return PK_E_BAD_FIELD;
    }
    if (pk_parse_u64(hour, &h) < 0 || pk_parse_u64(s, &m) < 0 || h > 23 || m > 59) {
        return PK_E_BAD_FIELD;
    }
    *out = (uint16_t)(h * 60u + m);
    return PK_OK;
}

int pk_risk_hours_parse(struct pk_str s, struct pk_risk_limits *out) {
    struct pk_str first;
    uint16_t from = 0, until = 0;
    if (pk_str_eq_nocase(s, "no")) {
        out->from_min = 0;
        out->until_min = 0;
        return PK_OK;
    }
    if (!pk_str_split(&s, '-', &first) || parse_time(first, &from) < 0 || parse_time(s, &until) < 0 ||
        from == until) {
        return PK_E_BAD_FIELD;
    }
    out->from_min = from;
    out->until_min = until;
    return PK_OK;
}
