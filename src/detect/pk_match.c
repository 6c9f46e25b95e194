#include "detect/pk_match.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"

enum { LISTS_USED_MAX = PK_ENGINE_LISTS * 3 / 4, GROUP_TEXT_MAX = PK_FINDING_GROUP_BYTES - 1 };

void pk_match_reset(struct pk_engine *e) {
    memset(e->lists, 0, sizeof e->lists);
    memset(e->source_class, 0xFF, sizeof e->source_class);
    e->list_count = 0;
    e->list_rule_count = 0;
    e->class_count = 0;
}

static struct pk_str str(const struct pk_engine *e, const struct pk_rule *r, struct pk_rule_ref ref) {
    return pk_ruleset_str(&e->rules, r, ref);
}

/* Terms of one field of `on` against a name. */
static bool names_hold(const struct pk_engine *e, const struct pk_rule *r, enum pk_term_field field,
                       const char *name) {
    for (uint8_t i = 0; i < r->on_count; i++) {
        const struct pk_rule_term *t = &r->terms[i];
        if (t->field != (uint8_t)field) {
            continue;
        }
        const bool is_match = pk_rule_names_match(str(e, r, t->text), pk_str_of(name));
        if (is_match != (t->cmp == PK_CMP_EQ)) {
            return false;
        }
    }
    return true;
}

bool pk_match_source(const struct pk_engine *e, const struct pk_rule *r, uint16_t source_id) {
    return names_hold(e, r, PK_TERM_SOURCE, pk_sources_name(e->world.sources, source_id));
}

static bool severity_holds(const struct pk_rule_term *t, uint8_t severity) {
    return pk_cmp_doubles((double)severity, (enum pk_cmp)t->cmp, (double)t->severity);
}

static bool severities_hold(const struct pk_rule *r, uint8_t severity) {
    for (uint8_t i = 0; i < r->on_count; i++) {
        if (r->terms[i].field == PK_TERM_SEVERITY && !severity_holds(&r->terms[i], severity)) {
            return false;
        }
    }
    return true;
}

static uint16_t add_class(struct pk_engine *e, const uint64_t *bits) {
    for (uint32_t i = 0; i < e->class_count; i++) {
        if (memcmp(e->class_bits[i], bits, sizeof e->class_bits[i]) == 0) {
            return (uint16_t)i;
        }
    }
    if (e->class_count >= PK_LIMIT_CLASSES) {
        e->class_full_count++;
        return PK_ENGINE_ANY_CLASS;
    }
    memcpy(e->class_bits[e->class_count], bits, sizeof e->class_bits[0]);
    return (uint16_t)e->class_count++;
}

static uint16_t class_of(struct pk_engine *e, uint16_t source_id) {
    const uint16_t known = e->source_class[source_id];
    if (known != PK_ENGINE_NO_CLASS) {
        return known;
    }
    uint64_t bits[PK_BITSET_WORDS(PK_LIMIT_RULES)] = {0};
    for (uint32_t i = 0; i < e->rules.count; i++) {
        if (pk_match_source(e, e->rules.rows[i], source_id)) {
            pk_bitset_set(bits, PK_LIMIT_RULES, i);
        }
    }
    e->source_class[source_id] = add_class(e, bits);
    return e->source_class[source_id];
}

static bool is_candidate(const struct pk_engine *e, uint32_t index, const struct pk_rule_list *list) {
    const struct pk_rule *r = e->rules.rows[index];
    const bool is_any = list->class_id == PK_ENGINE_ANY_CLASS;
    return e->status[index].is_enabled &&
           (is_any || pk_bitset_has(e->class_bits[list->class_id], PK_LIMIT_RULES, index)) &&
           severities_hold(r, list->severity) &&
           names_hold(e, r, PK_TERM_TYPE, pk_types_name(e->world.types, list->type_id));
}

