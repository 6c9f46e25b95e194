/* `doctor`: what is wrong with this installation, and what to do about it. */
#include <string.h>

#include "agent/pk_agent_priv.h"

static void finding(struct pk_json_writer *w, const char *check, const char *verdict, const char *what,
                    const char *cure) {
    pk_jw_object(w, NULL);
    pk_jw_cstr(w, "check", check);
    pk_jw_cstr(w, "verdict", verdict);
    pk_jw_cstr(w, "what", what);
    pk_jw_cstr(w, "cure", cure);
    pk_jw_object_end(w);
}

static void check_clock(const struct pk_agent *a, struct pk_json_writer *w) {
    if (a->now.quality >= PK_TIME_NTP) {
        finding(w, "clock", "ok", "the wall clock is good enough to judge signed commands", "");
    } else {
        finding(w, "clock", "warning",
                "the wall clock is not disciplined: signed commands are refused as clock_unsure",
                "start an NTP client, or say [agent] clock = trusted when another clock keeps it right");
    }
}

static void check_links(const struct pk_agent *a, struct pk_json_writer *w) {
    bool is_any = false;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const struct pk_link *l = &a->links[i];
        const char *name = i == 0 ? "broker site" : "broker central";
        if (!a->config.broker[i].is_set) {
            continue;
        }
        is_any = true;
        if (pk_link_is_online(l)) {
            finding(w, name, "ok", "connected", "");
        } else {
            finding(w, name, "error", l->error[0] != '\0' ? l->error : pk_link_state_word(l->state),
                    "check host, port, certificates and the broker's log; nothing is lost meanwhile");
        }
    }
    if (!is_any) {
        finding(w, "broker", "warning", "no [broker] section: nothing is reported to a hub",
                "add [broker central] to picketd.conf");
    }
}

static void check_store(const struct pk_agent *a, struct pk_json_writer *w) {
    struct pk_store_status s;
    a->port->store.status(a->port->store.ctx, &s);
    if (s.last_error != PK_OK) {
        finding(w, "store", "error", pk_err_text(s.last_error),
                "free space on the state folder's file system; storing goes on by itself");
    } else if (s.bad_value_count > 0) {
        finding(w, "store", "error",
                "stored records cannot be read; what may have been a limit holds as if it were reached",
                "look at the health of the flash. Budget: an hour after the start actions run again, and the "
                "next one writes it anew. Switch: say on or off again. Key: keys revoke. All else is lost, "
                "and deleted: the next start is in order");
    } else if (s.map_bytes > 0 && s.used_bytes * 10 > s.map_bytes * 9) {
        finding(w, "store", "warning", "more than 90 % of the store's map is used",
                "raise [store] map, or let the hub catch up");
    } else if (s.is_in_memory) {
        finding(
            w, "store", a->config.is_store_in_memory ? "ok" : "warning",
            "writing, in memory: it outlives the agent, but a reboot loses incidents, reports that wait, "
            "rules and "
            "keys made at run time and the audit",
            a->config.is_store_in_memory
                ? ""
                : "put [paths] state on a disk, or say [store] memory = yes where no flash may be written");
    } else {
        finding(w, "store", "ok",
                s.was_moved_aside ? "a damaged store was moved aside at the start" : "writing", "");
    }
}

static void check_seal(const struct pk_agent *a, struct pk_json_writer *w) {
    const uint32_t all = PK_SEAL_NO_NEW_PRIVS | PK_SEAL_SECCOMP | PK_SEAL_LANDLOCK;
    if ((a->start.seal_bits & all) == all) {
        finding(w, "seal", "ok", "no_new_privs, seccomp and Landlock hold", "");
    } else if ((a->start.seal_bits & PK_SEAL_SECCOMP) != 0) {
        finding(w, "seal", "warning", "the kernel has no Landlock: files are guarded by permissions alone",
                "a kernel of 5.13 or later with Landlock");
    } else {
        finding(w, "seal", "error", "the agent is not sealed",
                "a kernel with seccomp; seal = required refuses to run without");
    }
}

