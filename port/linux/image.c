/* Clean pages of the program that were needed once, for a handshake or a start, stay mapped for ever on a
 * board without memory pressure and count as resident. Dropping the mappings frees nothing the kernel could
 * not take by itself, but keeps what we say we use close to what we use: the next call faults its page in
 * again from the page cache, about a microsecond each. */
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/linux/pk_image.h"

enum { DROP_EVERY_MS = 10000 };

#if UINTPTR_MAX > 0xFFFFFFFFu
typedef Elf64_Ehdr image_header;
typedef Elf64_Phdr image_segment;
#else
typedef Elf32_Ehdr image_header;
typedef Elf32_Phdr image_segment;
#endif

/* The linker's name for the first byte of the program in memory. */
extern const image_header __ehdr_start __attribute__((visibility("hidden")));

/* Position-independent programs only: there addresses in the file are offsets from the header. */
static void find_segments(struct pk_image *image) {
    const uintptr_t base = (uintptr_t)&__ehdr_start;
    const uintptr_t page = (uintptr_t)getpagesize();
    const image_segment *s = (const image_segment *)(const void *)(base + __ehdr_start.e_phoff);
    for (unsigned i = 0; i < __ehdr_start.e_phnum && __ehdr_start.e_type == ET_DYN; i++) {
        if (s[i].p_type != PT_LOAD || (s[i].p_flags & PF_W) != 0 ||
            image->segment_count == PK_IMAGE_SEGMENTS) {
            continue; /* what was written to, and be it by the relocation at start, would be lost */
        }
        /* The last page is left where it is not whole: another segment may begin in it. */
        const uintptr_t from = (base + (uintptr_t)s[i].p_vaddr) & ~(page - 1u);
        const uintptr_t to = (base + (uintptr_t)(s[i].p_vaddr + s[i].p_memsz)) & ~(page - 1u);
        image->segments[image->segment_count].from = from;
        image->segments[image->segment_count].bytes = to - from;
        image->segment_count++;
    }
}

void pk_image_drop(struct pk_image *image, uint64_t now_ms) {
    if (now_ms < image->due_ms) {
        return;
    }
    if (image->due_ms == 0) {
        find_segments(image);
    }
    image->due_ms = now_ms + DROP_EVERY_MS;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        if (image->segments[i].bytes > 0) {
            (void)madvise((void *)image->segments[i].from, image->segments[i].bytes, MADV_DONTNEED);
        }
    }
}
