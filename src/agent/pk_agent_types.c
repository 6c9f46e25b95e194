/* Event types that rules, patterns and mapping rows name: they are in the table from the start, whatever
 * senders fill it with. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "detect/pk_rule_parse.h"

static bool is_plain(struct pk_str name) {
    return name.n > 0 && memchr(name.p, '*', name.n) == NULL && memchr(name.p, '?', name.n) == NULL &&
           memchr(name.p, '{', name.n) == NULL;
}

static void take(struct pk_agent *a, struct pk_str name) {
    if (is_plain(name) && pk_types_intern(&a->intake.types, name) == PK_E_FULL) {
        pk_agent_log1(a, PK_LOG_ERROR, "no room for an event type that is asked for", name);
    }
}

static bool is_new(const struct pk_agent *a, struct pk_str name) {
    return is_plain(name) && pk_types_find(&a->intake.types, name) < 0;
}

/* Of "a | b*, c". How many are new; they are taken when asked to. */
static uint32_t names(struct pk_agent *a, struct pk_str globs, bool is_taken) {
    struct pk_str some, one;
    uint32_t count = 0;
    while (pk_str_split(&globs, ',', &some)) {
        while (pk_str_split(&some, '|', &one)) {
            one = pk_str_trim(one);
            count += is_new(a, one) ? 1u : 0u;
            if (is_taken) {
                take(a, one);
            }
        }
    }
    return count;
}

static uint32_t names_of_rule(struct pk_agent *a, const struct pk_rule *r, const char *text, bool is_taken) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->term_count; i++) {
        const struct pk_rule_term *t = &r->terms[i];
        if (t->field == PK_TERM_TYPE) {
            const struct pk_str globs =
                text != NULL ? pk_rule_ref_str(text, t->text) : pk_ruleset_str(&a->engine.rules, r, t->text);
            count += names(a, globs, is_taken);
        }
    }
    return count;
}

static void take_patterns(struct pk_agent *a, const struct pk_patterns *p) {
    for (uint32_t i = 0; i < p->pattern_count; i++) {
        const struct pk_str event = pk_pattern_ref_str(p->text, p->patterns[i].event);
        if (!pk_str_eq_c(event, PK_LOGEVENT_NONE)) {
            take(a, event);
        }
    }
}

void pk_agent_types_take(struct pk_agent *a) {
    const struct pk_ruleset *s = &a->engine.rules;
    const struct pk_map_table *maps = &a->config.maps;
    for (uint32_t i = 0; i < s->count; i++) {
        (void)names_of_rule(a, s->rows[i], NULL, true);
    }
    take_patterns(a, &PK_SHIPPED_PATTERNS);
    take_patterns(a, &a->patterns.use.own);
    for (uint32_t i = 0; i < maps->count; i++) {
        take(a, pk_map_str(maps, maps->rows[i].type));
    }
}

bool pk_agent_types_fit(struct pk_agent *a, struct pk_str text) {
    struct pk_rule_parser parser;
    struct pk_rule r;
    struct pk_diag diag;
    pk_rule_parser_init(&parser, "rule", text.p, 0, text.n);
    parser.thresholds = a->engine.rules.thresholds;
    if (pk_rule_parse_next(&parser, &r, &diag) != PK_OK) {
        return true; /* what is wrong with it is said by who takes it */
    }
    return names_of_rule(a, &r, text.p, false) <= PK_LIMIT_TYPES - a->intake.types.count;
}
