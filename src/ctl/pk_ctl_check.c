/* `check`: the agent as seen by a monitoring system that speaks the Nagios plugin convention. */
#include "base/pk_severity.h"
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

enum state { STATE_OK, STATE_WARNING, STATE_CRITICAL, STATE_UNKNOWN };
static const char *const WORDS[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
/* CONVENTIONS E.7 */
static const enum state OF_SEVERITY[PK_SEV_COUNT] = {
    [PK_SEV_INFO] = STATE_OK,       [PK_SEV_LOW] = STATE_WARNING,       [PK_SEV_MEDIUM] = STATE_WARNING,
    [PK_SEV_HIGH] = STATE_CRITICAL, [PK_SEV_CRITICAL] = STATE_CRITICAL,
};

struct check {
    enum state state;
    struct pk_ctl_text text, perf;
};

static void worsen(struct check *k, enum state state) {
    k->state = state > k->state ? state : k->state;
}

static void say(struct check *k, const char *words) {
    pk_ctl_text_puts(&k->text, k->text.n > 0 ? ", " : "");
    pk_ctl_text_puts(&k->text, words);
}

/* The '|' starts the figures, so no foreign text may bring one. */
static void no_bars(struct pk_ctl_text *t, size_t from) {
    for (size_t i = from; i < t->n; i++) {
        t->p[i] = t->p[i] == '|' ? '/' : t->p[i];
    }
}

static void say_foreign(struct check *k, struct pk_ctl_value v) {
    const size_t from = k->text.n;
    pk_ctl_put_value(&k->text, v, false);
    no_bars(&k->text, from);
}

static void perf(struct check *k, const char *label, struct pk_ctl_value v, const char *unit) {
    pk_ctl_text_puts(&k->perf, k->perf.n > 0 ? " " : "");
    pk_ctl_text_puts(&k->perf, label);
    pk_ctl_text_putc(&k->perf, '=');
    const uint64_t number = pk_ctl_u64(v, UINT64_MAX);
    if (number == UINT64_MAX) {
        /* The convention's word for a figure that is not known: nobody may take it for none. */
        pk_ctl_text_putc(&k->perf, 'U');
        return;
    }
    pk_ctl_text_put_u64(&k->perf, number);
    pk_ctl_text_puts(&k->perf, unit);
}

static void judge_status(struct check *k, struct pk_str status) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value link;
    const struct pk_ctl_value store = pk_ctl_member(status, "store.state");
    const struct pk_ctl_value active = pk_ctl_member(status, "incidents.active");
    if (pk_ctl_u64(active, UINT64_MAX) == UINT64_MAX) {
        worsen(k, STATE_UNKNOWN);
        pk_ctl_text_puts(&k->text, "the agent does not say how many incidents are active");
    } else {
        pk_ctl_text_put_u64(&k->text, pk_ctl_u64(active, 0));
        pk_ctl_text_puts(&k->text, " active incidents");
    }
    pk_ctl_walk_init(&walk, pk_ctl_member(status, "links").json);
    while (pk_ctl_walk_next(&walk, &link)) {
        const struct pk_ctl_value state = pk_ctl_member(link.json, "state");
        if (pk_str_eq_c(pk_ctl_word(state), "online")) {
            continue;
        }
        worsen(k, STATE_WARNING);
        say(k, "link ");
        say_foreign(k, pk_ctl_member(link.json, "name"));
        pk_ctl_text_putc(&k->text, ' ');
        say_foreign(k, state);
    }
    if (store.kind != PK_JSON_END && !pk_str_eq_c(pk_ctl_word(store), "ok")) {
        worsen(k, STATE_WARNING);
        say(k, "store ");
        say_foreign(k, store);
    }
    perf(k, "active", pk_ctl_member(status, "incidents.active"), "");
    perf(k, "events", pk_ctl_member(status, "events.taken"), "c");
    perf(k, "lost", pk_ctl_member(status, "events.lost"), "c");
    perf(k, "outbox", pk_ctl_member(status, "store.outbox"), "");
}

