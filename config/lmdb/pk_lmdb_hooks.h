/*
 * Included before LMDB's own source in the test build of the library only: every call that reaches the disk
 * goes to a function of the test, which records it (power-loss enumeration) or fails it (full disk, slow
 * disk). Same arguments, results and errno as the calls they replace.
 */
#ifndef PK_LMDB_HOOKS_H
#define PK_LMDB_HOOKS_H

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t pk_lmdb_pwrite(int fd, const void *bytes, size_t size_bytes, off_t offset);
ssize_t pk_lmdb_writev(int fd, const struct iovec *parts, int part_count);
int pk_lmdb_fdatasync(int fd);

#define pwrite pk_lmdb_pwrite
#define writev pk_lmdb_writev
#define fdatasync pk_lmdb_fdatasync

#endif
