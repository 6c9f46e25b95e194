#include "event/pk_pattern.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"

extern inline struct pk_str pk_pattern_ref_str(const char *text, struct pk_pattern_ref ref);

static bool is_field_letter(char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
}

int pk_pattern_piece_next(struct pk_str *rest, struct pk_pattern_piece *out) {
    const char *at = rest->p, *end = at + rest->n;
    out->has_field = false;
    out->name = (struct pk_str){NULL, 0};
    if (rest->n == 0) {
        out->literal = (struct pk_str){NULL, 0};
        return PK_E_NOT_FOUND;
    }
    if (*at == '{') {
        const char *name = ++at;
        while (at < end && is_field_letter(*at)) {
            at++;
        }
        if (at == end || *at != '}') {
            out->literal = (struct pk_str){NULL, 0};
            return PK_E_BAD_FIELD;
        }
        out->has_field = true;
        out->name = (struct pk_str){name, (uint32_t)(at - name)};
        at++;
    }
    const char *literal = at;
    while (at < end && *at != '{') {
        at++;
    }
    out->literal = (struct pk_str){literal, (uint32_t)(at - literal)};
    *rest = (struct pk_str){at, (uint32_t)(end - at)};
    return PK_OK;
}

extern inline bool pk_pattern_piece_known(struct pk_str *rest, struct pk_pattern_piece *out);

/* As pk_pattern_piece_next cuts it, without the pieces. */
struct pk_str pk_pattern_anchor(struct pk_str match) {
    struct pk_str best = {match.p, 0};
    uint32_t at = 0;
    while (at < match.n) {
        if (match.p[at] == '{') {
            for (at++; at < match.n && is_field_letter(match.p[at]);) {
                at++;
            }
            if (at >= match.n || match.p[at] != '}') {
                break;
            }
            at++;
        }
        const uint32_t start = at;
        while (at < match.n && match.p[at] != '{') {
            at++;
        }
        if (at - start > best.n) {
            best = (struct pk_str){match.p + start, at - start};
        }
    }
    return best;
}

struct pk_str pk_pattern_row_anchor(const char *text, const struct pk_pattern_row *row) {
    const char *match = text + row->match.at;
    return row->anchor_bytes > 0 ? (struct pk_str){match + row->anchor_at, row->anchor_bytes}
                                 : pk_pattern_anchor((struct pk_str){match, row->match.n});
}

/* ---- the walk ---- */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool pk_pattern_is_at(struct pk_str message, uint32_t at, struct pk_str literal) {
    if (literal.n > message.n - at) {
        return false;
    }
    if (pk_is_same(message.p + at, literal.p, literal.n)) {
        return true; /* nearly always in the same case, when it is there at all */
    }
    for (uint32_t i = 0; i < literal.n; i++) {
        if (lower(message.p[at + i]) != lower(literal.p[i])) {
            return false;
        }
    }
    return true;
}

/* Letters of host names as well: servers that look names up log those. */
static bool is_ip_byte(char c) {
    return pk_is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '.' || c == ':' || c == '-' ||
           c == '_' || c == '%';
}

static bool is_value_byte(char c) {
    return pk_is_digit(c) || c == '.' || c == '-' || c == '+';
}

static bool is_word_byte(char c) {
    return (unsigned char)c > ' ' && c != '"' && c != '\'' && c != '(' && c != ')' && c != '[' && c != ']' &&
           c != ',' && c != ';' && c != '<' && c != '>';
}

enum field_kind { FIELD_ANY, FIELD_IP, FIELD_VALUE, FIELD_TEXT };

static enum field_kind kind_of(struct pk_str name) {
    static const struct pk_str IP = {"ip", 2}, VALUE = {"value", 5}, TEXT = {"text", 4};
    return pk_str_eq(name, IP)      ? FIELD_IP
           : pk_str_eq(name, VALUE) ? FIELD_VALUE
           : pk_str_eq(name, TEXT)  ? FIELD_TEXT
                                    : FIELD_ANY;
}

