#include "base/pk_address.h"

#include <string.h>

bool pk_address_parse_v4(struct pk_str s, uint8_t out[4]) {
    struct pk_str piece;
    uint32_t count = 0;
    while (pk_str_split(&s, '.', &piece)) {
        uint64_t n = 0;
        if (count == 4u || piece.n > 3u || pk_parse_u64(piece, &n) != PK_OK || n > 255u) {
            return false;
        }
        out[count++] = (uint8_t)n;
    }
    return count == 4u;
}

static bool parse_group(struct pk_str s, uint8_t out[2]) {
    uint32_t v = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const char lower = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        const bool is_digit = lower >= '0' && lower <= '9';
        if (!is_digit && (lower < 'a' || lower > 'f')) {
            return false;
        }
        v = v * 16u + (uint32_t)(is_digit ? lower - '0' : lower - 'a' + 10);
    }
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
    return s.n >= 1u && s.n <= 4u;
}

/* Groups with ':' between, the last perhaps of the form 192.0.2.1. Bytes written, 0 when it is none. */
static uint32_t parse_groups(struct pk_str s, uint8_t *out, uint32_t room_bytes) {
    struct pk_str group;
    uint32_t n = 0;
    while (pk_str_split(&s, ':', &group)) {
        const bool is_v4 = s.p == NULL && group.n > 0 && memchr(group.p, '.', group.n) != NULL;
        const uint32_t bytes = is_v4 ? 4u : 2u;
        if (bytes > room_bytes - n ||
            !(is_v4 ? pk_address_parse_v4(group, out + n) : parse_group(group, out + n))) {
            return 0;
        }
        n += bytes;
    }
    return n;
}

bool pk_address_parse_v6(struct pk_str s, uint8_t out[16]) {
    uint8_t tail[16] = {0};
    uint32_t at = 0;
    while (at + 1u < s.n && !(s.p[at] == ':' && s.p[at + 1u] == ':')) {
        at++;
    }
    memset(out, 0, 16);
    if (at + 1u >= s.n) {
        return parse_groups(s, out, 16) == 16u;
    }
    const struct pk_str front = pk_str_make(s.p, at), back = pk_str_make(s.p + at + 2u, s.n - at - 2u);
    const uint32_t front_bytes = front.n > 0 ? parse_groups(front, out, 14) : 0;
    const uint32_t back_bytes = back.n > 0 ? parse_groups(back, tail, 14) : 0;
    if ((front.n > 0 && (front_bytes == 0 || memchr(front.p, '.', front.n) != NULL)) ||
        (back.n > 0 && back_bytes == 0) || front_bytes + back_bytes > 14u) {
        return false;
    }
    memcpy(out + 16 - back_bytes, tail, back_bytes);
    return true;
}

bool pk_address_is_loopback(struct pk_str s) {
    static const uint8_t V6[16] = {[15] = 1};
    uint8_t address[16];
    if (pk_address_parse_v4(s, address)) {
        return address[0] == 127;
    }
    return pk_address_parse_v6(s, address) && memcmp(address, V6, sizeof V6) == 0;
}

bool pk_address_is_name(struct pk_str s, uint32_t max_bytes) {
    bool is_number = true; /* only digits and dots: meant as an address */
    for (uint32_t i = 0; i < s.n; i++) {
        is_number = is_number && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.');
    }
    return !is_number && pk_text_is_id(s, "_.-", max_bytes) && s.p[0] != '-';
}

bool pk_address_is_host(struct pk_str s, uint32_t max_bytes) {
    uint8_t bytes[16];
    return s.n <= max_bytes && (pk_address_is_name(s, max_bytes) || pk_address_parse_v4(s, bytes) ||
                                pk_address_parse_v6(s, bytes));
}
