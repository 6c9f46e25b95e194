/* malloc of picketd: one fixed buffer instead of libc's allocator, so that third-party code (LMDB, corners of
 * libc) cannot make the process grow. Built with -fno-builtin, else the compiler turns calloc into a call of
 * itself. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pk_limits.h"
#include "port/linux/pk_arena.h"

#ifdef PK_ARENA_REPLACES_MALLOC

void *memalign(size_t align, size_t n);
size_t malloc_usable_size(void *p);

static _Alignas(PK_HEAP_ALIGN_BYTES) uint8_t arena_bytes[PK_LIMIT_ARENA_BYTES];
/* The store's writer and the tick both allocate. */
static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock(void) {
    pthread_mutex_lock(&arena_lock);
    if (pk_arena_heap.base == NULL) {
        pk_heap_init(&pk_arena_heap, arena_bytes, sizeof arena_bytes);
    }
}

static void *unlock(void *p) {
    pthread_mutex_unlock(&arena_lock);
    if (p == NULL) {
        errno = ENOMEM;
    }
    return p;
}

void *malloc(size_t n) {
    lock();
    return unlock(pk_heap_alloc(&pk_arena_heap, n));
}

void *calloc(size_t count, size_t each) {
    if (each != 0 && count > SIZE_MAX / each) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(count * each);
    if (p != NULL) {
        memset(p, 0, count * each);
    }
    return p;
}

void *realloc(void *p, size_t n) {
    lock();
    return unlock(pk_heap_realloc(&pk_arena_heap, p, n));
}

void free(void *p) {
    if (p == NULL) {
        return;
    }
    const int number = errno;
    lock();
    pk_heap_free(&pk_arena_heap, p);
    pthread_mutex_unlock(&arena_lock);
    errno = number;
}

void *aligned_alloc(size_t align, size_t n) {
    if (align == 0 || (align & (align - 1u)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    lock();
    return unlock(pk_heap_alloc_aligned(&pk_arena_heap, align, n));
}

void *memalign(size_t align, size_t n) {
    return aligned_alloc(align, n);
}

int posix_memalign(void **out, size_t align, size_t n) {
    if (align < sizeof(void *) || (align & (align - 1u)) != 0) {
        return EINVAL;
    }
    const int number = errno;
    void *p = aligned_alloc(align, n);
    errno = number;
    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

size_t malloc_usable_size(void *p) {
    lock();
    const size_t n = pk_heap_usable_bytes(&pk_arena_heap, p);
    pthread_mutex_unlock(&arena_lock);
    return n;
}

#else
/* Sanitizers and valgrind bring their own malloc. */
extern const uint32_t pk_arena_absent;
const uint32_t pk_arena_absent = PK_LIMIT_ARENA_BYTES;
#endif
