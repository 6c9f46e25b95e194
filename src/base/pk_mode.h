#ifndef PK_MODE_H
#define PK_MODE_H
/* How far this machine may act on its own (REQUIREMENTS A.0). Words and parser: agent/pk_config.h. */

enum pk_mode { PK_MODE_OFF, PK_MODE_OBSERVE, PK_MODE_SAFE, PK_MODE_AUTO, PK_MODE_COUNT };
#endif