/* The first that is no fire drill, of which there is at most one. */
static bool take_real(struct pk_str list, struct pk_ctl_value *out) {
    struct pk_ctl_walk walk;
    pk_ctl_walk_init(&walk, list);
    while (pk_ctl_walk_next(&walk, out)) {
        if (!pk_ctl_is_true(pk_ctl_member(out->json, "drill"))) {
            return true;
        }
    }
    return false;
}

/* The newest of the worst: asked for by falling severity until there is one. False: the agent did not answer.
 */
static bool judge_incidents(struct pk_ctl *c, struct check *k, struct pk_ctl_answer *answer) {
    static const char *const ARGS[PK_SEV_COUNT] = {
        [PK_SEV_INFO] = "{\"status\":\"active\",\"severity\":\"info\",\"limit\":2}",
        [PK_SEV_LOW] = "{\"status\":\"active\",\"severity\":\"low\",\"limit\":2}",
        [PK_SEV_MEDIUM] = "{\"status\":\"active\",\"severity\":\"medium\",\"limit\":2}",
        [PK_SEV_HIGH] = "{\"status\":\"active\",\"severity\":\"high\",\"limit\":2}",
        [PK_SEV_CRITICAL] = "{\"status\":\"active\",\"severity\":\"critical\",\"limit\":2}",
    };
    for (int s = PK_SEV_COUNT - 1; s >= 0; s--) {
        struct pk_ctl_value row;
        pk_ctl_ask(c, PK_CMD_INCIDENTS_LIST, pk_str_of(ARGS[s]), answer);
        if (answer->exit_code != 0) {
            return false;
        }
        if (!take_real(pk_ctl_member(answer->result, "incidents").json, &row)) {
            continue;
        }
        worsen(k, OF_SEVERITY[s]);
        say(k, "worst ");
        say_foreign(k, pk_ctl_member(row.json, "title"));
        pk_ctl_text_puts(&k->text, " (");
        say_foreign(k, pk_ctl_member(row.json, "incident_id"));
        pk_ctl_text_putc(&k->text, ')');
        break;
    }
    return true;
}

/* An agent that is not there or hangs watches nothing; an answer we cannot read says nothing. */
static enum state state_of_silence(int exit_code) {
    return exit_code == pk_err_exit_code(PK_E_UNREACHABLE) || exit_code == pk_err_exit_code(PK_E_TIMEOUT)
               ? STATE_CRITICAL
               : STATE_UNKNOWN;
}

/* One line, and frees. */
static void put_line(struct pk_ctl *c, struct check *k) {
    pk_ctl_text_puts(&c->out, WORDS[k->state]);
    pk_ctl_text_puts(&c->out, " - ");
    pk_ctl_text_put_str(&c->out, pk_ctl_text_str(&k->text));
    if (k->perf.n > 0) {
        pk_ctl_text_puts(&c->out, " | ");
        pk_ctl_text_put_str(&c->out, pk_ctl_text_str(&k->perf));
    }
    pk_ctl_text_putc(&c->out, '\n');
    pk_ctl_text_free(&k->text);
    pk_ctl_text_free(&k->perf);
}

int pk_ctl_check_usage(struct pk_ctl *c, const char *why) {
    struct check k = {.state = STATE_UNKNOWN};
    pk_ctl_text_put_safe(&k.text, pk_str_of(why), false);
    no_bars(&k.text, 0);
    put_line(c, &k);
    return (int)k.state;
}

int pk_ctl_do_check(struct pk_ctl *c) {
    struct check k = {.state = STATE_OK};
    struct pk_ctl_answer answer;
    pk_ctl_ask(c, PK_CMD_STATUS, pk_str_of("{}"), &answer);
    bool is_answered = answer.exit_code == 0;
    if (is_answered) {
        judge_status(&k, answer.result);
        is_answered = judge_incidents(c, &k, &answer);
    }
    if (!is_answered) {
        k.state = state_of_silence(answer.exit_code);
        k.text.n = k.perf.n = 0;
        pk_ctl_text_puts(&k.text, answer.why);
        no_bars(&k.text, 0);
    }
    put_line(c, &k);
    return k.state < STATE_UNKNOWN && is_answered && pk_ctl_args_has(&c->args, "report") ? 0 : (int)k.state;
}
