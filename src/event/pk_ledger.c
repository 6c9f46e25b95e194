#include "event/pk_ledger.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"

static const char *const REASON_WORDS[PK_LOSS_COUNT] = {
    [PK_LOSS_RATE] = "rate",
    [PK_LOSS_DUPLICATE] = "duplicate",
    [PK_LOSS_INTAKE_FULL] = "intake_full",
    [PK_LOSS_TYPE_TABLE] = "type_table",
    [PK_LOSS_SOURCE_TABLE] = "source_table",
    [PK_LOSS_BAD_INPUT] = "bad_input",
    [PK_LOSS_OVERFLOW] = "overflow",
};

const char *pk_loss_reason_word(enum pk_loss_reason reason) {
    PK_ASSERT(reason < PK_LOSS_COUNT);
    return REASON_WORDS[reason];
}

void pk_ledger_init(struct pk_ledger *l) {
    pk_zero(l, sizeof *l);
}

static struct pk_loss *find(struct pk_ledger *l, uint16_t source_id, enum pk_loss_reason reason) {
    for (uint32_t i = 0; i < l->count; i++) {
        struct pk_loss *entry = &l->entries[i];
        if (entry->source_id == source_id && entry->reason == (uint8_t)reason) {
            return entry;
        }
    }
    return NULL;
}

static struct pk_loss *open_entry(struct pk_ledger *l, uint16_t source_id, enum pk_loss_reason reason,
                                  uint64_t now_ms) {
    struct pk_loss *entry = &l->entries[l->count];
    memset(entry, 0, sizeof *entry);
    entry->source_id = source_id;
    entry->reason = (uint8_t)reason;
    entry->first_ms = now_ms;
    l->count++;
    if (l->count > l->high) {
        l->high = l->count;
    }
    return entry;
}

/* One slot for each reason is held back, so that a loss always finds an entry of its reason. */
static struct pk_loss *entry_for(struct pk_ledger *l, uint16_t *source_id, enum pk_loss_reason reason,
                                 uint64_t now_ms) {
    struct pk_loss *entry = find(l, *source_id, reason);
    if (entry != NULL) {
        return entry;
    }
    if (l->count + PK_LOSS_COUNT < PK_LIMIT_LEDGER) {
        return open_entry(l, *source_id, reason, now_ms);
    }
    l->merged_count++;
    *source_id = PK_LEDGER_NO_SOURCE;
    entry = find(l, *source_id, reason);
    return entry != NULL ? entry : open_entry(l, *source_id, reason, now_ms);
}

void pk_ledger_add(struct pk_ledger *l, uint16_t source_id, enum pk_loss_reason reason, uint32_t sequence,
                   uint64_t now_ms) {
    PK_ASSERT(reason < PK_LOSS_COUNT);
    l->total[reason]++;
    struct pk_loss *entry = entry_for(l, &source_id, reason, now_ms);
    entry->count++;
    entry->last_ms = now_ms;
    if (sequence == 0 || source_id == PK_LEDGER_NO_SOURCE) {
        return;
    }
    if (entry->from == 0 || sequence < entry->from) {
        entry->from = sequence;
    }
    if (sequence > entry->to) {
        entry->to = sequence;
    }
}

void pk_ledger_add_many(struct pk_ledger *l, uint16_t source_id, enum pk_loss_reason reason, uint64_t count,
                        uint64_t now_ms) {
    PK_ASSERT(reason < PK_LOSS_COUNT);
    if (count == 0) {
        return;
    }
    l->total[reason] += count;
    struct pk_loss *entry = entry_for(l, &source_id, reason, now_ms);
    entry->count += count;
    entry->last_ms = now_ms;
}

void pk_ledger_forget(struct pk_ledger *l, uint16_t source_id) {
    for (uint32_t i = 0; i < l->count; i++) {
        struct pk_loss *entry = &l->entries[i];
        if (entry->source_id == source_id) {
            entry->source_id = PK_LEDGER_NO_SOURCE;
            entry->from = entry->to = 0;
        }
    }
}

const struct pk_loss *pk_ledger_at(const struct pk_ledger *l, uint32_t index) {
    return index < l->count ? &l->entries[index] : NULL;
}

void pk_ledger_said(struct pk_ledger *l, uint32_t count) {
    PK_ASSERT(count <= l->count);
    for (uint32_t i = 0; i < l->count; i++) {
        struct pk_loss *entry = &l->entries[i];
        const uint32_t all = entry->count < UINT32_MAX ? (uint32_t)entry->count : UINT32_MAX;
        entry->said_count = i < count ? all : 0;
    }
}

/* The range of what is left is not known: it stays the one of all, within which others may have been taken.
 */
void pk_ledger_drop_said(struct pk_ledger *l) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        struct pk_loss entry = l->entries[i];
        entry.count -= entry.said_count;
        entry.said_count = 0;
        if (entry.count > 0) {
            l->entries[kept++] = entry;
        }
    }
    l->count = kept;
}

uint64_t pk_ledger_total(const struct pk_ledger *l) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PK_LOSS_COUNT; i++) {
        sum += l->total[i];
    }
    return sum;
}
