#include "incident/pk_correlate.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "incident/pk_incident_table.h"

enum {
    BEFORE_MS = 600000,
    CLOSE_MS = 120000,
    AFTER_MS = 60000,
    CHANGE_MS = 1800000, /* all of them fit pk_cause_link.lead_ms */
    LOG_STEP_MS = 1000,
    LEAST_MILLI = 300,
    MOST_MILLI = 950,
    RANKED = 8,
    CHAIN_MAX = 8
};

/* ---- what speaks for a suspect ---- */

/* How long `earlier` was before `later`, negative when it was not. False: no common clock. */
static bool lead_ms(const struct pk_stamp *earlier, const struct pk_stamp *later, int64_t *out_ms) {
    uint64_t ms = 0, back_ms = 0;
    if (!pk_stamp_elapsed_ms(earlier, later, &ms) || !pk_stamp_elapsed_ms(later, earlier, &back_ms)) {
        return false;
    }
    *out_ms = ms > 0 ? (int64_t)ms : -(int64_t)back_ms;
    return true;
}

static uint16_t time_milli(int64_t lead, int64_t before_ms) {
    if (lead >= 0) {
        return lead <= CLOSE_MS ? 150 : lead <= before_ms ? 100 : 0;
    }
    return -lead <= AFTER_MS ? 50 : 0;
}

static bool shares_component(const struct pk_incident *x, const char *name) {
    for (uint32_t k = 0; k < x->component_count; k++) {
        if (strcmp(x->components[k], name) == 0) {
            return true;
        }
    }
    return false;
}

static uint8_t relation_of(const struct pk_topology *topology, const struct pk_incident_slot *effect,
                           const uint16_t *nodes) {
    uint8_t best = PK_REL_NONE;
    for (uint32_t k = 0; k < PK_CORRELATE_NODES; k++) {
        for (uint32_t n = 0; n < PK_CORRELATE_NODES && nodes[n] != PK_TOPOLOGY_NONE; n++) {
            const unsigned needs = pk_topology_needs(topology, effect->correlation.nodes[k], nodes[n]);
            const uint8_t r = needs == 1 ? PK_REL_NEEDS : needs == 2 ? PK_REL_NEEDS_FAR : PK_REL_NONE;
            best = r > best ? r : best;
        }
    }
    return best;
}

static uint16_t relation_milli(uint8_t relation) {
    static const uint16_t MILLI[] = {[PK_REL_NONE] = 0,
                                     [PK_REL_HOST] = 150,
                                     [PK_REL_SAME] = 250,
                                     [PK_REL_NEEDS_FAR] = 350,
                                     [PK_REL_NEEDS] = 450};
    return MILLI[relation];
}

static void weigh(struct pk_cause_link *link, uint16_t time) {
    const uint32_t sum = (link->pattern != 0 ? 300u : 0u) + (link->is_same_id ? 300u : 0u) +
                         relation_milli(link->relation) + time;
    link->milli = (uint16_t)(sum > MOST_MILLI ? MOST_MILLI : sum);
}

/* Whether `cause` may have brought about `effect`. */
static bool suspect(const struct pk_topology *topology, const struct pk_incident_slot *effect,
                    const struct pk_incident_slot *cause, struct pk_cause_link *out) {
    const struct pk_incident *e = &effect->incident, *c = &cause->incident;
    int64_t lead = 0;
    if (e->is_drill != c->is_drill || c->status == PK_INC_FALSE_POSITIVE ||
        !lead_ms(&c->first_event, &e->first_event, &lead)) {
        return false;
    }
    const uint16_t time = time_milli(lead, BEFORE_MS);
    if (time == 0) {
        return false;
    }
    *out = (struct pk_cause_link){.number = c->number, .lead_ms = (int32_t)lead};
    out->relation = relation_of(topology, effect, cause->correlation.nodes);
    for (uint32_t k = 0; out->relation < PK_REL_SAME && k < c->component_count; k++) {
        out->relation = shares_component(e, c->components[k]) ? PK_REL_SAME : out->relation;
    }
    out->is_same_id = e->correlation_id[0] != '\0' && strcmp(e->correlation_id, c->correlation_id) == 0;
    out->pattern = pk_cause_pattern_find(cause->correlation.type, effect->correlation.type);
    if (out->pattern != 0 && out->relation == PK_REL_NONE) {
        uint32_t count = 0;
        const struct pk_cause_pattern *patterns = pk_cause_patterns(&count);
        const bool is_enough = patterns[out->pattern - 1u].where == PK_CAUSE_HOST;
        out->relation = is_enough ? PK_REL_HOST : PK_REL_NONE;
        out->pattern = is_enough || out->is_same_id ? out->pattern : 0;
    }
    /* What only happened at the same time, or began later without the topology saying so, is none. */
    if (out->relation == PK_REL_NONE && !out->is_same_id) {
        return false;
    }
    if (lead < 0 && out->relation < PK_REL_NEEDS_FAR && out->pattern == 0) {
        return false;
    }
    weigh(out, time);
    return out->milli >= LEAST_MILLI;
}

