#include "event/pk_loghead.h"

#include <string.h>

#include "base/pk_assert.h"

static struct pk_str behind(struct pk_str s, uint32_t n) {
    return (struct pk_str){s.p + n, s.n - n};
}

/* The sets are short: walking one costs less than a call that measures it. */
static bool is_one_of(char c, const char *any_of) {
    while (*any_of != '\0' && *any_of != c) {
        any_of++;
    }
    return *any_of != '\0';
}

static struct pk_str skip(struct pk_str s, const char *any_of) {
    while (s.n > 0 && is_one_of(s.p[0], any_of)) {
        s = behind(s, 1);
    }
    return s;
}

static struct pk_str drop_end(struct pk_str s, const char *any_of) {
    while (s.n > 0 && is_one_of(s.p[s.n - 1u], any_of)) {
        s.n--;
    }
    return s;
}

struct pk_str pk_loghead_word(struct pk_str *rest) {
    while (rest->n > 0 && pk_is_blank(rest->p[0])) {
        *rest = behind(*rest, 1);
    }
    uint32_t n = 0;
    while (n < rest->n && !pk_is_blank(rest->p[n])) {
        n++;
    }
    const struct pk_str word = {rest->p, n};
    *rest = behind(*rest, n);
    return word;
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c) {
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool contains(struct pk_str s, char c) {
    return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

/* The words of base/pk_severity.h that logs use, and those of programs. */
static bool level_of(struct pk_str word, uint8_t *out_severity) {
    static const struct {
        char word[14];
        uint8_t n, severity;
    } WORDS[] = {
        {"info", 4, PK_SEV_INFO},
        {"error", 5, PK_SEV_HIGH},
        {"warn", 4, PK_SEV_MEDIUM},
        {"warning", 7, PK_SEV_MEDIUM},
        {"debug", 5, PK_SEV_INFO},
        {"notice", 6, PK_SEV_LOW},
        {"fatal", 5, PK_SEV_CRITICAL},
        {"critical", 8, PK_SEV_CRITICAL},
        {"crit", 4, PK_SEV_CRITICAL},
        {"err", 3, PK_SEV_HIGH},
        {"alert", 5, PK_SEV_CRITICAL},
        {"emerg", 5, PK_SEV_CRITICAL},
        {"emergency", 9, PK_SEV_CRITICAL},
        {"information", 11, PK_SEV_INFO},
        {"informational", 13, PK_SEV_INFO},
        {"trace", 5, PK_SEV_INFO},
        {"fine", 4, PK_SEV_INFO},
        {"verbose", 7, PK_SEV_INFO},
        {"log", 3, PK_SEV_INFO},
        {"note", 4, PK_SEV_INFO},
        {"system", 6, PK_SEV_INFO},
        {"statement", 9, PK_SEV_INFO},
        {"detail", 6, PK_SEV_INFO},
        {"hint", 4, PK_SEV_INFO},
        {"context", 7, PK_SEV_INFO},
        {"severe", 6, PK_SEV_HIGH},
        {"failure", 7, PK_SEV_HIGH},
        {"panic", 5, PK_SEV_CRITICAL},
    };
    if (word.n < 3u || word.n > 13u || !is_letter(word.p[0])) {
        return false;
    }
    const char first = (char)(word.p[0] | 0x20);
    for (size_t i = 0; i < PK_COUNT_OF(WORDS); i++) {
        if (WORDS[i].word[0] == first && WORDS[i].n == word.n && pk_str_eq_nocase(word, WORDS[i].word)) {
            *out_severity = WORDS[i].severity;
            return true;
        }
    }
    return false;
}

bool pk_loghead_level(struct pk_str word, uint8_t *out_severity) {
    const bool is_marked = word.n > 0 && (word.p[0] == '[' || word.p[0] == '<' || word.p[0] == '(');
    bool is_assigned = false;
    static const char *const ASSIGNED[] = {"level=", "lvl=", "severity="};
    for (size_t i = 0; i < PK_COUNT_OF(ASSIGNED) && word.n > 4u && (word.p[0] == 'l' || word.p[0] == 's');
         i++) {
        if (pk_str_starts(word, ASSIGNED[i])) {
            word = behind(word, (uint32_t)strlen(ASSIGNED[i]));
            is_assigned = true;
        }
    }
    /* Outside brackets a level is written in capitals, or begins with one: "error" is a word of any sentence.
     */
    if (!is_marked && !is_assigned && (word.n == 0 || !is_upper(word.p[0]))) {
        return false;
    }
    word = drop_end(skip(word, "[<(\""), "]>):,|\"-");
    const char *colon = is_marked && word.n > 0 ? memchr(word.p, ':', word.n) : NULL;
    if (colon != NULL) {
        word = behind(word, (uint32_t)(colon - word.p) + 1u); /* Apache's [module:level] */
    }
    return level_of(word, out_severity);
}

uint8_t pk_loghead_syslog_severity(unsigned priority) {
    static const uint8_t MAP[8] = {PK_SEV_CRITICAL, PK_SEV_CRITICAL, PK_SEV_CRITICAL, PK_SEV_HIGH,
                                   PK_SEV_MEDIUM,   PK_SEV_LOW,      PK_SEV_INFO,     PK_SEV_INFO};
    return MAP[priority & 7u];
}

/* ---- syslog ---- */

/* "kernel: [12345.678901] text" */
static struct pk_str without_uptime(struct pk_str s) {
    if (s.n < 8u || s.p[0] != '[') {
        return s;
    }
    for (uint32_t i = 1; i < s.n && i < 24u; i++) {
        if (s.p[i] == ']') {
            return skip(behind(s, i + 1u), " ");
        }
        if (!pk_is_digit(s.p[i]) && s.p[i] != '.' && s.p[i] != ' ') {
            return s;
        }
    }
    return s;
}

/* tag[pid]: message, tag(module)[pid]: message, tag: message; anything else is all message. */
static void take_tag(struct pk_str rest, struct pk_logline *out) {
    uint32_t n = 0;
    out->message = rest;
    while (n < rest.n && n < PK_LOG_NAME_BYTES_MAX && !pk_is_blank(rest.p[n]) && rest.p[n] != '\0' &&
           !is_one_of(rest.p[n], "[(:")) {
        n++;
    }
    if (n == 0 || n >= rest.n) {
        return;
    }
    if (pk_is_blank(rest.p[n])) {
        const bool is_repeated =
            pk_str_starts(rest, "last message") || pk_str_starts(rest, "message repeated");
        out->program = is_repeated ? out->program : (struct pk_str){rest.p, n};
        return;
    }
    uint32_t end = n;
    while (end < rest.n && rest.p[end] != ':' && !pk_is_blank(rest.p[end]) &&
           end - n < PK_LOG_NAME_BYTES_MAX) {
        end++;
    }
    out->program = (struct pk_str){rest.p, n};
    if (end < rest.n && rest.p[end] == ':') {
        out->message = skip(behind(rest, end + 1u), " ");
    }
    if (pk_str_eq_c(out->program, "kernel")) {
        out->message = without_uptime(out->message);
    }
}

static bool is_tag(struct pk_str word) {
    return word.n > 1u && word.p[word.n - 1u] == ':';
}

/* "daemon.err" of logread */
static bool take_facility(struct pk_str word, struct pk_logline *out) {
    static const char *const FACILITIES[] = {
        "kern", "user", "mail",   "daemon", "auth",   "authpriv", "syslog", "lpr",    "news",   "uucp",
        "cron", "ftp",  "local0", "local1", "local2", "local3",   "local4", "local5", "local6", "local7"};
    struct pk_str rest = word, facility;
    if (!contains(word, '.') || !pk_str_split(&rest, '.', &facility)) {
        return false;
    }
    for (size_t i = 0; i < PK_COUNT_OF(FACILITIES); i++) {
        if (pk_str_eq_c(facility, FACILITIES[i]) && level_of(rest, &out->severity)) {
            out->has_severity = true;
            return true;
        }
    }
    return false;
}

void pk_loghead_syslog(struct pk_str rest, struct pk_logline *out) {
    rest = skip(rest, " :");
    struct pk_str after = rest;
    const struct pk_str word = pk_loghead_word(&after);
    if (take_facility(word, out)) {
        take_tag(skip(after, " \t"), out);
        return;
    }
    /* Without a host when written to the local socket. */
    if (is_tag(word) || contains(word, '[')) {
        take_tag(rest, out);
        return;
    }
    out->host = word;
    take_tag(skip(after, " \t"), out);
}

/* ---- levels, threads, classes ---- */

/* org.apache.hadoop.mapreduce.v2.app.MRAppMaster$Inner -> MRAppMaster */
static struct pk_str short_class(struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == '$' || s.p[i] == '@') {
            s.n = i;
        }
    }
    uint32_t at = s.n;
    while (at > 0 && s.p[at - 1u] != '.' && s.p[at - 1u] != ':' && s.p[at - 1u] != '/') {
        at--;
    }
    /* A name of two parts such as eth0.100 or nova.api is short enough. */
    const bool is_class = at < s.n && is_upper(s.p[at]);
    return is_class ? behind(s, at) : s;
}

