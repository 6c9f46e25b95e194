#include "incident/pk_timeline.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bytes.h"
#include "base/pk_zero.h"

/* An entry in the ring: u16 length of all, u32 incident, u32 seq, u32 boot, u64 mono, u64 wall, u8 quality,
 * severity, source, kind, text. It never wraps: where it does not fit before the end, a zero length marks the
 * rest as unused. */
enum { HEAD_BYTES = 2 + 4 + 4 + 4 + 8 + 8 + 4, LENGTH_BYTES = 2 };
_Static_assert(PK_TIMELINE_BYTES >= 4096, "room for some entries");
_Static_assert(HEAD_BYTES + PK_TIMELINE_TEXT_BYTES <= 255, "one entry is short");

static const char *const KIND_WORDS[PK_TL_KIND_COUNT] = {[PK_TL_CREATED] = "created",
                                                         [PK_TL_JOINED] = "joined",
                                                         [PK_TL_SEVERITY] = "severity",
                                                         [PK_TL_STATUS] = "status",
                                                         [PK_TL_ACKNOWLEDGED] = "acknowledged",
                                                         [PK_TL_ASSIGNED] = "assigned",
                                                         [PK_TL_NOTE] = "note",
                                                         [PK_TL_ACTION] = "action",
                                                         [PK_TL_APPROVAL] = "approval",
                                                         [PK_TL_FLAPPING] = "flapping",
                                                         [PK_TL_CLEARED] = "cleared",
                                                         [PK_TL_LOSS] = "loss",
                                                         [PK_TL_RESTORED] = "restored",
                                                         [PK_TL_SILENCE] = "silence",
                                                         [PK_TL_STAGE] = "stage",
                                                         [PK_TL_CAUSE] = "cause",
                                                         [PK_TL_ESCALATED] = "escalated"};
static const char *const SOURCE_WORDS[PK_TL_SOURCE_COUNT] = {[PK_TL_BY_DETECT] = "detect",
                                                             [PK_TL_BY_AGENT] = "agent",
                                                             [PK_TL_BY_ACTION] = "action",
                                                             [PK_TL_BY_OPERATOR] = "operator",
                                                             [PK_TL_BY_HUB] = "hub"};

const char *pk_timeline_kind_word(uint8_t kind) {
    return kind < PK_TL_KIND_COUNT ? KIND_WORDS[kind] : "unknown";
}

const char *pk_timeline_source_word(uint8_t source) {
    return source < PK_TL_SOURCE_COUNT ? SOURCE_WORDS[source] : "unknown";
}

void pk_timeline_init(struct pk_timeline *t) {
    pk_zero(t, sizeof *t);
    t->next_seq = 1;
}

static uint32_t length_at(const struct pk_timeline *t, uint32_t at) {
    if (at + LENGTH_BYTES > PK_TIMELINE_BYTES) {
        return 0;
    }
    return (uint32_t)t->bytes[at] | (uint32_t)t->bytes[at + 1u] << 8;
}

/* The offset of the entry that starts at `at`, or at the start of the ring when the end is unused. */
static uint32_t settle(const struct pk_timeline *t, uint32_t at) {
    return length_at(t, at) == 0 ? 0 : at;
}

static void read_at(const struct pk_timeline *t, uint32_t at, struct pk_timeline_entry *out) {
    struct pk_reader r;
    const uint32_t n = length_at(t, at);
    PK_ASSERT(n >= HEAD_BYTES && at + n <= PK_TIMELINE_BYTES);
    pk_reader_init(&r, t->bytes + at + LENGTH_BYTES, n - LENGTH_BYTES);
    out->incident = pk_get_u32(&r);
    out->seq = pk_get_u32(&r);
    out->at = (struct pk_stamp){0};
    out->at.boot = pk_get_u32(&r);
    out->at.mono_ms = pk_get_u64(&r);
    out->at.wall_ms = pk_get_i64(&r);
    out->at.quality = pk_get_u8(&r);
    out->severity = pk_get_u8(&r);
    out->source = pk_get_u8(&r);
    out->kind = pk_get_u8(&r);
    const uint32_t text_bytes = n - HEAD_BYTES;
    PK_ASSERT(text_bytes < PK_TIMELINE_TEXT_BYTES);
    pk_get_bytes(&r, out->text, text_bytes);
    out->text[text_bytes] = '\0';
    PK_ASSERT(pk_reader_done(&r));
}

static uint32_t seq_at(const struct pk_timeline *t, uint32_t at) {
    struct pk_reader r;
    pk_reader_init(&r, t->bytes + at + LENGTH_BYTES + 4u, 4);
    return pk_get_u32(&r);
}