static void build(struct pk_engine *e, struct pk_rule_list *list) {
    list->at = e->list_rule_count;
    for (uint32_t i = 0; i < e->rules.count; i++) {
        if (is_candidate(e, i, list)) {
            e->list_rules[e->list_rule_count++] = (uint16_t)i;
        }
    }
    list->count = (uint16_t)(e->list_rule_count - list->at);
    list->is_used = true;
    e->list_count++;
}

/* Slot of the list, found or free. */
static struct pk_rule_list *probe(struct pk_engine *e, uint16_t type_id, uint8_t severity,
                                  uint16_t class_id) {
    const uint64_t key = ((uint64_t)type_id << 24) | ((uint64_t)class_id << 8) | severity;
    const uint64_t h = key * 0x9E3779B97F4A7C15u;
    uint32_t at = (uint32_t)(((h >> 32) * PK_ENGINE_LISTS) >> 32);
    for (uint32_t i = 0; i < PK_ENGINE_LISTS; i++) {
        struct pk_rule_list *list = &e->lists[at];
        const bool is_it =
            list->type_id == type_id && list->class_id == class_id && list->severity == severity;
        if (!list->is_used || is_it) {
            return list;
        }
        at = at + 1u < PK_ENGINE_LISTS ? at + 1u : 0u;
    }
    PK_ASSERT(false);
    return NULL;
}

static struct pk_rule_list *make_list(struct pk_engine *e, uint16_t type_id, uint8_t severity,
                                      uint16_t class_id) {
    if (e->list_count >= LISTS_USED_MAX || e->list_rule_count + e->rules.count > PK_ENGINE_LIST_RULES) {
        memset(e->lists, 0, sizeof e->lists);
        e->list_count = 0;
        e->list_rule_count = 0;
        e->list_flush_count++;
    }
    struct pk_rule_list *list = probe(e, type_id, severity, class_id);
    list->type_id = type_id;
    list->class_id = class_id;
    list->severity = severity;
    build(e, list);
    return list;
}

void pk_match_find(struct pk_engine *e, const struct pk_event *event, struct pk_match_list *out) {
    PK_ASSERT(event->source_id < PK_LIMIT_SOURCES);
    const uint16_t class_id = class_of(e, event->source_id);
    const struct pk_rule_list *list = probe(e, event->type_id, event->severity, class_id);
    if (!list->is_used) {
        list = make_list(e, event->type_id, event->severity, class_id);
    }
    out->rules = &e->list_rules[list->at];
    out->count = list->count;
    out->must_check_source = class_id == PK_ENGINE_ANY_CLASS;
}

static bool data_holds(const struct pk_engine *e, const struct pk_rule *r, const struct pk_rule_term *t,
                       const struct pk_event *event) {
    struct pk_field f;
    if (!pk_field_find(pk_textring_fields(e->world.text, event), str(e, r, t->name), &f)) {
        return false;
    }
    if (t->is_number) {
        double v = 0.0;
        return pk_parse_double(f.value, &v) == PK_OK && pk_cmp_doubles(v, (enum pk_cmp)t->cmp, t->number);
    }
    return pk_rule_globs_match(str(e, r, t->text), f.value) == (t->cmp == PK_CMP_EQ);
}

static bool name_holds(const struct pk_engine *e, const struct pk_rule *r, const struct pk_rule_term *t,
                       const struct pk_event *event) {
    const char *name = t->field == PK_TERM_TYPE ? pk_types_name(e->world.types, event->type_id)
                                                : pk_sources_name(e->world.sources, event->source_id);
    return pk_rule_globs_match(str(e, r, t->text), pk_str_of(name)) == (t->cmp == PK_CMP_EQ);
}

