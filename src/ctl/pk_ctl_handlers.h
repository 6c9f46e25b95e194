#ifndef PK_CTL_HANDLERS_H
#define PK_CTL_HANDLERS_H
/* What carries a command out. Each gives the exit code and has said what there is to say. */
struct pk_ctl;

int pk_ctl_do_call(struct pk_ctl *c); /* pk_ctl_call.c: asks the daemon, shows the answer */
/* pk_ctl_incidents.c */
int pk_ctl_do_list(struct pk_ctl *c);
int pk_ctl_do_incident(struct pk_ctl *c);
int pk_ctl_do_timeline(struct pk_ctl *c);
int pk_ctl_do_assign(struct pk_ctl *c);
int pk_ctl_do_update(struct pk_ctl *c);
int pk_ctl_do_mitigate(struct pk_ctl *c);   /* pk_ctl_mitigate.c */
int pk_ctl_do_postmortem(struct pk_ctl *c); /* pk_ctl_postmortem.c */
int pk_ctl_do_capsule(struct pk_ctl *c);    /* pk_ctl_capsule.c */
int pk_ctl_do_report(struct pk_ctl *c);     /* pk_ctl_report.c */
int pk_ctl_do_stats(struct pk_ctl *c);      /* pk_ctl_stats.c */
/* pk_ctl_explain.c */
int pk_ctl_do_explain_incident(struct pk_ctl *c);
int pk_ctl_do_explain_action(struct pk_ctl *c);
int pk_ctl_do_explain_any(struct pk_ctl *c);
int pk_ctl_do_explain_states(struct pk_ctl *c); /* pk_ctl_states.c */
/* pk_ctl_agent.c */
int pk_ctl_do_rules(struct pk_ctl *c);
int pk_ctl_do_rule_put(struct pk_ctl *c); /* pk_ctl_rule_put.c */
int pk_ctl_do_decide(struct pk_ctl *c);
int pk_ctl_do_undo(struct pk_ctl *c);
int pk_ctl_do_mode(struct pk_ctl *c);
int pk_ctl_do_doctor(struct pk_ctl *c); /* pk_ctl_doctor.c */
int pk_ctl_do_watch(struct pk_ctl *c);  /* pk_ctl_watch.c */
/* pk_ctl_check.c */
int pk_ctl_do_check(struct pk_ctl *c);
/* A monitoring system takes exit 2 for critical, and reads standard output: a wrong command line is UNKNOWN
 * there. */
int pk_ctl_check_usage(struct pk_ctl *c, const char *why);
int pk_ctl_do_events_send(struct pk_ctl *c);   /* pk_ctl_events.c */
int pk_ctl_do_events_record(struct pk_ctl *c); /* pk_ctl_record.c */
int pk_ctl_do_keygen(struct pk_ctl *c);        /* pk_ctl_keygen.c */
int pk_ctl_do_sign(struct pk_ctl *c);          /* pk_ctl_sign.c */
int pk_ctl_do_verify(struct pk_ctl *c);        /* pk_ctl_verify.c */
/* pk_ctl_audit.c */
int pk_ctl_do_audit_export(struct pk_ctl *c);
int pk_ctl_do_audit_verify(struct pk_ctl *c);
int pk_ctl_do_replay(struct pk_ctl *c);       /* pk_ctl_replay.c */
int pk_ctl_do_test_rule(struct pk_ctl *c);    /* pk_ctl_test_rule.c */
int pk_ctl_do_test_pattern(struct pk_ctl *c); /* pk_ctl_test_pattern.c */
int pk_ctl_do_simulate(struct pk_ctl *c);     /* pk_ctl_simulate.c */
/* pk_ctl_help.c */
int pk_ctl_do_help(struct pk_ctl *c);
int pk_ctl_do_version(struct pk_ctl *c);
#endif
