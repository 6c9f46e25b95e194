#include "event/pk_intern.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bitset.h"
#include "base/pk_copy.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

_Static_assert(PK_LIMIT_TYPES < PK_INTERN_NONE && PK_LIMIT_SOURCES < PK_INTERN_NONE, "ids are 16 bits");
_Static_assert(PK_LIMIT_SOURCES_FOREIGN < PK_LIMIT_SOURCES, "strangers cannot take the whole table");
_Static_assert(PK_LIMIT_TYPES_FOREIGN * 2u <= PK_LIMIT_TYPES, "nor most of the types");

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

/* Bit per byte: A-Z a-z 0-9 _ . : @ - */
static const uint32_t NAME_BYTES[256 / 32] = {0, 0x07FF6000u, 0x87FFFFFFu, 0x07FFFFFEu};

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

static uint64_t load8(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint64_t load4(const char *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Eight bytes a step, the last of them over bytes that were taken already. It only places a name in this
 * table, so it need not be the same on every machine. */
static uint32_t name_hash(struct pk_str name) {
    uint64_t hash = name.n, word = 0;
    if (name.n >= 8u) {
        for (uint32_t at = 0; at + 8u < name.n; at += 8u) {
            hash = (hash ^ load8(name.p + at)) * 0x9E3779B97F4A7C15u;
            hash ^= hash >> 32;
        }
        word = load8(name.p + name.n - 8u);
    } else if (name.n >= 4u) {
        word = load4(name.p) | load4(name.p + name.n - 4u) << 32;
    } else {
        for (uint32_t i = 0; i < name.n; i++) {
            word |= (uint64_t)(uint8_t)name.p[i] << (8u * i);
        }
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

/* Puts the name at a free slot, with an id that is free. */
static int put(const struct table *t, struct pk_str name, uint32_t hash, uint32_t slot, uint32_t id) {
    struct pk_name *added = &t->names[id];
    added->hash = hash;
    added->n = (uint8_t)name.n;
    memcpy(added->text, name.p, name.n);
    added->text[name.n] = '\0';
    t->slots[slot] = (uint16_t)id;
    return (int)id;
}

static int intern(const struct table *t, struct pk_str name, bool is_room) {
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
    if (!is_room || *t->count >= t->cap) {
        (*t->refused)++;
        return PK_E_FULL;
    }
    return put(t, name, hash, at, (*t->count)++);
}

void pk_types_init(struct pk_types *t) {
    pk_zero(t, sizeof *t);
    memset(t->slots, 0xFF, sizeof t->slots);
}

int pk_types_intern(struct pk_types *t, struct pk_str name) {
    const struct table table = of_types(t);
    const int known = pk_types_find(t, name), id = known >= 0 ? known : intern(&table, name, true);
    if (id >= 0 && t->names[id].is_foreign) { /* one of ours now */
        t->names[id].is_foreign = false;
        t->foreign_count--;
    }
    return id;
}

int pk_types_intern_foreign(struct pk_types *t, struct pk_str name) {
    const struct table table = of_types(t);
    const uint32_t before = t->count;
    const int id = intern(&table, name, t->foreign_count < PK_LIMIT_TYPES_FOREIGN);
    if (t->count > before) {
        t->names[id].is_foreign = true;
        t->foreign_count++;
    }
    return id;
}

/* The newest first: behind none of them another name went on, so its slot was free before. */
void pk_types_cut(struct pk_types *t, uint32_t count) {
    while (t->count > count) {
        struct pk_name *name = &t->names[--t->count];
        const struct pk_str text = pk_str_make(name->text, name->n);
        t->slots[probe(t->names, t->slots, PK_LIMIT_TYPES * 2u, text, name->hash)] = PK_INTERN_NONE;
        t->foreign_count -= name->is_foreign ? 1u : 0u;
        memset(name, 0, sizeof *name);
    }
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

/* Lowest forgotten id, or the next new one. */
static uint32_t free_id(const struct pk_sources *s) {
    uint32_t id = s->free_from;
    while (id < s->count && s->names[id].n > 0) {
        id++;
    }
    return id;
}

static int add_source(struct pk_sources *s, struct pk_str name, bool is_foreign) {
    const struct table t = {s->names, s->slots, PK_LIMIT_SOURCES, &s->count, &s->refused_count};
    const uint32_t hash = name_hash(name);
    const uint32_t at = probe(s->names, s->slots, PK_LIMIT_SOURCES * 2u, name, hash);
    const uint32_t id = free_id(s);
    s->free_from = id;
    if (id >= PK_LIMIT_SOURCES) {
        s->refused_count++;
        return PK_E_FULL;
    }
    s->count += id == s->count ? 1u : 0u;
    s->used_count++;
    s->foreign_count += is_foreign ? 1u : 0u;
    memset(&s->state[id], 0, sizeof s->state[id]);
    s->state[id].is_foreign = is_foreign;
    return put(&t, name, hash, at, id);
}

int pk_sources_intern(struct pk_sources *s, struct pk_str name) {
    const int id = find(s->names, s->slots, PK_LIMIT_SOURCES * 2u, name);
    if (id < 0) {
        return pk_intern_is_name(name) ? add_source(s, name, false) : PK_E_BAD_FIELD;
    }
    if (s->state[id].is_foreign) { /* it speaks for itself now */
        s->state[id].is_foreign = false;
        s->foreign_count--;
    }
    return id;
}

int pk_sources_intern_foreign(struct pk_sources *s, struct pk_str name) {
    const int id = find(s->names, s->slots, PK_LIMIT_SOURCES * 2u, name);
    if (id >= 0) {
        return id;
    }
    if (!pk_intern_is_name(name)) {
        return PK_E_BAD_FIELD;
    }
    if (s->foreign_count < PK_LIMIT_SOURCES_FOREIGN && s->used_count < PK_LIMIT_SOURCES) {
        return add_source(s, name, true);
    }
    s->folded_count++;
    return pk_sources_intern(s, pk_str_of(PK_SOURCE_OTHERS));
}

/* Open addressing: what stands behind the hole and was pushed past it moves up, until nothing did. */
void pk_sources_forget(struct pk_sources *s, uint16_t id) {
    enum { SLOTS = PK_LIMIT_SOURCES * 2 };
    PK_ASSERT(id < s->count && s->names[id].n > 0);
    PK_ASSERT(s->state[id].is_foreign);
    struct pk_name *name = &s->names[id];
    uint32_t hole = probe(s->names, s->slots, SLOTS, pk_str_make(name->text, name->n), name->hash);
    for (uint32_t at = (hole + 1u) % SLOTS; s->slots[at] != PK_INTERN_NONE; at = (at + 1u) % SLOTS) {
        const uint32_t home = (uint32_t)(((uint64_t)s->names[s->slots[at]].hash * SLOTS) >> 32);
        /* Cyclic distances: it may fill the hole when its home is not behind it. */
        if ((at + SLOTS - home) % SLOTS >= (at + SLOTS - hole) % SLOTS) {
            s->slots[hole] = s->slots[at];
            hole = at;
        }
    }
    s->slots[hole] = PK_INTERN_NONE;
    s->free_from = id < s->free_from ? id : s->free_from;
    memset(name, 0, sizeof *name);
    memset(&s->state[id], 0, sizeof s->state[id]);
    s->used_count--;
    s->foreign_count--;
    s->forgotten_count++;
}

static uint32_t log2_of(uint64_t n) {
    uint32_t bit = 0;
    while (n > 1u) {
        n >>= 1;
        bit++;
    }
    return bit;
}

static bool may_go(const struct pk_sources *s, uint32_t id) {
    const struct pk_source *state = &s->state[id];
    return s->names[id].n > 0 && state->is_foreign && state->promised_ms == 0 && state->expected_ms == 0;
}

static uint64_t silence_ms(const struct pk_source *s, uint64_t now_ms) {
    return now_ms > s->last_seen_ms ? now_ms - s->last_seen_ms : 0;
}

/* Silences by powers of two: which are the longest needs no sorting. */
uint32_t pk_sources_stalest(const struct pk_sources *s, uint64_t now_ms, uint64_t quiet_ms, uint64_t *bits) {
    enum { CLASSES = 64 };
    uint32_t counts[CLASSES] = {0}, found = 0;
    pk_bitset_clear_all(bits, PK_LIMIT_SOURCES);
    for (uint32_t id = 0; id < s->count; id++) {
        if (may_go(s, id)) {
            counts[log2_of(silence_ms(&s->state[id], now_ms))]++;
        }
    }
    uint32_t class = CLASSES, sum = 0;
    while (class > 0 && sum < PK_LIMIT_SOURCES_FOREIGN / 4u) {
        sum += counts[--class];
    }
    for (uint32_t id = 0; id < s->count; id++) {
        const uint64_t silent_ms = silence_ms(&s->state[id], now_ms);
        if (may_go(s, id) && silent_ms >= quiet_ms && log2_of(silent_ms) >= class) {
            pk_bitset_set(bits, PK_LIMIT_SOURCES, id);
            found++;
        }
    }
    return found;
}

int pk_sources_find(const struct pk_sources *s, struct pk_str name) {
    return find(s->names, s->slots, PK_LIMIT_SOURCES * 2u, name);
}

const char *pk_sources_name(const struct pk_sources *s, uint16_t id) {
    return id < s->count ? s->names[id].text : "";
}

struct pk_source *pk_sources_state(struct pk_sources *s, uint16_t id) {
    return id < s->count && s->names[id].n > 0 ? &s->state[id] : NULL;
}
