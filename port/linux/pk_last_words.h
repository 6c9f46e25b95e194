#ifndef PK_LAST_WORDS_H
#define PK_LAST_WORDS_H
/* What kernel and board left of how the boot before ended. `root` stands before /sys, /proc and /var: "/" but
 * in tests. Private to port/linux. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_text.h"

/* The end of the newest dmesg-* of pstore, or of what systemd-pstore moved away from there. Bytes, or
 * PK_E_NOT_FOUND. */
PK_MUST_USE int pk_last_words_dump(const char *root, void *out, uint32_t cap_bytes);
/* Boot status of a watchdog: CARDRESET. */
bool pk_last_words_watchdog(const char *root);
/* "oom_kill" of vmstat; 0 when it is not there. */
uint64_t pk_last_words_oom_kills(const char *root);
#endif
