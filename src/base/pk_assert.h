#ifndef PK_ASSERT_H
#if defined(__FILE_NAME__)
#define PK_FILE __FILE_NAME__ /* names of files are unique; their folders would be 1 KB */
#else
#define PK_FILE __FILE__
#endif
#define PK_ASSERT_H
/* For our own bugs only, on in every build. Input from outside is answered with an error, never asserted. */

/* The condition is not among the arguments: file and line of this version say it, and 240 conditions in words
 * are 8 KB. Provided once per process (roles, ctl, tests). Writes one record and ends the process; must not
 * return. */
_Noreturn void pk_panic(const char *file, int line);

#if defined(__FILE_NAME__)
#define PK_FILE __FILE_NAME__ /* names of files are unique; their folders would be 1 KB */
#else
#define PK_FILE __FILE__
#endif
#define PK_ASSERT(condition) ((condition) ? (void)0 : pk_panic(PK_FILE, __LINE__))
#define PK_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#endif