static bool is_name(struct pk_str s) {
    if (s.n < 2u || s.n > 2u * PK_LOG_NAME_BYTES_MAX || !is_letter(s.p[0])) {
        return false;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (!is_letter(c) && !pk_is_digit(c) && !is_one_of(c, "._-$/:")) {
            return false;
        }
    }
    return true;
}

/* Length of a bracketed piece at the start, brackets nested or not; 0 = none. */
static uint32_t bracket_length(struct pk_str s) {
    uint32_t depth = 0;
    for (uint32_t i = 0; i < s.n && i < 256u; i++) {
        if (s.p[i] == '[') {
            depth++;
        } else if (s.p[i] == ']' && --depth == 0) {
            return i + 1u;
        }
        if (depth == 0) {
            return 0;
        }
    }
    return 0;
}

/* [thread:Class@line] of log4j: the class. */
static void take_bracket(struct pk_str inner, struct pk_logline *out) {
    const char *at = inner.n > 0 ? memchr(inner.p, '@', inner.n) : NULL;
    for (const char *next = at; next != NULL;) {
        at = next;
        next = memchr(at + 1, '@', inner.n - (uint32_t)(at + 1 - inner.p));
    }
    if (at == NULL || at + 1 >= inner.p + inner.n || !pk_is_digit(at[1])) {
        return;
    }
    const struct pk_str name = short_class((struct pk_str){inner.p, (uint32_t)(at - inner.p)});
    if (is_name(name)) {
        out->program = name;
    }
}

