/* Doctor on what leaves the gateway: "notification not sent" (REQUIREMENTS S0-85), and requests nobody
 * answers. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_findings.h"

static uint64_t number(struct pk_str object, const char *path) {
    return pk_ctl_u64(pk_ctl_member(object, path), 0);
}

/* The history of each link, and what waits for it. */
static void check_links(struct pk_ctl *c, struct pk_ctl_findings *f, struct pk_str status) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value link;
    struct pk_ctl_text words = {0};
    bool is_any = false, is_online = false;
    pk_ctl_walk_init(&walk, pk_ctl_member(status, "links").json);
    while (pk_ctl_walk_next(&walk, &link)) {
        is_any = true;
        is_online = is_online || pk_str_eq_c(pk_ctl_word(pk_ctl_member(link.json, "state")), "online");
        pk_ctl_put_template(
            &words,
            "{name}: {messages_out} messages sent, {connects} connections, {failures} failed, "
            "{lost} lost; ",
            link.json, &c->look);
    }
    pk_ctl_put_template(&words, "{store.outbox} waiting", status, &c->look);
    if (!is_any) {
        pk_ctl_findings_say(f, "notifications", PK_CTL_WARNING, "no broker is configured: nobody is told",
                            "add [broker central] to picketd.conf; the hub routes to people from there");
    } else if (!is_online) {
        pk_ctl_findings_add(f, "notifications", PK_CTL_ERROR, pk_ctl_text_str(&words),
                            "bring a link up: its error is above; what waits is sent then, oldest first");
    } else {
        pk_ctl_findings_add(f, "notifications", PK_CTL_FINE, pk_ctl_text_str(&words), "");
    }
    pk_ctl_text_free(&words);
}

static void check_intake(struct pk_ctl *c, struct pk_ctl_findings *f, struct pk_str status) {
    struct pk_ctl_text words = {0};
    const uint64_t bad = number(status, "events.bad"), unknown = number(status, "events.unknown_topics");
    pk_ctl_put_template(&words,
                        "{events.taken} events taken, {events.bad} refused as malformed, "
                        "{events.unknown_topics} on topics without a meaning",
                        status, &c->look);
    pk_ctl_findings_add(
        f, "sources", bad + unknown > 0 ? PK_CTL_WARNING : PK_CTL_FINE, pk_ctl_text_str(&words),
        bad + unknown > 0 ? "the reply on events.sock names field and byte of a bad event; topics are "
                            "in/SOURCE/TYPE below the gateway's root"
                          : "");
    pk_ctl_text_free(&words);
}

static int check_approvals(struct pk_ctl *c, struct pk_ctl_findings *f) {
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    struct pk_ctl_text words = {0};
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_APPROVAL_LIST, pk_str_of("{}"), &result);
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "approvals").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_text_puts(&words, words.n > 0 ? "; " : "");
        pk_ctl_put_template(&words, "{approval_id} {action} {target}", row.json, &c->look);
    }
    if (exit_code == 0 && words.n > 0) {
        pk_ctl_findings_add(f, "approvals", PK_CTL_WARNING, pk_ctl_text_str(&words),
                            "picketctl approve ID or picketctl reject ID, before they expire as rejected");
    } else if (exit_code == 0) {
        pk_ctl_findings_say(f, "approvals", PK_CTL_FINE, "no action waits for a person", "");
    }
    pk_ctl_text_free(&words);
    return exit_code;
}

int pk_ctl_doctor_reports(struct pk_ctl *c, struct pk_ctl_findings *f) {
    struct pk_str result;
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_STATUS, pk_str_of("{}"), &result);
    if (exit_code != 0) {
        return exit_code;
    }
    check_intake(c, f, result);
    check_links(c, f, result);
    return check_approvals(c, f);
}