static void check_rules(const struct pk_agent *a, struct pk_json_writer *w) {
    uint32_t fault = 0, enabled = 0;
    for (uint32_t i = 0; i < pk_engine_rule_count(&a->engine); i++) {
        fault += pk_engine_rule_state(&a->engine, i) == PK_RULE_FAULT ? 1 : 0;
        enabled += pk_engine_rule_status(&a->engine, i)->is_enabled ? 1 : 0;
    }
    if (enabled == 0) {
        finding(w, "rules", "error", "no rule is enabled: nothing can be detected", "see rules list");
    }
    if (fault > 0) {
        finding(w, "rules", "warning", "some rules have a source that cannot be measured",
                "rules list shows them in state fault");
    }
    if (enabled > 0 && fault == 0) {
        finding(w, "rules", "ok", "rules are loaded and their sources answer", "");
    }
    if (a->diag.message[0] != '\0') {
        char text[sizeof a->diag + 32];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_diag_format(&a->diag, &b);
        finding(w, "configuration", "error", text, "mend the file and reload; the old configuration holds");
    }
}

static void check_budgets(const struct pk_agent *a, struct pk_json_writer *w) {
    static const struct {
        const char *check, *cure;
    } ROWS[PK_SPEND_COUNT] = {
        [PK_SPEND_FLASH] = {"budget flash",
                            "what wrote it is in picketctl events list and stats; more is in [store] day"},
        [PK_SPEND_DATA] = {"budget data",
                           "[report] metered = yes, rules that fire less; more is in [report] month"}};
    for (uint32_t i = 0; i < PK_SPEND_COUNT; i++) {
        const struct pk_spend *s = &a->spends[i];
        if (s->limit_bytes == 0) {
            continue;
        }
        if (s->level == PK_SPEND_FREE) {
            finding(w, ROWS[i].check, "ok", "less than 80 % are used", "");
        } else {
            finding(w, ROWS[i].check, s->level == PK_SPEND_OVER ? "error" : "warning",
                    s->level == PK_SPEND_OVER ? "all of it is used: what is not high or critical waits"
                                              : "nearly used: what is least important waits or is left out",
                    ROWS[i].cure);
        }
    }
}

static void check_textfile(const struct pk_agent *a, struct pk_json_writer *w) {
    if (a->metrics.error == PK_E_UNSUPPORTED) {
        finding(w, "textfile", "error", "[report] textfile is on a disk: nothing is written there",
                "a folder on a tmpfs, /run/picket/metrics for example; tell node_exporter the same");
    } else if (a->metrics.error < 0) {
        finding(
            w, "textfile", "error", pk_err_text(a->metrics.error),
            "its folder has to exist, and the agent's user may write there; a new folder needs a restart");
    } else if (a->config.textfile[0] != '\0') {
        finding(w, "textfile", "ok", "written for node_exporter", "");
    }
}

static void check_actions(const struct pk_agent *a, struct pk_json_writer *w) {
    if (a->mode == PK_MODE_OFF || a->mode == PK_MODE_OBSERVE) {
        finding(w, "actions", "warning", "the mode lets no action run", "[agent] mode = safe or auto");
    } else if (pk_agent_actions(a)->count == 0) {
        finding(w, "actions", "warning", "no action is configured", "add rows to actions.conf");
    } else {
        finding(w, "actions", "ok", "actions are configured and the mode lets low risk run", "");
    }
    if (pk_ledger_total(&a->intake.ledger) > 0) {
        finding(w, "losses", "warning", "events were refused or lost",
                "memory and the summary's ledger name source and reason");
    }
}

static void check_keys(const struct pk_agent *a, struct pk_json_writer *w) {
    if (pk_key_changes_is_distrusted(&a->key_changes)) {
        finding(
            w, "command keys", "error", "a stored revocation cannot be read: no signed command is obeyed",
            "as root: picketctl keys revoke KID, of the key that was revoked, or of any that is not used");
    }
}

int pk_agent_doctor(struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "result");
    pk_jw_array(w, "findings");
    check_clock(a, w);
    check_links(a, w);
    check_store(a, w);
    check_seal(a, w);
    check_rules(a, w);
    check_actions(a, w);
    check_keys(a, w);
    check_textfile(a, w);
    check_budgets(a, w);
    if (a->start.record_lost != 0) {
        finding(w, "supervisor record", "error", pk_agent_record_words(a),
                a->start.record_lost > 1
                    ? "look at what actions with confirm_within changed (incidents list), and take "
                      "it back by hand: picketctl undo RUN"
                    : "the disk may be failing: look at its errors (dmesg)");
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    return PK_OK;
}