static bool is_number(struct pk_str s) {
    uint64_t number = 0;
    return pk_parse_u64(s, &number) == PK_OK;
}

/* "1234#5678: " of nginx, "[MY-010119] [Server]" of MySQL, "[12] " thread numbers: names the program when it
 * tells. */
static struct pk_str skip_marks(struct pk_str rest, struct pk_logline *out) {
    for (;;) {
        rest = skip(rest, " \t-:|");
        const uint32_t n = bracket_length(rest);
        if (n > 0) {
            const struct pk_str inner = {rest.p + 1, n - 2u};
            if (pk_str_starts(inner, "MY-")) {
                out->program = pk_str_of("mysqld");
            }
            if (pk_str_starts(inner, "client ")) {
                return rest; /* of Apache: whoever reads the text wants to know */
            }
            take_bracket(inner, out);
            rest = behind(rest, n);
            continue;
        }
        struct pk_str after = rest;
        const struct pk_str word = pk_loghead_word(&after);
        if (word.n > 3u && pk_is_digit(word.p[0]) && contains(word, '#') && is_tag(word)) {
            out->program = pk_str_of("nginx");
            rest = after;
            continue;
        }
        if (pk_str_starts(after, " --- ") && is_number(word)) { /* "12 --- [main] Class : text" of Spring */
            rest = behind(after, 5);
            continue;
        }
        return rest;
    }
}

/* "Class: text" or "package.Class text" behind the level. */
static void take_component(struct pk_str rest, struct pk_logline *out) {
    rest = skip_marks(rest, out);
    struct pk_str after = rest;
    const struct pk_str word = pk_loghead_word(&after);
    const struct pk_str name = drop_end(word, ":");
    const bool is_dotted = contains(name, '.') && name.p[name.n - 1u] != '.' && !contains(name, '/');
    if (out->program.n == 0 && is_name(name) && (name.n < word.n || is_dotted) && after.n > 0) {
        out->program = short_class(name);
        rest = skip_marks(after, out);
    } else if (out->program.n == 0 && is_name(word) && after.n > 3u && after.p[0] == ' ' &&
               after.p[1] == ' ') {
        out->program = word; /* a column, as Windows' CBS log has it */
        rest = skip(after, " ");
    }
    out->message = rest;
}

