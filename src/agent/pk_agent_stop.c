/* Reboot story (DESIGN 9): why what ran before ended. */
#include "agent/pk_agent_priv.h"
#include "event/pk_textring.h"

static struct pk_stop_facts facts_of(const struct pk_agent *a) {
    const struct pk_agent_start *s = &a->start;
    return (struct pk_stop_facts){.kernel_boot = s->kernel_boot,
                                  .kernel_boot_before = a->meta.kernel_boot,
                                  .was_clean = a->meta.is_clean,
                                  .was_hung = s->was_hung,
                                  .has_watchdog_fired = s->has_watchdog_fired,
                                  .is_trace_new = s->trace_crc != 0 && s->trace_crc != a->meta.trace_crc,
                                  .trace = s->trace,
                                  .exit_status = s->last_exit,
                                  .oom_kill_count = s->oom_kill_count,
                                  .alive_wall_ms = a->meta.wall_floor_ms,
                                  .line = s->trace_line};
}

static void offer_event(struct pk_agent *a, bool is_machine, struct pk_str story) {
    struct pk_event_in *in = &a->event_in;
    if (pk_event_sample("unexpected_restart", is_machine ? "kernel" : "picketd", 1.0, PK_OK, in) < 0) {
        return;
    }
    in->severity = PK_SEV_HIGH;
    in->message_bytes = (uint16_t)pk_str_copy_cut(story, in->message, sizeof in->message);
    pk_agent_offer(a);
}

/* What a finding counted does not say why: the words of its last event do, also those of a log. */
void pk_agent_put_story(struct pk_agent *a, uint32_t incident, uint32_t event_number) {
    const struct pk_event *e = NULL;
    for (uint32_t age = 0; (e = pk_history_at(&a->history, age)) != NULL && e->number != event_number;) {
        age++;
    }
    struct pk_str rest = e != NULL ? pk_textring_message(&a->intake.text, e) : pk_str_make(NULL, 0);
    while (rest.n > 0) {
        const uint32_t n = rest.n < PK_TIMELINE_TEXT_BYTES ? rest.n : PK_TIMELINE_TEXT_BYTES - 1u;
        pk_incidents_remark(&a->incidents, incident, PK_TL_CAUSE, PK_TL_BY_AGENT, pk_str_make(rest.p, n),
                            &a->now);
        rest = pk_str_make(rest.p + n, rest.n - n);
    }
}

void pk_agent_tell_stop(struct pk_agent *a) {
    const struct pk_stop_facts f = facts_of(a);
    char text[PK_STOP_STORY_BYTES];
    struct pk_buf b;
    bool is_machine = false;
    const enum pk_stop stop = pk_stop_of(&f, &is_machine);
    pk_buf_init(&b, text, sizeof text);
    pk_stop_story(&f, stop, is_machine, &b);
    const struct pk_str story = pk_buf_str(&b);
    pk_agent_note_start(a, stop == PK_STOP_UNKNOWN ? pk_str_make(NULL, 0) : story);
    if (a->start.kernel_boot != 0) {
        a->meta.kernel_boot = a->start.kernel_boot;
        a->meta.trace_crc = a->start.trace_crc;
    }
    a->meta.is_clean = false; /* the mark is spent */
    a->is_meta_dirty = true;
    if (stop == PK_STOP_UNKNOWN) {
        return;
    }
    pk_agent_log1(a, PK_LOG_NOTICE, "the last stop", story);
    pk_agent_audit(a, 0, "boot", "agent", story);
    if (pk_stop_is_unexpected(stop)) {
        offer_event(a, is_machine, story);
    }
}
