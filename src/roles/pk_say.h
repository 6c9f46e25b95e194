#ifndef PK_SAY_H
#define PK_SAY_H
/* Plain text to a descriptor. Stdio would do, and brings 7 KB of formatting into the ARMv7 file. */
#include <stdbool.h>

/* Writes the strings from `text` to the NULL that ends them; up to 512 bytes together go out in one piece, so
 * that lines of several processes do not mix. Blocks as the descriptor does. False when not all was taken. */
bool pk_say(int fd, const char *text, ...) __attribute__((sentinel));
#endif
