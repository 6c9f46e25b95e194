/* `simulate`: events of one kind, evenly spread over a time, through the engine. The clock begins at a fixed
 * moment, so that the same words give the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_time.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_recorded.h"

enum { COMPONENTS_MAX = 64, EVENTS_MAX = 1000000, EVENTS = 20, SPAN_MS = 60000 };

struct simulate {
    struct pk_ctl *c;
    struct pk_ctl_rules rules;
    struct pk_ctl_lab *lab; /* NULL: events are shown */
    struct pk_event_in event, given;
    struct pk_str components[COMPONENTS_MAX];
    uint32_t component_count;
    uint64_t event_count, span_ms;
};

static int take_components(struct simulate *s) {
    const char *text = pk_ctl_args_text(&s->c->args, "components");
    struct pk_str rest = pk_str_of(text != NULL ? text : "simulation"), piece;
    while (pk_str_split(&rest, ',', &piece)) {
        piece = pk_str_trim(piece);
        if (!pk_intern_is_name(piece)) {
            return pk_ctl_fail(s->c, PK_E_USAGE, "a component is 1 to 64 of A-Z a-z 0-9 _ . : @ -, not '{}'",
                               piece);
        }
        if (s->component_count == COMPONENTS_MAX) {
            return pk_ctl_fail(s->c, PK_E_USAGE, "more than 64 components", piece);
        }
        s->components[s->component_count++] = piece;
    }
    return 0;
}

static int take_event(struct simulate *s) {
    const struct pk_ctl_args *args = &s->c->args;
    const struct pk_str type = pk_str_of(pk_ctl_args_text(args, "type"));
    const char *severity = pk_ctl_args_text(args, "severity"), *value = pk_ctl_args_text(args, "value");
    enum pk_severity level = PK_SEV_HIGH;
    if (!pk_intern_is_name(type)) {
        return pk_ctl_fail(s->c, PK_E_USAGE, "--type is 1 to 64 of A-Z a-z 0-9 _ . : @ -, not '{}'", type);
    }
    if (severity != NULL && pk_severity_parse(pk_str_of(severity), &level) != PK_OK) {
        return pk_ctl_fail(s->c, PK_E_USAGE, "--severity is info, low, medium, high or critical, not '{}'",
                           pk_str_of(severity));
    }
    if (value != NULL && pk_parse_double(pk_str_of(value), &s->event.value) != PK_OK) {
        return pk_ctl_fail(s->c, PK_E_USAGE, "--value takes a number, not '{}'", pk_str_of(value));
    }
    s->event.has_value = value != NULL;
    s->event.severity = (uint8_t)level;
    s->event.has_time = s->event.is_local = true;
    s->event.message_bytes =
        (uint16_t)pk_str_copy_cut(pk_str_of("simulated"), s->event.message, sizeof s->event.message);
    (void)pk_str_copy_cut(type, s->event.type, sizeof s->event.type);
    return 0;
}

static int take_numbers(struct simulate *s) {
    const char *span = pk_ctl_args_text(&s->c->args, "time-span");
    s->event_count = pk_ctl_args_u64(&s->c->args, "event-count", EVENTS);
    s->span_ms = SPAN_MS;
    if (s->event_count == 0 || s->event_count > EVENTS_MAX) {
        return pk_ctl_fail(s->c, PK_E_USAGE, "--event-count is 1 to 1000000", pk_str_make(NULL, 0));
    }
    if (span != NULL && (pk_parse_duration_ms(pk_str_of(span), &s->span_ms) != PK_OK ||
                         s->span_ms > UINT64_C(365) * 86400000u)) {
        return pk_ctl_fail(s->c, PK_E_USAGE, "--time-span takes a time up to 365d, not '{}'",
                           pk_str_of(span));
    }
    return 0;
}

static void run_events(struct simulate *s) {
    const int64_t start_ms = pk_time_from_civil(2026, 1, 1, 0, 0, 0);
    const uint64_t gaps = s->event_count > 1u ? s->event_count - 1u : 1u;
    for (uint64_t i = 0; i < s->event_count; i++) {
        s->event.wall_ms = start_ms + (int64_t)(s->span_ms * i / gaps);
        (void)pk_str_copy_cut(s->components[i % s->component_count], s->event.source, sizeof s->event.source);
        if (s->lab == NULL) {
            pk_ctl_recorded_put_event(s->c, &s->event);
            continue;
        }
        s->given = s->event;
        pk_ctl_lab_event(s->lab, &s->given);
    }
}

/* Nothing fired: which rules looked at the events, or that none did. */
static void put_why_not(struct simulate *s) {
    enum { NAMES_MAX = 8 };
    const struct pk_engine *e = &s->lab->engine;
    struct pk_ctl_text *err = &s->c->err;
    uint32_t count = 0;
    for (uint32_t i = 0; i < pk_engine_rule_count(e); i++) {
        const struct pk_rule *r = pk_engine_rule(e, i);
        if (pk_engine_rule_status(e, i)->evaluation_count == 0 || count++ >= NAMES_MAX) {
            continue;
        }
        pk_ctl_text_puts(err,
                         count == 1u ? "picketctl: no incident; rules that looked at the events: " : ", ");
        pk_ctl_text_put_safe(err, pk_engine_str(e, r, r->id), false);
    }
    pk_ctl_text_puts(err, count == 0          ? "picketctl: no rule listens to events of type "
                          : count > NAMES_MAX ? ", ..."
                                              : "");
    if (count == 0) {
        pk_ctl_text_put_safe(err, pk_str_of(s->event.type), false);
        pk_ctl_text_puts(err, " of these components with severity ");
        pk_ctl_text_puts(err, pk_severity_word((enum pk_severity)s->event.severity));
    }
    pk_ctl_text_putc(err, '\n');
}

static int run(struct simulate *s) {
    int exit_code = take_event(s);
    exit_code = exit_code != 0 ? exit_code : take_components(s);
    exit_code = exit_code != 0 ? exit_code : take_numbers(s);
    exit_code = exit_code != 0 ? exit_code : pk_ctl_recorded_rules(s->c, &s->rules);
    if (exit_code == 0 && !pk_ctl_args_has(&s->c->args, "as-events")) {
        exit_code = pk_ctl_recorded_lab(s->c, &s->rules, &s->lab);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    run_events(s);
    if (s->lab == NULL) {
        return 0;
    }
    pk_ctl_lab_finish(s->lab);
    if (s->lab->record_count == 0) {
        put_why_not(s);
    }
    for (uint32_t i = 0; i < s->lab->record_count; i++) {
        if (s->lab->records[i].number != 0) {
            pk_ctl_recorded_put_incident(s->c, &s->lab->records[i], NULL);
        }
    }
    return 0;
}

int pk_ctl_do_simulate(struct pk_ctl *c) {
    struct simulate *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    s->c = c;
    const int exit_code = run(s);
    pk_ctl_lab_close(s->lab);
    pk_ctl_recorded_rules_close(&s->rules);
    free(s);
    return exit_code;
}
