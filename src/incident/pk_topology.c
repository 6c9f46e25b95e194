#include "incident/pk_topology.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

_Static_assert(PK_LIMIT_TOPOLOGY_NODES < PK_TOPOLOGY_NONE, "a node has a number of 16 bits");

void pk_topology_init(struct pk_topology *t) {
    pk_zero(t, sizeof *t);
}

static uint32_t bucket_of(struct pk_str name) {
    return pk_crc32c(0, name.p, name.n) % PK_TOPOLOGY_BUCKETS;
}

const char *pk_topology_name(const struct pk_topology *t, uint16_t node) {
    PK_ASSERT(node < t->count);
    return t->text + t->name_at[node];
}

uint16_t pk_topology_find(const struct pk_topology *t, struct pk_str name) {
    if (t->count == 0 || name.n == 0) {
        return PK_TOPOLOGY_NONE;
    }
    for (uint16_t at = t->buckets[bucket_of(name)]; at != 0; at = t->next[at - 1u]) {
        if (pk_str_eq_c(name, pk_topology_name(t, (uint16_t)(at - 1u)))) {
            return (uint16_t)(at - 1u);
        }
    }
    return PK_TOPOLOGY_NONE;
}

/* PK_TOPOLOGY_NONE: no room. */
static uint16_t intern(struct pk_topology *t, struct pk_str name) {
    const uint16_t known = pk_topology_find(t, name);
    if (known != PK_TOPOLOGY_NONE || t->count == PK_LIMIT_TOPOLOGY_NODES ||
        sizeof t->text - t->text_bytes <= name.n) {
        return known;
    }
    const uint16_t node = (uint16_t)t->count++;
    uint16_t *head = &t->buckets[bucket_of(name)];
    t->name_at[node] = t->text_bytes;
    memcpy(t->text + t->text_bytes, name.p, name.n);
    t->text[t->text_bytes + name.n] = '\0';
    t->text_bytes += name.n + 1u;
    t->next[node] = *head;
    *head = (uint16_t)(node + 1u);
    return node;
}

struct parse {
    struct pk_topology *t;
    const char *file;
    struct pk_diag *diag;
    uint32_t line;
    const char *line_start;
};

static int fail(const struct parse *p, struct pk_str at, const char *message) {
    pk_diag_set1(p->diag, p->file, p->line, (uint32_t)(at.p - p->line_start) + 1u, message, at);
    return PK_E_CONFIG;
}

static bool has_edge(const struct pk_topology *t, uint16_t from, uint16_t to) {
    for (uint32_t i = 0; i < t->edge_count; i++) {
        if (t->edges[i].from == from && t->edges[i].to == to) {
            return true;
        }
    }
    return false;
}

static int name_of(const struct parse *p, struct pk_str name, uint16_t *out) {
    if (!pk_text_is_id(name, ".:@/", PK_TOPOLOGY_NAME_BYTES - 1)) {
        return fail(p, name, "'{}' is not the name of a component");
    }
    *out = intern(p->t, name);
    return *out != PK_TOPOLOGY_NONE ? PK_OK
                                    : fail(p, name, "'{}' is one component more than this board keeps");
}

static int edge(const struct parse *p, uint16_t from, struct pk_str name) {
    uint16_t to = PK_TOPOLOGY_NONE;
    const int err = name_of(p, name, &to);
    if (err < 0) {
        return err;
    }
    if (from == to) {
        return fail(p, name, "'{}' would depend on itself");
    }
    if (has_edge(p->t, from, to)) {
        return PK_OK;
    }
    if (p->t->edge_count == PK_LIMIT_TOPOLOGY_EDGES) {
        return fail(p, name, "'{}' is one dependency more than this board keeps");
    }
    p->t->edges[p->t->edge_count++] = (struct pk_topology_edge){.from = from, .to = to};
    return PK_OK;
}

static struct pk_str without_comment(struct pk_str line) {
    const char *hash = line.n > 0 ? memchr(line.p, '#', line.n) : NULL;
    return pk_str_trim(hash != NULL ? pk_str_make(line.p, (size_t)(hash - line.p)) : line);
}

static int parse_line(const struct parse *p, struct pk_str line) {
    const struct pk_str body = without_comment(line);
    uint16_t from = PK_TOPOLOGY_NONE;
    uint32_t arrow = 0;
    if (body.n == 0) {
        return PK_OK;
    }
    while (arrow + 1u < body.n && !(body.p[arrow] == '-' && body.p[arrow + 1u] == '>')) {
        arrow++;
    }
    if (arrow + 1u >= body.n) {
        return fail(p, body, "'{}' is not of the form: component -> what it needs, and more");
    }
    int err = name_of(p, pk_str_trim(pk_str_make(body.p, arrow)), &from);
    struct pk_str rest = pk_str_make(body.p + arrow + 2u, body.n - arrow - 2u), piece;
    if (err == PK_OK && pk_str_trim(rest).n == 0) {
        return fail(p, body, "'{}': nothing stands right of the arrow");
    }
    while (err == PK_OK && pk_str_split(&rest, ',', &piece)) {
        err = edge(p, from, pk_str_trim(piece));
    }
    return err;
}

int pk_topology_parse(struct pk_topology *t, struct pk_str text, const char *file, struct pk_diag *diag) {
    struct parse p = {.t = t, .file = file, .diag = diag};
    struct pk_str rest = text, line;
    while (rest.p != NULL && pk_str_split(&rest, '\n', &line)) {
        p.line++;
        p.line_start = line.p;
        const int err = parse_line(&p, line);
        if (err < 0) {
            return err;
        }
    }
    return PK_OK;
}

void pk_topology_finish(struct pk_topology *t) {
    bool is_changed = true;
    for (uint32_t i = 0; i < t->edge_count; i++) {
        pk_bitset_set(t->needs[t->edges[i].from], PK_LIMIT_TOPOLOGY_NODES, t->edges[i].to);
    }
    /* Each round carries what is known one dependency further; the longest chain bounds the rounds. */
    for (uint32_t round = 0; is_changed && round <= t->count; round++) {
        is_changed = false;
        for (uint32_t i = 0; i < t->edge_count; i++) {
            uint64_t *row = t->needs[t->edges[i].from];
            const uint32_t before = pk_bitset_count(row, PK_LIMIT_TOPOLOGY_NODES);
            pk_bitset_or(row, t->needs[t->edges[i].to], PK_LIMIT_TOPOLOGY_NODES);
            is_changed = is_changed || pk_bitset_count(row, PK_LIMIT_TOPOLOGY_NODES) != before;
        }
    }
}

unsigned pk_topology_needs(const struct pk_topology *t, uint16_t node, uint16_t on) {
    if (node >= t->count || on >= t->count || node == on ||
        !pk_bitset_has(t->needs[node], PK_LIMIT_TOPOLOGY_NODES, on)) {
        return 0;
    }
    return has_edge(t, node, on) ? 1u : 2u;
}

void pk_topology_blast(const struct pk_topology *t, uint16_t node,
                       uint64_t set[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)]) {
    for (uint32_t i = 0; node < t->count && i < t->count; i++) {
        if (i != node && pk_bitset_has(t->needs[i], PK_LIMIT_TOPOLOGY_NODES, node)) {
            pk_bitset_set(set, PK_LIMIT_TOPOLOGY_NODES, i);
        }
    }
}