/* ---- who is none, without a look at the record ---- */

static uint32_t name_bit(const char *name) {
    return 1u << (pk_hash64(name, strlen(name)) & 31u);
}

void pk_correlate_note(struct pk_incidents *t, uint32_t slot) {
    const struct pk_incident_slot *s = &t->slots[slot];
    const struct pk_incident *i = &s->incident;
    struct pk_correlate_key *key = &t->keys[slot];
    *key = (struct pk_correlate_key){.first_ms = i->first_event.mono_ms,
                                     .boot = i->first_event.boot,
                                     .type = s->correlation.type,
                                     .status = i->status,
                                     .has_nodes = s->correlation.nodes[0] != PK_TOPOLOGY_NONE,
                                     .is_drill = i->is_drill};
    for (uint32_t k = 0; k < i->component_count; k++) {
        key->names |= name_bit(i->components[k]);
    }
    if (i->correlation_id[0] != '\0') {
        key->same_id = (uint32_t)pk_hash64(i->correlation_id, strlen(i->correlation_id)) | 1u;
    }
}

/* At most so much can speak for it; below LEAST_MILLI it is none. */
static uint32_t most_milli(const struct pk_correlate_key *effect, const struct pk_correlate_key *cause,
                           bool has_pattern) {
    const bool is_same_id = effect->same_id != 0 && effect->same_id == cause->same_id;
    const bool has_nodes = effect->has_nodes && cause->has_nodes;
    const uint8_t relation = has_nodes                             ? PK_REL_NEEDS
                             : (effect->names & cause->names) != 0 ? PK_REL_SAME
                             : has_pattern                         ? PK_REL_HOST
                                                                   : PK_REL_NONE;
    if (effect->is_drill != cause->is_drill || (relation == PK_REL_NONE && !is_same_id)) {
        return 0;
    }
    if (effect->boot == cause->boot && effect->first_ms != 0 && cause->first_ms != 0) {
        const int64_t lead = (int64_t)effect->first_ms - (int64_t)cause->first_ms;
        if (lead > BEFORE_MS || lead < -AFTER_MS || (lead < 0 && !has_nodes && !has_pattern)) {
            return 0;
        }
    }
    return (has_pattern ? 300u : 0u) + (is_same_id ? 300u : 0u) + relation_milli(relation) + 150u;
}

/* Keeps the strongest, each suspect once. */
static void add_link(struct pk_correlation *c, const struct pk_cause_link *link) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < PK_CORRELATE_LINKS; i++) {
        const bool is_same = c->links[i].number == link->number && c->links[i].change == link->change;
        if (c->links[i].milli > 0 && !is_same) {
            c->links[n++] = c->links[i];
        }
    }
    for (uint32_t i = n; i < PK_CORRELATE_LINKS; i++) {
        c->links[i] = (struct pk_cause_link){0};
    }
    for (uint32_t i = 0; i < PK_CORRELATE_LINKS; i++) {
        if (link->milli > c->links[i].milli) {
            memmove(&c->links[i + 1u], &c->links[i], sizeof c->links[0] * (PK_CORRELATE_LINKS - 1u - i));
            c->links[i] = *link;
            return;
        }
    }
}

/* ---- words ---- */

