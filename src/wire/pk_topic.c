#include "wire/pk_topic.h"

#include "base/pk_assert.h"

static const char ROOT[] = "picket/v1/";

/* What follows the gateway, by kind: its word and how many parts come after it. */
static const struct kind_row {
    const char *word;
    uint8_t part_count;
} KINDS[PK_TOPIC_KIND_COUNT] = {
    [PK_TOPIC_STATUS] = {"status", 0},     [PK_TOPIC_SUMMARY] = {"summary", 0},
    [PK_TOPIC_INCIDENT] = {"incident", 1}, [PK_TOPIC_APPROVAL] = {"approval", 1},
    [PK_TOPIC_REPLY] = {"reply", 1},       [PK_TOPIC_CMD] = {"cmd", 1},
    [PK_TOPIC_ACK] = {"ack", 0},           [PK_TOPIC_CAPSULE] = {"capsule", 2},
    [PK_TOPIC_EVENT] = {"event", 1},       [PK_TOPIC_IN] = {"in", 2},
    [PK_TOPIC_HOME] = {"home", 0},
};

bool pk_topic_is_id(struct pk_str s) {
    return pk_text_is_id(s, "", PK_TOPIC_ID_BYTES);
}

bool pk_topic_is_name(struct pk_str s) {
    return pk_text_is_id(s, ".:@", PK_TOPIC_NAME_BYTES);
}

static bool parts_are_valid(const struct pk_topic *t) {
    const unsigned part_count = KINDS[t->kind].part_count;
    if (!pk_topic_is_id(t->site) || !pk_topic_is_id(t->gateway)) {
        return false;
    }
    if (part_count >= 1 ? !pk_topic_is_name(t->a) : t->a.n != 0) {
        return false;
    }
    if (part_count < 2) {
        return t->b.n == 0;
    }
    uint64_t chunk;
    return pk_topic_is_name(t->b) && (t->kind != PK_TOPIC_CAPSULE || pk_parse_u64(t->b, &chunk) == PK_OK);
}

/* Takes back what was put since `start` when it did not all fit. */
static int close_put(struct pk_buf *out, uint32_t start) {
    if (!out->is_cut) {
        return PK_OK;
    }
    out->n = start;
    out->p[start] = '\0';
    out->is_cut = false;
    return PK_E_TOO_BIG;
}

static void put_base(struct pk_buf *out, struct pk_str site, struct pk_str gateway) {
    pk_buf_puts(out, ROOT);
    pk_buf_put_str(out, site);
    pk_buf_putc(out, '/');
    pk_buf_put_str(out, gateway);
    pk_buf_putc(out, '/');
}

int pk_topic_build(struct pk_buf *out, const struct pk_topic *topic) {
    PK_ASSERT((unsigned)topic->kind < PK_TOPIC_KIND_COUNT);
    if (!parts_are_valid(topic)) {
        return PK_E_BAD_FIELD;
    }
    if (out->is_cut) {
        return PK_E_TOO_BIG;
    }
    const uint32_t start = out->n;
    put_base(out, topic->site, topic->gateway);
    pk_buf_puts(out, KINDS[topic->kind].word);
    if (topic->a.n > 0) {
        pk_buf_putc(out, '/');
        pk_buf_put_str(out, topic->a);
    }
    if (topic->b.n > 0) {
        pk_buf_putc(out, '/');
        pk_buf_put_str(out, topic->b);
    }
    return close_put(out, start);
}

int pk_topic_parse(struct pk_str text, struct pk_topic *out) {
    *out = (struct pk_topic){0};
    if (!pk_str_starts(text, ROOT)) {
        return PK_E_NOT_FOUND;
    }
    struct pk_str rest = pk_str_make(text.p + sizeof ROOT - 1, text.n - (sizeof ROOT - 1));
    struct pk_str word;
    if (!pk_str_split(&rest, '/', &out->site) || !pk_str_split(&rest, '/', &out->gateway) ||
        !pk_str_split(&rest, '/', &word)) {
        return PK_E_BAD_FIELD;
    }
    unsigned kind = 0;
    while (kind < PK_TOPIC_KIND_COUNT && !pk_str_eq_c(word, KINDS[kind].word)) {
        kind++;
    }
    if (kind == PK_TOPIC_KIND_COUNT) {
        return PK_E_NOT_FOUND;
    }
    out->kind = (enum pk_topic_kind)kind;
    const unsigned part_count = KINDS[kind].part_count;
    if ((part_count >= 1 && !pk_str_split(&rest, '/', &out->a)) ||
        (part_count >= 2 && !pk_str_split(&rest, '/', &out->b)) || rest.p != NULL) {
        return PK_E_BAD_FIELD;
    }
    return parts_are_valid(out) ? PK_OK : PK_E_BAD_FIELD;
}

int pk_topic_filter_build(struct pk_buf *out, enum pk_topic_filter filter, struct pk_str site,
                          struct pk_str gateway) {
    if (!pk_topic_is_id(site) || !pk_topic_is_id(gateway)) {
        return PK_E_BAD_FIELD;
    }
    if (out->is_cut) {
        return PK_E_TOO_BIG;
    }
    const uint32_t start = out->n;
    const struct pk_str all = pk_str_of("all");
    switch (filter) {
    case PK_TOPIC_FILTER_CMD:
        put_base(out, site, gateway);
        pk_buf_puts(out, "cmd/+");
        break;
    case PK_TOPIC_FILTER_CMD_SITE:
        put_base(out, site, all);
        pk_buf_puts(out, "cmd/+");
        break;
    case PK_TOPIC_FILTER_CMD_ALL:
        put_base(out, all, all);
        pk_buf_puts(out, "cmd/+");
        break;
    case PK_TOPIC_FILTER_ACK:
        put_base(out, site, gateway);
        pk_buf_puts(out, "ack");
        break;
    case PK_TOPIC_FILTER_IN:
        put_base(out, site, gateway);
        pk_buf_puts(out, "in/+/+");
        break;
    case PK_TOPIC_FILTER_COUNT:
        PK_ASSERT(false);
    }
    return close_put(out, start);
}