static bool term_holds(const struct pk_engine *e, const struct pk_rule *r, const struct pk_rule_term *t,
                       const struct pk_event *event) {
    switch ((enum pk_term_field)t->field) {
    case PK_TERM_TYPE:
    case PK_TERM_SOURCE:
        return t < &r->terms[r->on_count] /* settled in the list */ || name_holds(e, r, t, event);
    case PK_TERM_SEVERITY:
        return severity_holds(t, event->severity);
    case PK_TERM_VALUE:
        return (event->flags & PK_EVENT_HAS_VALUE) != 0 &&
               pk_cmp_doubles(event->value, (enum pk_cmp)t->cmp, t->number);
    case PK_TERM_DATA:
        return data_holds(e, r, t, event);
    }
    PK_ASSERT(false);
    return false;
}

bool pk_match_terms(const struct pk_engine *e, const struct pk_rule *r, uint8_t first, uint8_t count,
                    const struct pk_event *event) {
    for (uint32_t i = first; i < (uint32_t)first + count; i++) {
        if (!term_holds(e, r, &r->terms[i], event)) {
            return false;
        }
    }
    return true;
}

/* Without the cache: evidence is looked up while a cached list is being walked. */
bool pk_match_event(const struct pk_engine *e, uint16_t rule_index, const struct pk_event *event) {
    const struct pk_rule *r = e->rules.rows[rule_index];
    return pk_match_terms(e, r, 0, r->on_count, event) &&
           names_hold(e, r, PK_TERM_TYPE, pk_types_name(e->world.types, event->type_id)) &&
           pk_match_source(e, r, event->source_id);
}

static uint64_t text_key(struct pk_str text) {
    return pk_hash64(text.p, text.n) & ~PK_MATCH_REPLAYED;
}

static bool field_group(const struct pk_engine *e, const struct pk_event *event, struct pk_str name,
                        uint64_t *out_key, struct pk_str *out_text) {
    struct pk_field f;
    if (!pk_field_find(pk_textring_fields(e->world.text, event), name, &f) || f.value.n == 0) {
        return false;
    }
    f.value.n = f.value.n > GROUP_TEXT_MAX ? GROUP_TEXT_MAX : f.value.n;
    *out_key = text_key(f.value);
    if (out_text != NULL) {
        *out_text = f.value;
    }
    return true;
}

bool pk_match_group(const struct pk_engine *e, const struct pk_rule *r, const struct pk_event *event,
                    uint64_t *out_key, struct pk_str *out_text) {
    bool has_group = true;
    *out_key = 0;
    if (out_text != NULL) {
        *out_text = pk_str_make(NULL, 0);
    }
    switch ((enum pk_group)r->group) {
    case PK_GROUP_ALL:
        break;
    case PK_GROUP_SOURCE:
        *out_key = event->source_id + 1u;
        if (out_text != NULL) {
            *out_text = pk_str_of(pk_sources_name(e->world.sources, event->source_id));
        }
        break;
    case PK_GROUP_CORRELATION:
        has_group = event->correlation != 0;
        if (out_text != NULL) {
            (void)field_group(e, event, pk_str_make(NULL, 0), out_key, out_text);
        }
        *out_key = event->correlation & ~PK_MATCH_REPLAYED;
        break;
    case PK_GROUP_DATA:
        has_group = field_group(e, event, str(e, r, r->group_field), out_key, out_text);
        break;
    case PK_GROUP_COUNT:
        PK_ASSERT(false);
    }
    if ((event->flags & PK_EVENT_REPLAYED) != 0) {
        *out_key |= PK_MATCH_REPLAYED;
    }
    return has_group;
}

int pk_match_key(const struct pk_engine *e, const struct pk_rule *r, struct pk_str group, uint64_t *out_key) {
    *out_key = 0;
    if (r->group == PK_GROUP_ALL) {
        return PK_OK;
    }
    if (r->group != PK_GROUP_SOURCE) {
        *out_key = text_key(group);
        return PK_OK;
    }
    const int id = pk_sources_find(e->world.sources, group);
    if (id < 0) {
        return PK_E_NOT_FOUND;
    }
    *out_key = (uint64_t)id + 1u;
    return PK_OK;
}