static void put_lead(struct pk_buf *b, int32_t lead_ms) {
    if (lead_ms == 0) {
        pk_buf_puts(b, "began at the same moment");
        return;
    }
    pk_buf_puts(b, "began ");
    pk_buf_put_duration(b, (uint64_t)(lead_ms < 0 ? -(int64_t)lead_ms : lead_ms));
    pk_buf_puts(b, lead_ms < 0 ? " after it" : " before");
}

static void put_evidence(struct pk_buf *b, const struct pk_cause_link *link) {
    static const char RELATIONS[][24] = {[PK_REL_NONE] = "",
                                         [PK_REL_HOST] = "",
                                         [PK_REL_SAME] = ", the same component",
                                         [PK_REL_NEEDS_FAR] = ", needed through others",
                                         [PK_REL_NEEDS] = ", needed directly"};
    uint32_t count = 0;
    const struct pk_cause_pattern *patterns = pk_cause_patterns(&count);
    put_lead(b, link->lead_ms);
    pk_buf_puts(b, RELATIONS[link->relation]);
    pk_buf_puts(b, link->is_same_id ? ", same correlation id" : "");
    if (link->pattern != 0) {
        pk_buf_puts(b, ": ");
        pk_buf_puts(b, patterns[link->pattern - 1u].words);
    }
}

static const struct pk_change *find_change(const struct pk_changes *c, uint32_t number) {
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->rows[i].number == number) {
            return &c->rows[i];
        }
    }
    return NULL;
}

/* "Disk space low on root (inc_00012)", "deployment on api: v1.2.3" */
static bool put_cause(const struct pk_incidents *t, const struct pk_cause_link *link, struct pk_buf *b) {
    if (link->change != 0) {
        const struct pk_change *c = find_change(&t->changes, link->change);
        if (c != NULL) {
            pk_buf_puts(b, pk_change_kind_word(c->kind));
            pk_buf_puts(b, c->component[0] != '\0' ? " on " : "");
            pk_buf_puts(b, c->component);
            pk_buf_puts(b, c->text[0] != '\0' ? ": " : "");
            pk_buf_puts(b, c->text);
        }
        return c != NULL;
    }
    const uint32_t slot = pk_incident_table_slot(t, link->number);
    if (slot == PK_INCIDENT_NO_SLOT) {
        return false;
    }
    const char *title = t->slots[slot].incident.title, *words = strchr(title, ']');
    char cut[PK_INC_CAUSE_BYTES - 20];
    pk_str_copy_cut(pk_str_trim(pk_str_of(words != NULL ? words + 1 : title)), cut, sizeof cut);
    pk_buf_puts(b, cut);
    pk_buf_puts(b, " (inc_");
    pk_buf_put_u64_pad(b, link->number, 5);
    pk_buf_putc(b, ')');
    return true;
}

/* ---- ranking ---- */

struct ranked {
    struct pk_cause_link link; /* the last step to it */
    uint32_t through;          /* incident in between; 0 = none */
    uint32_t milli;
};

/* Either of two ways to it is enough. */
static uint32_t either(uint32_t a, uint32_t b) {
    return a + b - a * b / 1000u;
}

static struct ranked *find_ranked(struct ranked *list, uint32_t count, const struct pk_cause_link *link) {
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].link.number == link->number && list[i].link.change == link->change) {
            return &list[i];
        }
    }
    return NULL;
}

/* Suspects of the suspects, each with its share; the walk is as long as the list. */
static uint32_t rank(const struct pk_incidents *t, uint32_t slot, struct ranked list[RANKED]) {
    uint32_t count = 0;
    for (; count < PK_CORRELATE_LINKS && t->slots[slot].correlation.links[count].milli > 0; count++) {
        const struct pk_cause_link *link = &t->slots[slot].correlation.links[count];
        list[count] = (struct ranked){.link = *link, .milli = link->milli};
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at =
            list[i].link.number != 0 ? pk_incident_table_slot(t, list[i].link.number) : PK_INCIDENT_NO_SLOT;
        if (at == PK_INCIDENT_NO_SLOT) {
            continue;
        }
        const struct pk_cause_link *up = &t->slots[at].correlation.links[0];
        if (up->milli < PK_CAUSED_MILLI || up->number == t->slots[slot].incident.number) {
            continue;
        }
        const uint32_t handed = list[i].milli * up->milli / 1000u;
        struct ranked *known = find_ranked(list, count, up);
        if (known == NULL && count == RANKED) {
            continue;
        }
        if (known == NULL) {
            list[count++] = (struct ranked){.link = *up, .through = list[i].link.number, .milli = handed};
        } else if (known > &list[i]) {
            known->milli = either(known->milli, handed);
        } else {
            continue; /* a circle: it was handed on already */
        }
        list[i].milli -= handed;
    }
    return count;
}

