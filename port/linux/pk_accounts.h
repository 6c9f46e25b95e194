#ifndef PK_ACCOUNTS_H
#define PK_ACCOUNTS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_err.h"

/* The id of an account in a file of the form of /etc/passwd or /etc/group: the third field of the line of
 * `name`. PK_OK, PK_E_NOT_FOUND (no such line or file, or its id is no number below 2^32 - 1), PK_E_IO. */
PK_MUST_USE int pk_account_id(const char *path, const char *name, uint32_t *out_id);
#endif