static bool is_field_byte(enum field_kind kind, char c) {
    switch (kind) {
    case FIELD_IP:
        return is_ip_byte(c);
    case FIELD_VALUE:
        return is_value_byte(c);
    case FIELD_TEXT:
        return true;
    case FIELD_ANY:
        break;
    }
    return is_word_byte(c);
}

static void keep(struct pk_pattern_fields *out, struct pk_str name, struct pk_str value) {
    if (name.n == 0 || value.n == 0) {
        return;
    }
    PK_ASSERT(out->count < PK_PATTERN_FIELDS_MAX);
    out->items[out->count++] = (struct pk_pattern_field){name, value};
}

/* A number has digits, an address something before its last colon. */
static bool is_good(enum field_kind kind, struct pk_str value) {
    if (kind == FIELD_IP) {
        return value.n > 0;
    }
    double number = 0;
    return kind != FIELD_VALUE || pk_parse_double(value, &number) == PK_OK;
}

/* How far behind `at` the literal begins, at most `most` bytes; UINT32_MAX = it does not. */
static uint32_t literal_in(struct pk_str message, uint32_t at, uint32_t most, struct pk_str literal) {
    const uint32_t left = message.n - at - literal.n, places = 1u + (left < most ? left : most);
    const char small = lower(literal.p[0]);
    const bool is_letter = small >= 'a' && small <= 'z';
    for (uint32_t n = 0; n < places; n++) {
        if (!is_letter) {
            n += pk_find_byte(message.p + at + n, places - n, small);
        } else if (lower(message.p[at + n]) != small) {
            continue;
        }
        if (n < places && pk_pattern_is_at(message, at + n, literal)) {
            return n;
        }
    }
    return UINT32_MAX;
}

/* Length of the field at `at` with `literal` behind it; UINT32_MAX = it does not fit. */
static uint32_t field_length(struct pk_str message, uint32_t at, enum field_kind kind,
                             struct pk_str literal) {
    const uint32_t left = message.n - at;
    const uint32_t most = left < PK_PATTERN_GAP_BYTES_MAX ? left : PK_PATTERN_GAP_BYTES_MAX;
    uint32_t n = 0;
    if (kind == FIELD_ANY && literal.n > 0) {
        return literal.n > left ? UINT32_MAX : literal_in(message, at, most, literal);
    }
    bool has_dot = false;
    while (n < most && is_field_byte(kind, message.p[at + n])) {
        has_dot = has_dot || message.p[at + n] == '.';
        if (kind == FIELD_IP && message.p[at + n] == ':' && has_dot &&
            memchr(message.p + at, ':', n) == NULL) {
            break; /* what follows 192.0.2.7 or a host's name is a port */
        }
        n++;
    }
    /* The sentence's colon or full stop is no part of an address or a number. */
    while (n > 0 && kind != FIELD_TEXT && (message.p[at + n - 1u] == '.' || message.p[at + n - 1u] == ':')) {
        n--;
    }
    /* "2001:db8::1:4711" when a colon is what stands behind the address. */
    while (n > 1u && kind == FIELD_IP && !pk_pattern_is_at(message, at + n, literal)) {
        n--;
    }
    return pk_pattern_is_at(message, at + n, literal) ? n : UINT32_MAX;
}

static bool walk_forward(struct pk_str rest, struct pk_str message, uint32_t at,
                         struct pk_pattern_fields *out) {
    struct pk_pattern_piece piece;
    while (pk_pattern_piece_known(&rest, &piece)) {
        const enum field_kind kind = kind_of(piece.name);
        const uint32_t n = field_length(message, at, kind, piece.literal);
        if (n == UINT32_MAX || !is_good(kind, (struct pk_str){message.p + at, n})) {
            return false;
        }
        keep(out, piece.name, (struct pk_str){message.p + at, n});
        at += n + piece.literal.n;
    }
    return true;
}