static void sort(struct ranked *list, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const struct ranked r = list[i];
        uint32_t k = i;
        for (; k > 0 && list[k - 1u].milli < r.milli; k--) {
            list[k] = list[k - 1u];
        }
        list[k] = r;
    }
}

static void write_causes(const struct pk_incidents *t, struct pk_incident *i, const struct ranked *list,
                         uint32_t count) {
    i->cause_count = 0;
    for (uint32_t k = 0; k < count && i->cause_count < PK_INC_CAUSES; k++) {
        struct pk_incident_cause *c = &i->causes[i->cause_count];
        char evidence[PK_INC_EVIDENCE_BYTES * 2];
        struct pk_buf b;
        pk_buf_init(&b, c->cause, sizeof c->cause);
        if (!put_cause(t, &list[k].link, &b)) {
            continue;
        }
        pk_buf_init(&b, evidence, sizeof evidence);
        if (list[k].through != 0) {
            pk_buf_puts(&b, "through inc_");
            pk_buf_put_u64_pad(&b, list[k].through, 5);
            pk_buf_puts(&b, ", ");
        }
        put_evidence(&b, &list[k].link);
        pk_str_copy_cut(pk_buf_str(&b), c->evidence, sizeof c->evidence);
        c->confidence_milli = (uint16_t)list[k].milli;
        i->cause_count++;
    }
    memset(&i->causes[i->cause_count], 0, sizeof i->causes[0] * (PK_INC_CAUSES - i->cause_count));
}

/* ---- caused_by ---- */

static uint32_t slot_of_id(const struct pk_incidents *t, const char *id) {
    struct pk_incident_ref ref;
    if (id[0] == '\0' || pk_incident_id_parse(pk_str_of(id), &ref) != PK_OK) {
        return PK_INCIDENT_NO_SLOT;
    }
    return pk_incident_table_slot(t, ref.number);
}

/* Following the causes of `from` leads to `to`. */
static bool leads_to(const struct pk_incidents *t, uint32_t from, uint32_t to) {
    for (uint32_t n = 0; from != PK_INCIDENT_NO_SLOT && n < CHAIN_MAX; n++) {
        if (from == to) {
            return true;
        }
        from = slot_of_id(t, t->slots[from].incident.caused_by);
    }
    return from != PK_INCIDENT_NO_SLOT; /* longer than we follow: take it for a circle */
}

static uint32_t choose_cause(const struct pk_incidents *t, uint32_t slot, const struct pk_cause_link **out) {
    for (uint32_t k = 0; k < PK_CORRELATE_LINKS; k++) {
        const struct pk_cause_link *link = &t->slots[slot].correlation.links[k];
        if (link->milli < PK_CAUSED_MILLI) {
            break;
        }
        const uint32_t cause =
            link->number != 0 ? pk_incident_table_slot(t, link->number) : PK_INCIDENT_NO_SLOT;
        if (cause != PK_INCIDENT_NO_SLOT && !leads_to(t, cause, slot)) {
            *out = link;
            return cause;
        }
    }
    return PK_INCIDENT_NO_SLOT;
}

static void count_child(struct pk_incidents *t, uint32_t slot, int by) {
    if (slot == PK_INCIDENT_NO_SLOT) {
        return;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    if ((by > 0 && i->child_count < UINT16_MAX) || (by < 0 && i->child_count > 0)) {
        i->child_count = (uint16_t)((int)i->child_count + by);
        pk_incident_table_touch(t, slot, PK_INC_CHANGED_CAUSE);
    }
}

static void say_cause(struct pk_incidents *t, uint32_t slot, const char *cause_id,
                      const struct pk_cause_link *link, const struct pk_stamp *now) {
    char text[PK_TIMELINE_TEXT_BYTES * 2];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "caused by ");
    pk_buf_puts(&b, cause_id);
    pk_buf_puts(&b, " (0.");
    pk_buf_put_u64_pad(&b, link->milli / 10u, 2);
    pk_buf_puts(&b, "): ");
    put_evidence(&b, link);
    pk_incident_table_say(t, slot, PK_TL_CAUSE, PK_TL_BY_AGENT, now, pk_buf_str(&b));
}

