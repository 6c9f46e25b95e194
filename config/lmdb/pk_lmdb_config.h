/*
 * Included before LMDB's own sources. midl.h of 0.9.31 defines MDB_IDL_LOGN without asking whether it is
 * defined, so a -D on the command line is overruled without a word; the sizes derived from it are macros, so
 * a new value after midl.h counts.
 *
 * 16, the default, holds 3.1 MB after open. The value also limits the dirty pages of a transaction to 2^(n+1)
 * - 1, each a malloc of a page: beyond, LMDB writes pages out early (the transaction stays atomic), where
 * otherwise a large batch would exhaust the arena and fail for ever.
 */
#ifndef PK_LMDB_CONFIG_H
#define PK_LMDB_CONFIG_H

#include "midl.h"
#undef MDB_IDL_LOGN
#define MDB_IDL_LOGN 5

/*
 * A failed assertion of the library is told and ends the process as one of ours does. The only two places
 * where mdb.c formats text are mdb_assert_fail(), whose parameters `file` and `line` the second macro takes
 * up, and a listing of readers nobody calls; with them all of printf is out of the ARMv7 file, and the texts
 * of 57 conditions: 12 KB.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
_Noreturn void pk_panic(const char *file, int line);
#undef sprintf
#undef fprintf
#define sprintf(text, ...) ((text)[0] = '\0')
#define fprintf(stream, ...) pk_panic(file, line)

/*
 * Opened with MDB_NOLOCK: there is no lock file, no table of readers and no mutex between processes. What
 * sets them up says that it cannot, so that the compiler and the linker can leave out the rest: 2 KB with
 * libc's part.
 */
#define MDB_USE_ROBUST 0
#define pthread_key_create(key, destructor) ENOSYS
#define pthread_key_delete(key) ((void)0)
#define pthread_getspecific(key) NULL
#define pthread_setspecific(key, value) ENOSYS
#define pthread_mutexattr_init(attributes) ENOSYS
#define pthread_mutexattr_setpshared(attributes, is_shared) ENOSYS
#define pthread_mutexattr_destroy(attributes) ((void)0)
/* The page size as libc already has it. */
#define sysconf(name) getpagesize()

#endif