/* Words of PostgreSQL end with a colon and two blanks. */
static bool is_postgres(struct pk_str word, struct pk_str after) {
    return is_tag(word) && word.p[0] != '[' && is_upper(word.p[1]) && after.n >= 2u && after.p[0] == ' ' &&
           after.p[1] == ' ';
}

static bool is_shouted(struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        if (!is_upper(s.p[i])) {
            return false;
        }
    }
    return s.n > 2u;
}

/* Who speaks, as far as what stands before the level tells. */
static struct pk_str speaker(struct pk_str level, struct pk_str after, struct pk_str name,
                             struct pk_str before) {
    if (is_postgres(level, after)) {
        return pk_str_of("postgresql");
    }
    if (level.p[0] == '[' && is_number(before)) {
        return pk_str_of("mysqld"); /* thread number and level of MySQL and MariaDB */
    }
    if (name.n > 0) {
        return short_class(name);
    }
    return is_shouted(before) ? before : (struct pk_str){NULL, 0}; /* "RAS KERNEL FATAL" */
}

/* Looks for the level among the first words. */
static bool take_level(struct pk_str rest, struct pk_logline *out) {
    struct pk_str name = {NULL, 0}, before = {NULL, 0};
    for (uint32_t i = 0; i < 10u && rest.n > 0; i++) {
        const struct pk_str start = skip(rest, " \t");
        const struct pk_str word = pk_loghead_word(&rest);
        if (pk_loghead_level(word, &out->severity)) {
            out->has_severity = true;
            out->program = speaker(word, rest, name, before);
            take_component(rest, out);
            return true;
        }
        const uint32_t n = bracket_length(start);
        if (n > word.n) {
            rest = behind(start, n); /* a thread's name with blanks in it */
        }
        if (is_tag(word) && i > 1u) {
            return false; /* the text has begun */
        }
        const bool is_candidate = is_name(word) && contains(word, '.') && !pk_is_digit(word.p[word.n - 1u]);
        name = is_candidate || (i == 1u && start.p > word.p) ? word : name;
        before = word;
    }
    return false;
}

/* "stdout F " in front of what a container said */
static struct pk_str without_stream(struct pk_str rest) {
    struct pk_str after = rest;
    if (rest.n == 0 || rest.p[0] != 's') {
        return rest;
    }
    const struct pk_str stream = pk_loghead_word(&after), part = pk_loghead_word(&after);
    const bool is_stream = pk_str_eq_c(stream, "stdout") || pk_str_eq_c(stream, "stderr");
    return is_stream && part.n == 1u ? skip(after, " ") : rest;
}

/* "1702  2395 D WindowManager: text" of Android */
static bool take_logcat(struct pk_str rest, struct pk_logline *out) {
    static const char LETTERS[] = "VDIWEF";
    static const uint8_t SEVERITIES[] = {PK_SEV_INFO,   PK_SEV_INFO, PK_SEV_INFO,
                                         PK_SEV_MEDIUM, PK_SEV_HIGH, PK_SEV_CRITICAL};
    uint64_t number = 0;
    if (rest.n == 0 || !pk_is_digit(rest.p[0])) {
        return false;
    }
    if (pk_parse_u64(pk_loghead_word(&rest), &number) != PK_OK ||
        pk_parse_u64(pk_loghead_word(&rest), &number) != PK_OK) {
        return false;
    }
    const struct pk_str letter = pk_loghead_word(&rest);
    const char *found = letter.n == 1u && letter.p[0] != '\0' ? strchr(LETTERS, letter.p[0]) : NULL;
    if (found == NULL) {
        return false;
    }
    out->severity = SEVERITIES[found - LETTERS];
    out->has_severity = true;
    take_component(rest, out);
    return true;
}