/* The record says what the links say. */
static void settle(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    struct pk_incident_cause before[PK_INC_CAUSES];
    struct ranked list[RANKED];
    const struct pk_cause_link *link = NULL;
    memcpy(before, i->causes, sizeof before);
    const uint32_t count = rank(t, slot, list);
    sort(list, count);
    write_causes(t, i, list, count);
    const uint32_t old = slot_of_id(t, i->caused_by), cause = choose_cause(t, slot, &link);
    bool is_changed = memcmp(before, i->causes, sizeof before) != 0;
    if (cause != PK_INCIDENT_NO_SLOT && cause != old) {
        count_child(t, old, -1);
        pk_str_copy_cut(pk_str_of(t->slots[cause].incident.id), i->caused_by, sizeof i->caused_by);
        count_child(t, cause, 1);
        pk_incident_table_arm(t, slot, now->mono_ms); /* it may have ended already */
        say_cause(t, slot, t->slots[cause].incident.id, link, now);
        is_changed = true;
    }
    if (!t->slots[slot].correlation.is_cause_set && i->cause_count > 0 &&
        i->causes[0].confidence_milli >= PK_CAUSED_MILLI) {
        memcpy(i->root_cause, i->causes[0].cause, sizeof i->root_cause);
    }
    if (is_changed) {
        pk_incident_table_touch(t, slot, PK_INC_CHANGED_CAUSE);
    }
}

/* ---- who ---- */

static void bind(struct pk_incident_slot *s, const struct pk_topology *topology) {
    struct pk_correlation *c = &s->correlation;
    uint32_t n = 0;
    c->type = PK_INC_TYPE_CUSTOM;
    if (pk_incident_type_parse(pk_str_of(s->incident.type), &c->type) != PK_OK) {
        c->type = PK_INC_TYPE_CUSTOM;
    }
    for (uint32_t k = 0; k < PK_CORRELATE_NODES; k++) {
        c->nodes[k] = PK_TOPOLOGY_NONE;
    }
    for (uint32_t k = 0; k < s->incident.component_count && n < PK_CORRELATE_NODES; k++) {
        const uint16_t node = pk_topology_find(topology, pk_str_of(s->incident.components[k]));
        if (node != PK_TOPOLOGY_NONE) {
            c->nodes[n++] = node;
        }
    }
    uint32_t blast = 0;
    (void)pk_correlate_blast(topology, &s->incident, NULL, 0, &blast);
    s->incident.blast_count = (uint16_t)(blast > UINT16_MAX ? UINT16_MAX : blast);
}

static void look_at_changes(struct pk_incidents *t, const struct pk_topology *topology,
                            struct pk_incident_slot *s) {
    for (uint32_t i = 0; i < t->changes.count; i++) {
        const struct pk_change *c = &t->changes.rows[i];
        uint16_t nodes[PK_CORRELATE_NODES] = {pk_topology_find(topology, pk_str_of(c->component)),
                                              PK_TOPOLOGY_NONE, PK_TOPOLOGY_NONE, PK_TOPOLOGY_NONE};
        int64_t lead = 0;
        /* Most logs tell whole seconds: what such a line says happened up to a second later. */
        if (!lead_ms(&c->at, &s->incident.first_event, &lead) || lead <= -LOG_STEP_MS) {
            continue;
        }
        lead = lead < 0 ? 0 : lead;
        if (time_milli(lead, CHANGE_MS) == 0) {
            continue;
        }
        struct pk_cause_link link = {.change = c->number, .lead_ms = (int32_t)lead};
        link.relation = relation_of(topology, s, nodes);
        if (link.relation < PK_REL_SAME && shares_component(&s->incident, c->component)) {
            link.relation = PK_REL_SAME;
        }
        if (link.relation == PK_REL_NONE) {
            /* The machine is everybody's; a change elsewhere on it is a weak suspect. */
            link.relation = PK_REL_HOST;
        }
        weigh(&link, time_milli(lead, CHANGE_MS));
        /* A change of the very thing, or of what it needs, weighs as a pattern does. */
        const uint32_t milli =
            link.milli + (link.relation >= PK_REL_SAME || c->kind == PK_CHANGE_REBOOT ? 300u : 0u);
        link.milli = (uint16_t)(milli > MOST_MILLI ? MOST_MILLI : milli);
        if (link.milli >= LEAST_MILLI) {
            add_link(&s->correlation, &link);
        }
    }
}

