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

#endif
