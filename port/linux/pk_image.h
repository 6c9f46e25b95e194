#ifndef PK_IMAGE_H
#define PK_IMAGE_H
#include <stdint.h>

struct pk_image {
    uint64_t due_ms; /* 0: at once */
};
/* Takes the program's own text and constants out of this process's resident pages, every ten seconds at most.
 * For the wait of a loop: piggy-backs on wake-ups, causes none. */
void pk_image_drop(struct pk_image *image, uint64_t now_ms);
#endif
