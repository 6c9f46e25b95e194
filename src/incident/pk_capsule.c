#include "incident/pk_capsule.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_err.h"

/* Up to where a part may fill the budget, in percent. */
static const struct {
    const char *word;
    uint8_t mark_pct;
} PARTS[PK_CAPSULE_PART_COUNT] = {
    [PK_CAPSULE_HEAD] = {"head", 100},    [PK_CAPSULE_BEFORE] = {"before", 35},
    [PK_CAPSULE_METRIC] = {"metric", 58}, [PK_CAPSULE_PROBE] = {"probe", 66},
    [PK_CAPSULE_LOG] = {"log", 78},       [PK_CAPSULE_PROCESS] = {"process", 88},
    [PK_CAPSULE_AFTER] = {"after", 96},   [PK_CAPSULE_END] = {"end", 100},
};

const char *pk_capsule_part_word(enum pk_capsule_part part) {
    PK_ASSERT(part < PK_CAPSULE_PART_COUNT);
    return PARTS[part].word;
}

const char *pk_capsule_upload_word(enum pk_capsule_upload upload) {
    static const char *const WORDS[PK_CAPSULE_UPLOAD_COUNT] = {"kept", "wanted", "sent", "refused"};
    PK_ASSERT(upload < PK_CAPSULE_UPLOAD_COUNT);
    return WORDS[upload];
}

void pk_capsules_init(struct pk_capsules *t, uint32_t budget_bytes, uint32_t store_bytes) {
    PK_ASSERT(budget_bytes >= PK_CAPSULE_BYTES_MIN && budget_bytes <= PK_LIMIT_CAPSULE_BYTES);
    PK_ASSERT(store_bytes >= budget_bytes);
    t->budget_bytes = budget_bytes;
    t->store_bytes = store_bytes;
}

static struct pk_capsule *find_free(struct pk_capsules *t) {
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        if (t->rows[i].number == 0) {
            return &t->rows[i];
        }
    }
    return NULL;
}

static struct pk_capsule *oldest(struct pk_capsules *t) {
    struct pk_capsule *found = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        struct pk_capsule *c = &t->rows[i];
        if (c->number != 0 && (found == NULL || c->turn < found->turn)) {
            found = c;
        }
    }
    return found;
}

struct pk_capsule *pk_capsules_surplus(struct pk_capsules *t) {
    uint64_t bytes = t->budget_bytes; /* the new one may need all of it */
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        bytes += t->rows[i].number != 0 ? t->rows[i].used_bytes : 0;
    }
    return bytes > t->store_bytes || find_free(t) == NULL ? oldest(t) : NULL;
}

void pk_capsules_evict(struct pk_capsules *t, struct pk_capsule *c) {
    PK_ASSERT(c->number != 0);
    t->evicted_count++;
    c->number = 0;
}

/* The text stays as it is: pages nobody wrote are not resident. */
struct pk_capsule *pk_capsules_begin(struct pk_capsules *t, uint32_t number) {
    struct pk_capsule *c = find_free(t);
    if (c == NULL) {
        return NULL;
    }
    c->number = number;
    c->turn = ++t->turn;
    c->used_bytes = c->stored_bytes = c->cut_count = 0;
    c->piece_count = c->upload = c->acked_count = 0;
    c->is_done = c->is_unsaved = false;
    return c;
}

struct pk_capsule *pk_capsules_find(struct pk_capsules *t, uint32_t number) {
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        if (t->rows[i].number == number && number != 0) {
            return &t->rows[i];
        }
    }
    return NULL;
}

bool pk_capsule_add(struct pk_capsules *t, struct pk_capsule *c, enum pk_capsule_part part,
                    struct pk_str line) {
    const uint32_t mark = t->budget_bytes / 100u * PARTS[part].mark_pct;
    if (c->used_bytes >= mark || line.n + 1u > mark - c->used_bytes) {
        c->cut_count++;
        return false;
    }
    memcpy(c->text + c->used_bytes, line.p, line.n);
    c->text[c->used_bytes + line.n] = '\n';
    c->used_bytes += line.n + 1u;
    return true;
}

