#ifndef PK_IMAGE_H
#define PK_IMAGE_H
#include <stdint.h>

enum { PK_IMAGE_SEGMENTS = 4 };
struct pk_image {
    uint64_t due_ms; /* 0: at once */
    /* Read once: the header lies in a segment of its own, which would come back with each look at it. */
    struct {
        uintptr_t from, bytes;
    } segments[PK_IMAGE_SEGMENTS];
    uint32_t segment_count;
};
/* Takes the program's own text and constants out of this process's resident pages, every ten seconds at most.
 * For the wait of a loop: piggy-backs on wake-ups, causes none. */
void pk_image_drop(struct pk_image *image, uint64_t now_ms);
#endif