/* Whether what began in slot `cause` could take a place among the links of `effect`: enough may speak for it,
 * and the list is not full of better ones. */
static bool may_be_linked(const struct pk_incidents *t, uint32_t effect, uint32_t cause, bool has_pattern) {
    if (t->numbers[effect] == 0 || t->numbers[cause] == 0 || effect == cause ||
        t->keys[cause].status > PK_INC_RESOLVED) {
        return false;
    }
    const uint32_t most = most_milli(&t->keys[effect], &t->keys[cause], has_pattern);
    if (most < LEAST_MILLI) {
        return false;
    }
    const struct pk_cause_link *links = t->slots[effect].correlation.links;
    bool is_known = false;
    for (uint32_t i = 0; i < PK_CORRELATE_LINKS; i++) {
        is_known = is_known || links[i].number == t->numbers[cause];
    }
    return is_known || most > links[PK_CORRELATE_LINKS - 1u].milli;
}

void pk_correlate(struct pk_incidents *t, const struct pk_topology *topology, uint32_t number,
                  const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    struct pk_cause_link link;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return;
    }
    struct pk_incident_slot *s = &t->slots[slot];
    bind(s, topology);
    pk_correlate_note(t, slot);
    const uint32_t causes = pk_cause_types_before(s->correlation.type);
    const uint32_t effects = pk_cause_types_after(s->correlation.type);
    look_at_changes(t, topology, s);
    for (uint32_t k = 0; k < t->high_count; k++) {
        const bool has_pattern = (causes >> t->keys[k].type & 1u) != 0;
        if (may_be_linked(t, slot, k, has_pattern) && suspect(topology, s, &t->slots[k], &link)) {
            add_link(&s->correlation, &link);
        }
    }
    settle(t, slot, now);
    /* What it may have caused, strongest link first known there. */
    for (uint32_t k = 0; k < t->high_count; k++) {
        const bool has_pattern = (effects >> t->keys[k].type & 1u) != 0;
        if (pk_incident_status_is_active(t->keys[k].status) && may_be_linked(t, k, slot, has_pattern) &&
            suspect(topology, &t->slots[k], s, &link)) {
            add_link(&t->slots[k].correlation, &link);
            settle(t, k, now);
        }
    }
}

void pk_correlate_change(struct pk_incidents *t, const struct pk_change *change) {
    struct pk_changes *c = &t->changes;
    const uint32_t at = c->last_number % PK_LIMIT_CHANGES;
    c->rows[at] = *change;
    c->rows[at].number = ++c->last_number;
    c->count += c->count < PK_LIMIT_CHANGES ? 1u : 0u;
}

void pk_correlate_rebind(struct pk_incidents *t, const struct pk_topology *topology) {
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        if (t->numbers[k] != 0) {
            bind(&t->slots[k], topology);
            pk_correlate_note(t, k);
        }
    }
}

uint32_t pk_correlate_blast(const struct pk_topology *topology, const struct pk_incident *i,
                            const char **names, uint32_t names_max, uint32_t *out_count) {
    uint64_t set[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)] = {0};
    uint32_t written = 0;
    for (uint32_t k = 0; k < i->component_count; k++) {
        pk_topology_blast(topology, pk_topology_find(topology, pk_str_of(i->components[k])), set);
    }
    *out_count = pk_bitset_count(set, PK_LIMIT_TOPOLOGY_NODES);
    for (uint32_t n = 0; names != NULL && written < names_max && written < *out_count; n++) {
        n = pk_bitset_next_set(set, PK_LIMIT_TOPOLOGY_NODES, n);
        names[written++] = pk_topology_name(topology, (uint16_t)n);
    }
    return written;
}
