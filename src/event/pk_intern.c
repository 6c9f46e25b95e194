#include "event/pk_intern.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

_Static_assert(PK_LIMIT_TYPES < PK_INTERN_NONE && PK_LIMIT_SOURCES < PK_INTERN_NONE, "ids are 16 bits");

/* One table of names, so that types and sources share the code. */
struct table {
    struct pk_name *names;
    uint16_t *slots;
    uint32_t cap;
    uint32_t *count;
    uint64_t *refused;
};

static struct table of_types(struct pk_types *t) {
    return (struct table){t->names, t->slots, PK_LIMIT_TYPES, &t->count, &t->refused_count};
}

static struct table of_sources(struct pk_sources *s) {
    return (struct table){s->names, s->slots, PK_LIMIT_SOURCES, &s->count, &s->refused_count};
}

/* Bit per byte: A-Z a-z 0-9 _ . : @ - */
static const uint32_t NAME_BYTES[256 / 32] = {0, 0x07FF6000u, 0x87FFFFFFu, 0x07FFFFFEu};

bool pk_intern_is_name_byte(uint8_t c) {
    return (NAME_BYTES[c / 32u] >> (c % 32u) & 1u) != 0;
}

bool pk_intern_is_name(struct pk_str s) {
    if (s.n == 0 || s.n >= PK_EVENT_TYPE_BYTES) {
        return false;
    }
    uint32_t is_name = 1;
    for (uint32_t i = 0; i < s.n; i++) {
        const uint8_t c = (uint8_t)s.p[i];
        is_name &= NAME_BYTES[c / 32u] >> (c % 32u);
    }
    return is_name != 0;
}

/* Slot of the name, or of the empty slot where it belongs: the table is at most half full, so one is met. */
static uint32_t probe(const struct pk_name *names, const uint16_t *slots, uint32_t slot_count,
                      struct pk_str name, uint32_t hash) {
    uint32_t at = (uint32_t)(((uint64_t)hash * slot_count) >> 32);
    for (uint32_t i = 0; i < slot_count; i++) {
        const uint16_t id = slots[at];
        if (id == PK_INTERN_NONE) {
            return at;
        }
        const struct pk_name *have = &names[id];
        if (have->hash == hash && have->n == name.n && pk_is_same(have->text, name.p, name.n)) {
            return at;
        }
        at = at + 1 < slot_count ? at + 1 : 0;
    }
    PK_ASSERT(false);
    return 0;
}

/* Eight bytes a step, the rest filled up with zeros. It only places a name in this table, so it need not be
 * the same on every machine. */
static uint32_t name_hash(struct pk_str name) {
    uint64_t hash = name.n;
    uint32_t at = 0;
    uint64_t word = 0;
    for (; name.n - at >= sizeof word; at += (uint32_t)sizeof word) {
        memcpy(&word, name.p + at, sizeof word);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    word = 0;
    for (uint32_t i = 0; at + i < name.n; i++) {
        word |= (uint64_t)(uint8_t)name.p[at + i] << (8u * i);
    }
    return (uint32_t)(pk_hash64_scramble(hash ^ word) >> 32);
}

static int find(const struct pk_name *names, const uint16_t *slots, uint32_t slot_count, struct pk_str name) {
    if (name.n == 0 || name.n >= PK_EVENT_TYPE_BYTES) {
        return PK_E_NOT_FOUND;
    }
    const uint16_t id = slots[probe(names, slots, slot_count, name, name_hash(name))];
    return id == PK_INTERN_NONE ? PK_E_NOT_FOUND : (int)id;
}

static int intern(const struct table *t, struct pk_str name) {
    if (name.n == 0 || name.n >= PK_EVENT_TYPE_BYTES) {
        return PK_E_BAD_FIELD;
    }
    const uint32_t hash = name_hash(name);
    const uint32_t at = probe(t->names, t->slots, t->cap * 2u, name, hash);
    if (t->slots[at] != PK_INTERN_NONE) {
        return (int)t->slots[at]; /* only names are in the table */
    }
    if (!pk_intern_is_name(name)) {
        return PK_E_BAD_FIELD;
    }
    if (*t->count >= t->cap) {
        (*t->refused)++;
        return PK_E_FULL;
    }
    struct pk_name *added = &t->names[*t->count];
    added->hash = hash;
    added->n = (uint8_t)name.n;
    memcpy(added->text, name.p, name.n);
    added->text[name.n] = '\0';
    t->slots[at] = (uint16_t)*t->count;
    return (int)(*t->count)++;
}

void pk_types_init(struct pk_types *t) {
    pk_zero(t, sizeof *t);
    memset(t->slots, 0xFF, sizeof t->slots);
}

int pk_types_intern(struct pk_types *t, struct pk_str name) {
    const struct table table = of_types(t);
    return intern(&table, name);
}

int pk_types_find(const struct pk_types *t, struct pk_str name) {
    return find(t->names, t->slots, PK_LIMIT_TYPES * 2u, name);
}

const char *pk_types_name(const struct pk_types *t, uint16_t id) {
    return id < t->count ? t->names[id].text : "";
}

void pk_sources_init(struct pk_sources *s) {
    pk_zero(s, sizeof *s);
    memset(s->slots, 0xFF, sizeof s->slots);
}

int pk_sources_intern(struct pk_sources *s, struct pk_str name) {
    const struct table table = of_sources(s);
    return intern(&table, name);
}

int pk_sources_find(const struct pk_sources *s, struct pk_str name) {
    return find(s->names, s->slots, PK_LIMIT_SOURCES * 2u, name);
}

const char *pk_sources_name(const struct pk_sources *s, uint16_t id) {
    return id < s->count ? s->names[id].text : "";
}

struct pk_source *pk_sources_state(struct pk_sources *s, uint16_t id) {
    return id < s->count ? &s->state[id] : NULL;
}