static uint32_t incident_at(const struct pk_timeline *t, uint32_t at) {
    struct pk_reader r;
    pk_reader_init(&r, t->bytes + at + LENGTH_BYTES, 4);
    return pk_get_u32(&r);
}

/* head and new_at never rest on the unused end: it may be written over before they move on. */
static void drop_oldest(struct pk_timeline *t) {
    const uint32_t seq = seq_at(t, t->head);
    const uint32_t after = t->head + length_at(t, t->head);
    PK_ASSERT(t->count > 0);
    t->count--;
    t->overwritten_count++;
    t->head = t->count > 0 ? settle(t, after) : after;
    if (seq > t->taken_seq) {
        t->lost_count++;
        t->taken_seq = seq;
        t->new_at = t->head;
    }
}

/* Makes [tail, tail + n) free, wrapping first when it does not fit before the end. */
static void make_room(struct pk_timeline *t, uint32_t n) {
    if (t->tail + n > PK_TIMELINE_BYTES) {
        while (t->count > 0 && t->head >= t->tail) {
            drop_oldest(t);
        }
        if (t->tail + LENGTH_BYTES <= PK_TIMELINE_BYTES) {
            t->bytes[t->tail] = 0;
            t->bytes[t->tail + 1u] = 0;
        }
        t->tail = 0;
    }
    while (t->count > 0 && t->head >= t->tail && t->head < t->tail + n) {
        drop_oldest(t);
    }
    if (t->count == 0) {
        t->head = t->tail;
    }
}

uint32_t pk_timeline_add(struct pk_timeline *t, const struct pk_timeline_entry *e) {
    struct pk_writer w;
    char text[PK_TIMELINE_TEXT_BYTES];
    PK_ASSERT(e->kind < PK_TL_KIND_COUNT && e->source < PK_TL_SOURCE_COUNT);
    const uint32_t text_bytes = pk_str_copy_cut(pk_str_of(e->text), text, sizeof text);
    const uint32_t n = HEAD_BYTES + text_bytes;
    make_room(t, n);
    pk_writer_init(&w, t->bytes + t->tail, n);
    pk_put_u16(&w, (uint16_t)n);
    pk_put_u32(&w, e->incident);
    pk_put_u32(&w, t->next_seq);
    pk_put_u32(&w, e->at.boot);
    pk_put_u64(&w, e->at.mono_ms);
    pk_put_i64(&w, e->at.wall_ms);
    pk_put_u8(&w, e->at.quality);
    pk_put_u8(&w, e->severity);
    pk_put_u8(&w, e->source);
    pk_put_u8(&w, e->kind);
    pk_put_bytes(&w, text, text_bytes);
    PK_ASSERT(!w.is_full && w.n == n);
    if (t->taken_seq + 1u == t->next_seq) {
        t->new_at = t->tail;
    }
    t->tail += n;
    t->count++;
    t->used_bytes = t->tail > t->head ? t->tail - t->head : PK_TIMELINE_BYTES - t->head + t->tail;
    return t->next_seq++;
}

/* Oldest entry with seq > after_seq (and of the incident). false when there is none. */
static bool find_after(const struct pk_timeline *t, uint32_t incident, uint32_t after_seq, uint32_t *out_at) {
    uint32_t at = t->head;
    for (uint32_t i = 0; i < t->count; i++) {
        at = settle(t, at);
        if (seq_at(t, at) > after_seq && (incident == 0 || incident_at(t, at) == incident)) {
            *out_at = at;
            return true;
        }
        at += length_at(t, at);
    }
    return false;
}

int pk_timeline_next(const struct pk_timeline *t, uint32_t incident, uint32_t after_seq,
                     struct pk_timeline_entry *out) {
    uint32_t at = 0;
    if (!find_after(t, incident, after_seq, &at)) {
        return PK_E_NOT_FOUND;
    }
    read_at(t, at, out);
    return PK_OK;
}

int pk_timeline_next_new(struct pk_timeline *t, struct pk_timeline_entry *out) {
    if (t->taken_seq + 1u == t->next_seq) {
        return PK_E_NOT_FOUND;
    }
    read_at(t, t->new_at, out);
    PK_ASSERT(out->seq == t->taken_seq + 1u);
    t->taken_seq = out->seq;
    if (t->taken_seq + 1u != t->next_seq) {
        t->new_at = settle(t, t->new_at + length_at(t, t->new_at));
    }
    return PK_OK;
}
