/* Calls for help: on the incident, in the log, and by the hook root made (REQUIREMENTS S0-53, S0-54, S2-16).
 */
#include "agent/pk_agent_priv.h"
#include "incident/pk_escalation.h"

struct pk_str pk_agent_response_team(const struct pk_agent *a, const struct pk_incident *i) {
    return pk_str_of(a->config.response_team[i->severity]);
}

static void say_notified(struct pk_agent *a, const struct pk_run *run) {
    const struct pk_incident *i = pk_incidents_get(&a->incidents, run->incident);
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    if (i == NULL) {
        return;
    }
    const struct pk_str team = pk_agent_response_team(a, i);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "for the team");
    if (team.n > 0) {
        pk_buf_puts(&b, " (");
        pk_buf_put_str(&b, team);
        pk_buf_putc(&b, ')');
    }
    pk_buf_puts(&b, ", by ");
    pk_buf_puts(&b, run->requested_by);
    pk_incidents_remark(&a->incidents, run->incident, PK_TL_ESCALATED, PK_TL_BY_ACTION, pk_buf_str(&b),
                        &a->now);
    pk_agent_log1(a, PK_LOG_NOTICE, "team notified", pk_str_of(i->id));
}

void pk_agent_call(struct pk_agent *a, const struct pk_run *run) {
    if (!pk_str_eq_c(pk_str_of("escalate"), run->action)) {
        say_notified(a, run);
        return;
    }
    const int err =
        pk_incidents_escalate(&a->incidents, run->incident, run->is_manual ? PK_ESC_PERSON : PK_ESC_RULE,
                              pk_str_of(run->requested_by), &a->now);
    if (err == PK_E_FULL) {
        pk_incidents_remark(&a->incidents, run->incident, PK_TL_ESCALATED, PK_TL_BY_ACTION,
                            pk_str_of("asked for again; the last tier was called already"), &a->now);
    }
}

static void tell(struct pk_agent *a, const struct pk_incident *i) {
    char text[PK_INC_ID_BYTES + PK_CONFIG_TEAM_BYTES + 64];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, i->id);
    pk_buf_puts(&b, ", tier ");
    pk_buf_put_u64(&b, i->escalation_tier);
    pk_buf_puts(&b, ", ");
    pk_buf_puts(&b, pk_escalation_reason_word(i->escalation_reason));
    pk_agent_log1(a, PK_LOG_WARNING, "escalated", pk_buf_str(&b));
}

void pk_agent_escalations(struct pk_agent *a) {
    uint32_t number = 0;
    while ((number = pk_incidents_next_escalation(&a->incidents)) != 0) {
        tell(a, pk_incidents_get(&a->incidents, number));
        const int err = pk_respond_hook(&a->respond, number, pk_str_of("escalate"), &a->now);
        if (err < 0 && err != PK_E_NOT_FOUND) {
            pk_incidents_remark(
                &a->incidents, number, PK_TL_ESCALATED, PK_TL_BY_AGENT,
                pk_str_of(err == PK_E_CONFLICT ? "the hook still runs" : "no room to run the hook"), &a->now);
        }
    }
}