/* "host tag[pid]: text" behind an ISO time, as rsyslog and journalctl write it. */
static bool take_iso_syslog(struct pk_str rest, struct pk_logline *out) {
    uint8_t severity = 0;
    struct pk_str after = rest;
    const struct pk_str host = pk_loghead_word(&after);
    struct pk_str behind_tag = after;
    const struct pk_str tag = pk_loghead_word(&behind_tag);
    const struct pk_str plain = drop_end(tag, ":");
    if (!is_tag(tag) || !is_letter(tag.p[0]) || host.n == 0 ||
        (host.p[0] == '\0' || is_one_of(host.p[0], "[(<\"")) || is_tag(host) ||
        pk_loghead_level(host, &severity) || pk_loghead_level(tag, &severity) || contains(host, '=') ||
        contains(plain, '=')) {
        return false;
    }
    if (contains(host, '.') || contains(host, '[')) {
        pk_loghead_syslog(rest, out); /* a facility, or a tag where no host stands */
        return true;
    }
    out->host = host;
    take_tag(skip(after, " \t"), out);
    return true;
}

/* "Step_LSC|30002312|text" */
static bool take_bars(struct pk_str rest, struct pk_logline *out) {
    struct pk_str name, number;
    if (rest.n == 0 || rest.p[0] != '|') {
        return false;
    }
    rest = behind(rest, 1);
    if (!pk_str_split(&rest, '|', &name) || rest.p == NULL || !pk_str_split(&rest, '|', &number) ||
        rest.p == NULL) {
        return false;
    }
    out->program = name;
    out->message = rest;
    return true;
}

void pk_loghead_stamped(struct pk_str rest, struct pk_logline *out) {
    if (take_bars(rest, out)) {
        return;
    }
    rest = skip(rest, "]\" \t,-:|");
    rest = without_stream(rest);
    out->message = rest;
    if (take_logcat(rest, out) || take_iso_syslog(rest, out) || take_level(rest, out)) {
        return;
    }
    out->message = skip_marks(rest, out);
}

void pk_loghead_httpd(struct pk_str rest, struct pk_logline *out) {
    out->program = pk_str_of("httpd");
    rest = skip(rest, " ");
    struct pk_str after = rest;
    const struct pk_str word = pk_loghead_word(&after);
    if (word.n > 2u && word.p[0] == '[' && pk_loghead_level(word, &out->severity)) {
        out->has_severity = true;
        rest = after;
    }
    out->message = skip_marks(rest, out);
}

/* ---- what a message says of itself ---- */

/* "E0521 12:34:56.789012" */
static bool take_klog_letter(struct pk_str s, struct pk_logline *out) {
    if (s.n < 22u || !pk_is_digit(s.p[1]) || !pk_is_digit(s.p[4]) || s.p[5] != ' ' || s.p[8] != ':') {
        return false;
    }
    out->severity = s.p[0] == 'F'   ? PK_SEV_CRITICAL
                    : s.p[0] == 'E' ? PK_SEV_HIGH
                    : s.p[0] == 'W' ? PK_SEV_MEDIUM
                                    : PK_SEV_INFO;
    return is_one_of(s.p[0], "IWEF");
}

/* key=value key="value": the level stands among the first ones, in front of the text. */
static bool take_logfmt_level(struct pk_str s, struct pk_logline *out) {
    const char first = s.p[0];
    const bool may_be = first == 'l' || first == 's' || first == 't' || first == 'r' || first == 'c';
    if (!may_be || memchr(s.p, '=', s.n < 10u ? s.n : 10u) == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < 8u && s.n > 0; i++) {
        const struct pk_str word = pk_loghead_word(&s);
        if (pk_str_starts(word, "msg=")) {
            return false;
        }
        if (contains(word, '=') && pk_loghead_level(word, &out->severity)) {
            return true;
        }
    }
    return false;
}

void pk_loghead_inner(struct pk_logline *out) {
    struct pk_str rest = out->message;
    const char first = rest.p[0];
    if (first >= 'a' && first <= 'z') {
        out->has_severity = take_logfmt_level(rest, out);
        return;
    }
    if (first != '[' && !is_upper(first)) {
        return;
    }
    const struct pk_str word = pk_loghead_word(&rest), name = drop_end(word, ":");
    out->has_severity = take_klog_letter(out->message, out) ||
                        ((first == '[' || is_shouted(name)) && pk_loghead_level(word, &out->severity));
}
