#ifndef PK_ROLES_H
#define PK_ROLES_H
/* Entry points of the processes and tasks main.c chooses between. Each returns the exit code of the process
 * (CONVENTIONS E.9). */
#include "base/pk_err.h"
#include "roles/pk_options.h"

/* Descriptor every re-executed role finds its socket to the supervisor at. */
enum { PK_ROLE_FD = 3 };

/* Exit 0 after SIGTERM, PK_EXIT_DAEMON_CONFIG when the configuration is refused (the supervisor then ends
 * too, with the same code). PK_EXIT_STORE: the store has to be opened anew. Anything else is a crash: both
 * times it is restarted. */
int pk_agent_role_main(const struct pk_options *options);
/* -t: checks everything the agent reads, prints errors as file:line:column: message and the memory budget. */
int pk_agent_check_config(const struct pk_options *options);
/* The same without a word unless something is wrong: what the supervisor asks before a reload. */
int pk_agent_try_config(const struct pk_options *options);
/* --memory: every table with capacity and bytes. */
int pk_agent_memory(const struct pk_options *options);
/* --selftest: known-answer tests of codecs and cryptography. */
int pk_agent_selftest(const struct pk_options *options);

int pk_supervisor_main(const struct pk_options *options);
/* `picketd -t` as root: reads the files as the supervisor does. PK_EXIT_OK or PK_EXIT_DAEMON_CONFIG, said on
 * stderr.
 */
int pk_supervisor_check(const struct pk_options *options);
int pk_check_store_main(const struct pk_options *options);
int pk_move_store_main(const struct pk_options *options);
int pk_resolve_main(const struct pk_options *options);
int pk_probe_main(void);
/* Deletes old files of a folder and says how many; exit 1 when something could not be deleted, or the folder
 * not be opened. */
int pk_clean_main(const struct pk_options *options);
/* --dump-state: asks the running daemon (SIGUSR1) and prints <state_dir>/PK_DUMP_FILE when it was written
 * anew. */
int pk_dump_state_main(const struct pk_options *options);

/* The agent replaces this file in its state directory on SIGUSR1. */
#define PK_DUMP_FILE "dump.json"
#endif
