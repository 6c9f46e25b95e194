/* `explain states`: the table of states and the words for them, from the const tables themselves. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_views.h"
#include "incident/pk_incident_fsm.h"
#include "incident/pk_incident_words.h"

static void put_effects(struct pk_json_writer *w, uint8_t effects) {
    char text[160];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (unsigned bit = 0; bit < 8; bit++) {
        if ((effects >> bit & 1u) != 0) {
            pk_buf_puts(&b, b.n > 0 ? " " : "");
            pk_buf_puts(&b, pk_incident_effect_word((uint8_t)(1u << bit)));
        }
    }
    pk_jw_cstr(w, "effects", text);
}

enum { ROW_BYTES = 480 };

/* One row of a list; the writer lives in `row`. */
struct row {
    char bytes[ROW_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
};

static struct pk_json_writer *begin_row(struct row *r) {
    pk_buf_init(&r->b, r->bytes, sizeof r->bytes);
    pk_jw_init(&r->w, &r->b);
    pk_jw_object(&r->w, NULL);
    return &r->w;
}

static void end_row(struct row *r, struct pk_ctl_text *t) {
    pk_jw_object_end(&r->w);
    pk_ctl_text_puts(t, t->p[t->n - 1] == '[' ? "" : ",");
    pk_ctl_text_put_str(t, pk_buf_str(&r->b));
}

static void put_cell(struct pk_ctl_text *t, uint8_t status, enum pk_incident_event event) {
    struct pk_incident_cell cell;
    struct row row;
    struct pk_json_writer *w = begin_row(&row);
    const bool is_legal = pk_incident_fsm_next(status, event, &cell) == PK_OK;
    pk_jw_cstr(w, "status", pk_incident_status_word(status));
    pk_jw_cstr(w, "event", pk_incident_event_word(event));
    pk_jw_cstr(w, "becomes", is_legal ? pk_incident_status_word(cell.status) : "(refused)");
    pk_jw_cstr(w, "stage",
               !is_legal          ? ""
               : cell.keeps_stage ? "(stays)"
                                  : pk_incident_stage_word(cell.stage));
    put_effects(w, is_legal ? cell.effects : 0);
    end_row(&row, t);
}

static void put_states(struct pk_ctl_text *t) {
    pk_ctl_text_puts(t, "{\"states\":[");
    for (uint8_t status = 0; status < PK_INC_STATUS_COUNT; status++) {
        for (unsigned event = 0; event < PK_INC_EVENT_COUNT; event++) {
            put_cell(t, status, (enum pk_incident_event)event);
        }
    }
    pk_ctl_text_puts(t, "]}");
}

static void put_words(struct pk_ctl_text *t) {
    static const char *const KINDS[] = {[PK_WORD_STATUS] = "status",
                                        [PK_WORD_STAGE] = "stage",
                                        [PK_WORD_ALIAS] = "other word",
                                        [PK_WORD_ACKED] = "flag acked",
                                        [PK_WORD_FILTER] = "filter"};
    uint32_t count = 0;
    const struct pk_incident_word *words = pk_incident_words(&count);
    pk_ctl_text_puts(t, "{\"words\":[");
    for (uint32_t i = 0; i < count; i++) {
        const bool has_meaning = words[i].kind <= PK_WORD_ALIAS;
        struct row row;
        struct pk_json_writer *w = begin_row(&row);
        pk_jw_cstr(w, "word", words[i].word);
        pk_jw_cstr(w, "kind", KINDS[words[i].kind]);
        pk_jw_cstr(w, "status", has_meaning ? pk_incident_status_word(words[i].status) : "");
        pk_jw_cstr(w, "stage", has_meaning ? pk_incident_stage_word(words[i].stage) : "");
        end_row(&row, t);
    }
    pk_ctl_text_puts(t, "]}");
}

int pk_ctl_do_explain_states(struct pk_ctl *c) {
    struct pk_ctl_text t = {0};
    const bool wants_words = pk_ctl_args_has(&c->args, "words");
    if (wants_words) {
        put_words(&t);
    } else {
        put_states(&t);
    }
    pk_ctl_show(c, wants_words ? &PK_CTL_VIEW_words : &PK_CTL_VIEW_states, pk_ctl_text_str(&t));
    pk_ctl_text_free(&t);
    return 0;
}