struct pk_str pk_capsule_piece(const struct pk_capsule *c, bool is_flush) {
    const uint32_t waiting = c->used_bytes - c->stored_bytes;
    const bool is_due = waiting >= PK_CAPSULE_PIECE_BYTES || (is_flush && waiting > 0);
    const uint32_t n = waiting < PK_CAPSULE_PIECE_BYTES ? waiting : PK_CAPSULE_PIECE_BYTES;
    return pk_str_make(c->text + c->stored_bytes, is_due && c->piece_count < PK_CAPSULE_PIECES_MAX ? n : 0);
}

/* The end line is how a whole one is told from one that a stop cut off. */
static bool has_end(const struct pk_capsule *c) {
    static const char END[] = "{\"part\":\"end\"";
    uint32_t at = c->used_bytes;
    if (at == 0 || c->text[at - 1u] != '\n') {
        return false;
    }
    for (at--; at > 0 && c->text[at - 1u] != '\n'; at--) {
    }
    return pk_str_starts(pk_str_make(c->text + at, c->used_bytes - at), END);
}

int pk_capsules_restore(struct pk_capsules *t, uint32_t number, uint8_t piece_index, struct pk_str piece) {
    struct pk_capsule *c = pk_capsules_find(t, number);
    if (c == NULL && piece_index == 0 && number != 0) {
        c = pk_capsules_begin(t, number);
    }
    if (c == NULL || piece_index != c->piece_count || piece.n > sizeof c->text - c->used_bytes) {
        return PK_E_BAD_MSG;
    }
    memcpy(c->text + c->used_bytes, piece.p, piece.n);
    c->used_bytes += piece.n;
    c->stored_bytes = c->used_bytes;
    c->piece_count++;
    c->is_done = has_end(c);
    return PK_OK;
}

/* ---- for the hub ---- */

struct pk_str pk_capsule_text(const struct pk_capsule *c) {
    uint32_t n = c->used_bytes;
    while (n > 0 && c->text[n - 1u] != '\n') {
        n--;
    }
    return pk_str_make(c->text, n);
}

struct pk_str pk_capsule_chunk(const struct pk_capsule *c, uint32_t from_byte) {
    const struct pk_str text = pk_capsule_text(c);
    PK_ASSERT(from_byte <= text.n);
    uint32_t n = (uint32_t)text.n - from_byte;
    if (n > PK_CAPSULE_CHUNK_BYTES) {
        n = PK_CAPSULE_CHUNK_BYTES;
        while (n > 0 && text.p[from_byte + n - 1u] != '\n') {
            n--;
        }
        n = n > 0 ? n : PK_CAPSULE_CHUNK_BYTES; /* no line of ours is so long */
    }
    return pk_str_make(text.p + from_byte, n);
}

uint32_t pk_capsule_chunk_count(const struct pk_capsule *c) {
    uint32_t count = 0;
    struct pk_str chunk = pk_capsule_chunk(c, 0);
    for (uint32_t at = 0; chunk.n > 0; chunk = pk_capsule_chunk(c, at)) {
        at += (uint32_t)chunk.n;
        count++;
    }
    return count;
}

struct pk_str pk_capsule_nth_chunk(const struct pk_capsule *c, uint32_t n) {
    struct pk_str chunk = pk_capsule_chunk(c, 0);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n && chunk.n > 0; i++) {
        at += (uint32_t)chunk.n;
        chunk = pk_capsule_chunk(c, at);
    }
    return chunk;
}

void pk_capsule_progress(const struct pk_capsule *c, char out[PK_CAPSULE_PROGRESS_BYTES]) {
    out[0] = (char)c->upload;
    out[1] = (char)c->acked_count;
}

int pk_capsules_restore_progress(struct pk_capsules *t, uint32_t number, struct pk_str progress) {
    struct pk_capsule *c = pk_capsules_find(t, number);
    if (c == NULL || progress.n != PK_CAPSULE_PROGRESS_BYTES ||
        (uint8_t)progress.p[0] >= PK_CAPSULE_UPLOAD_COUNT ||
        (uint8_t)progress.p[1] > pk_capsule_chunk_count(c)) {
        return PK_E_BAD_MSG;
    }
    c->upload = (uint8_t)progress.p[0];
    c->acked_count = (uint8_t)progress.p[1];
    return PK_OK;
}
