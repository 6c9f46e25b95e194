#ifndef PK_PATTERN_PARSE_H
#define PK_PATTERN_PARSE_H
/* Pattern text (config/patterns/README.md) to rows; the same parser at build and at run time. */
#include "base/pk_ini.h"
#include "event/pk_pattern.h"

/* Adds the rows of one file behind those of the book. PK_OK, or PK_E_CONFIG with *out_diag and the book as it
 * was: syntax, unknown words with a suggestion, a text without something to search for, a field nobody fills,
 * an id that is taken, no room. */
PK_MUST_USE int pk_pattern_parse(struct pk_pattern_book *book, const char *file, struct pk_str text,
                                 struct pk_diag *out_diag);
#endif
