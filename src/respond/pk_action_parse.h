#ifndef PK_ACTION_PARSE_H
#define PK_ACTION_PARSE_H
/* Reads actions.conf into the table. Shared with the supervisor: uses base only. */
#include "respond/pk_action.h"

void pk_actions_init(struct pk_action_table *t);
/* Adds one text. PK_OK, or PK_E_CONFIG with *diag (first fault; *t is then unusable: parse into a spare and
 * swap). */
PK_MUST_USE int pk_actions_parse(struct pk_action_table *t, struct pk_str text, const char *file,
                                 struct pk_diag *diag);
/* After the last text: whole-row checks (argv present, verify_within with a verify, ...) and the crc. PK_OK
 * or PK_E_CONFIG. */
PK_MUST_USE int pk_actions_finish(struct pk_action_table *t, const char *file, struct pk_diag *diag);
#endif
