/* The kept audit entries, a page at a time: the store answers a tick or more after it was asked, so who asks
 * is told that the page is being read, and asks again. */
#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"
#include "wire/pk_record.h"

enum { PAGE_RECORDS = 16, ENTRY_ROW_BYTES = PK_AUDIT_JSON_BYTES + 128 };

void pk_agent_audit_page(struct pk_agent *a) {
    const struct pk_port_store *s = &a->port->store;
    struct pk_agent_audit_page *p = &a->audit_page;
    struct pk_record_key from, to;
    if (p->state == PK_AUDIT_PAGE_READING) {
        const int count = s->fetched(s->ctx, &p->bytes);
        if (count == PK_E_AGAIN) {
            return;
        }
        p->state = count < 0 ? PK_AUDIT_PAGE_NONE : PK_AUDIT_PAGE_READY;
    }
    if (p->state != PK_AUDIT_PAGE_WANTED || a->is_trim_fetching || a->outbox.is_fetching) {
        return;
    }
    struct pk_store_fetch f = {.tree = PK_TREE_JOURNAL,
                               .max_records = PAGE_RECORDS,
                               .out = a->trim_bytes,
                               .out_cap_bytes = sizeof a->trim_bytes};
    pk_record_key_log(&from, p->after + 1);
    pk_record_key_log(&to, UINT64_MAX);
    for (uint32_t i = 0; i < from.n; i++) {
        f.from[i] = from.bytes[i];
    }
    for (uint32_t i = 0; i < to.n; i++) {
        f.to[i] = to.bytes[i];
    }
    f.from_bytes = (uint8_t)from.n;
    f.to_bytes = (uint8_t)to.n;
    if (s->fetch(s->ctx, &f) == PK_OK) {
        p->state = PK_AUDIT_PAGE_READING;
    }
}

static void put_hash(struct pk_json_writer *w, const char *key, const uint8_t hash[PK_SHA256_BYTES]) {
    char text[PK_SHA256_BYTES * 2 + 1];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_hex(&b, hash, PK_SHA256_BYTES);
    pk_jw_cstr(w, key, text);
}

/* The bytes that were hashed, as they are: who checks the chain needs exactly them. */
static void put_entries(struct pk_agent *a, struct pk_json_writer *w) {
    uint32_t at = 0;
    struct pk_str key, value;
    struct pk_log_record record;
    while (pk_fetch_next(a->trim_bytes, a->audit_page.bytes, &at, &key, &value) == PK_OK &&
           pk_agent_has_row_room(w, ENTRY_ROW_BYTES)) {
        if (pk_record_log_unpack(value, &record) < 0) {
            continue; /* the gap in the numbers says it */
        }
        pk_jw_object(w, NULL);
        pk_jw_u64(w, "n", record.n);
        put_hash(w, "hash", record.hash);
        pk_jw_raw(w, "entry", record.json);
        pk_jw_object_end(w);
    }
}

int pk_agent_audit_head(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "result");
    pk_jw_u64(w, "n", a->durable_head.n); /* as audit.list can give it */
    put_hash(w, "head", a->durable_head.hash);
    pk_jw_u64(w, "base_n", a->audit.base.n); /* trimmed up to here */
    put_hash(w, "base", a->audit.base.hash);
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_audit_list(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_agent_audit_page *p = &a->audit_page;
    const uint64_t after = pk_args_u64(&q->args, "after", a->audit.base.n);
    const bool is_ready = p->state == PK_AUDIT_PAGE_READY && p->after == after;
    pk_jw_object(w, "result");
    pk_jw_bool(w, "ready", is_ready);
    pk_jw_array(w, "entries");
    if (is_ready) {
        put_entries(a, w);
        p->state = PK_AUDIT_PAGE_NONE; /* asked again, it is read again: there may be more by then */
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    if (!is_ready && p->state != PK_AUDIT_PAGE_READING) {
        p->after = after;
        p->state = PK_AUDIT_PAGE_WANTED;
    }
    return PK_OK;
}
