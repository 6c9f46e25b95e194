#include "ctl/pk_ctl_pages.h"

#include <string.h>

#include "base/pk_time.h"

void pk_ctl_pages_init(struct pk_ctl *c, struct pk_ctl_pages *p, struct pk_str filter, const char *before) {
    struct pk_buf b;
    memset(p, 0, sizeof *p);
    p->of = (struct pk_ctl_pages_of){PK_CMD_INCIDENTS_LIST, "incidents", "incident_id"};
    p->has_more = true;
    p->rows = PK_CTL_PAGE_ROWS;
    (void)pk_str_copy_cut(pk_str_of(before != NULL ? before : ""), p->before, sizeof p->before);
    pk_buf_init(&b, p->filter, sizeof p->filter);
    if (filter.n > 2) { /* more than {} */
        pk_buf_put(&b, filter.p + 1, filter.n - 2);
        pk_buf_putc(&b, ',');
    }
    if (b.is_cut) {
        p->exit_code = pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
}

bool pk_ctl_pages_has_more(const struct pk_ctl_pages *p) {
    struct pk_ctl_walk rest = p->walk;
    struct pk_ctl_value row;
    return p->has_more || (p->is_open && pk_ctl_walk_next(&rest, &row));
}

void pk_ctl_pages_free(struct pk_ctl_pages *p) {
    pk_ctl_text_free(&p->page);
}

static bool take_page(struct pk_ctl *c, struct pk_ctl_pages *p) {
    struct pk_buf b;
    struct pk_str result;
    pk_buf_init(&b, c->args_json, sizeof c->args_json);
    pk_buf_putc(&b, '{');
    pk_buf_puts(&b, p->filter);
    pk_buf_puts(&b, "\"limit\":");
    pk_buf_put_u64(&b, p->rows);
    if (p->before[0] != '\0') {
        pk_buf_puts(&b, ",\"before\":\"");
        pk_buf_puts(&b, p->before);
        pk_buf_putc(&b, '"');
    }
    pk_buf_putc(&b, '}');
    p->exit_code = pk_ctl_ask_or_fail(c, p->of.cmd, pk_buf_str(&b), &result);
    if (p->exit_code != 0) {
        return false;
    }
    const struct pk_ctl_value rows = pk_ctl_member(result, p->of.list);
    p->page.n = 0;
    pk_ctl_text_put_str(&p->page, rows.kind == PK_JSON_ARRAY ? rows.json : pk_str_of("[]"));
    p->has_more = pk_ctl_is_true(pk_ctl_member(result, "more"));
    pk_ctl_walk_init(&p->walk, pk_ctl_text_str(&p->page));
    p->is_open = true;
    return true;
}

bool pk_ctl_pages_next(struct pk_ctl *c, struct pk_ctl_pages *p, struct pk_str *out_row) {
    struct pk_ctl_value row;
    while (p->exit_code == 0) {
        if (p->is_open && pk_ctl_walk_next(&p->walk, &row)) {
            const struct pk_str id = pk_ctl_word(pk_ctl_member(row.json, p->of.id));
            /* A page that leads nowhere must not be asked for again. */
            p->has_more = p->has_more && id.n > 0 && !pk_str_eq_c(id, p->before);
            (void)pk_str_copy_cut(id, p->before, sizeof p->before);
            *out_row = row.json;
            return true;
        }
        if (!p->has_more) {
            return false;
        }
        p->has_more = false;
        if (!take_page(c, p)) {
            return false;
        }
        /* An empty page is the last one, whatever it says. */
        struct pk_ctl_walk first = p->walk;
        p->has_more = p->has_more && pk_ctl_walk_next(&first, &row);
    }
    return false;
}

int pk_ctl_take_since(struct pk_ctl *c, bool *out_has, uint64_t *out_ms) {
    const char *since = pk_ctl_args_text(&c->args, "since");
    *out_has = since != NULL;
    *out_ms = 0;
    if (since != NULL && pk_parse_duration_ms(pk_str_of(since), out_ms) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "--since takes a time such as 24h or 7d, not '{}'",
                           pk_str_of(since));
    }
    return 0;
}

bool pk_ctl_row_is_recent(const struct pk_ctl *c, struct pk_str row, uint64_t since_ms) {
    uint64_t age_ms = 0;
    int64_t at_ms = 0;
    if (pk_ctl_seconds_ms(pk_ctl_member(row, "age_seconds"), &age_ms)) {
        return age_ms <= since_ms;
    }
    return pk_time_parse(pk_ctl_word(pk_ctl_member(row, "detected_at")), &at_ms) == PK_OK &&
           (c->look.now_ms < at_ms || (uint64_t)(c->look.now_ms - at_ms) <= since_ms);
}
