/* Runs a fuzz target over the files it is given, for compilers that have no fuzzer: a file found by one must
 * stay fixed on all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 1 << 20 };

int main(int argc, char **argv) {
    static uint8_t whole[FILE_BYTES_MAX];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            fprintf(stderr, "%s: cannot be opened\n", argv[i]);
            return 1;
        }
        const size_t size = fread(whole, 1, sizeof whole, file);
        fclose(file);
        /* A copy of exactly this size, so that valgrind and the sanitizers see a read past its end. */
        uint8_t *exact = malloc(size + 1u);
        if (exact == NULL) {
            return 1;
        }
        for (size_t k = 0; k < size; k++) {
            exact[k + 1u] = whole[k];
        }
        (void)LLVMFuzzerTestOneInput(exact + 1, size);
        free(exact);
    }
    printf("%d inputs replayed\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
