#ifndef PK_CTL_REFERENCE_H
#define PK_CTL_REFERENCE_H
/* The reference of all commands in Markdown, made from the command tables: docs/picketctl.md. */
#include "ctl/pk_ctl_text.h"

void pk_ctl_reference(struct pk_ctl_text *t);
#endif