/* Start of the field that ends at `end`, with `literal` in front of it; UINT32_MAX = it does not fit. */
static uint32_t field_start(struct pk_str message, uint32_t end, enum field_kind kind,
                            struct pk_str literal) {
    const uint32_t least = end > PK_PATTERN_GAP_BYTES_MAX ? end - PK_PATTERN_GAP_BYTES_MAX : 0;
    uint32_t at = end;
    if (kind == FIELD_ANY && literal.n > 0) {
        for (; at >= least && at >= literal.n; at--) {
            if (pk_pattern_is_at((struct pk_str){message.p, end}, at - literal.n, literal)) {
                return at;
            }
        }
        return UINT32_MAX;
    }
    while (at > least && is_field_byte(kind, message.p[at - 1u])) {
        at--;
    }
    const bool fits = at >= literal.n && pk_pattern_is_at(message, at - literal.n, literal);
    return fits ? at : UINT32_MAX;
}

/* Everything before the anchor: pieces from the last one back. Few of them, so each is looked up from the
 * start. */
static bool walk_back(struct pk_str head, bool is_at_start, struct pk_str message, uint32_t end,
                      struct pk_pattern_fields *out) {
    struct pk_str rest = head;
    struct pk_pattern_piece piece, pieces[PK_PATTERN_FIELDS_MAX + 2];
    uint32_t count = 0;
    while (count < PK_COUNT_OF(pieces) && pk_pattern_piece_known(&rest, &piece)) {
        pieces[count++] = piece;
    }
    /* The last piece's literal is the anchor, which stands behind `head`. */
    for (uint32_t i = count; i > 0; i--) {
        const struct pk_pattern_piece *p = &pieces[i - 1u];
        if (!p->has_field) {
            break; /* its literal was looked at with the field behind it */
        }
        const enum field_kind kind = kind_of(p->name);
        const struct pk_str before = i > 1u ? pieces[i - 2u].literal : (struct pk_str){head.p, 0};
        const uint32_t start = field_start(message, end, kind, before);
        if (start == UINT32_MAX || !is_good(kind, (struct pk_str){message.p + start, end - start})) {
            return false;
        }
        keep(out, p->name, (struct pk_str){message.p + start, end - start});
        end = start - before.n;
    }
    return !is_at_start || end == 0;
}

static inline bool walk(struct pk_str match, struct pk_str anchor, bool is_at_start, struct pk_str message,
                        uint32_t at, struct pk_pattern_fields *out) {
    const uint32_t head_bytes = (uint32_t)(anchor.p - match.p);
    const uint32_t tail_at = head_bytes + anchor.n;
    out->count = 0;
    PK_ASSERT(at <= message.n && anchor.n <= message.n - at);
    return (head_bytes > 0 ? walk_back((struct pk_str){match.p, head_bytes}, is_at_start, message, at, out)
                           : !is_at_start || at == 0) &&
           walk_forward((struct pk_str){match.p + tail_at, match.n - tail_at}, message, at + anchor.n, out);
}

bool pk_pattern_walk(struct pk_str match, bool is_at_start, struct pk_str message, uint32_t at,
                     struct pk_pattern_fields *out) {
    const struct pk_str anchor = pk_pattern_anchor(match);
    out->count = 0;
    return pk_pattern_is_at(message, at, anchor) && walk(match, anchor, is_at_start, message, at, out);
}

bool pk_pattern_walk_row(const char *text, const struct pk_pattern_row *row, struct pk_str message,
                         uint32_t at, struct pk_pattern_fields *out) {
    return walk(pk_pattern_ref_str(text, row->match), pk_pattern_row_anchor(text, row), row->is_at_start,
                message, at, out);
}

struct pk_str pk_pattern_field(const struct pk_pattern_fields *fields, struct pk_str name) {
    for (uint32_t i = 0; i < fields->count; i++) {
        if (pk_str_eq(fields->items[i].name, name)) {
            return fields->items[i].value;
        }
    }
    return (struct pk_str){NULL, 0};
}
