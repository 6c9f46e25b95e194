/* A page of series, in pieces: whatever it says, the pieces do not matter, and what is found is a number. The
 * first byte is the size of the pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_prom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_page(struct pk_prom *page, const struct pk_prom_selector *selectors, const char *p, size_t n,
                      size_t step) {
    pk_prom_init(page, selectors, 3);
    for (size_t at = 0; at < n; at += step) {
        pk_prom_feed(page, pk_str_make(p + at, n - at < step ? n - at : step));
    }
    const int err = pk_prom_end(page);
    PK_ASSERT(err == PK_OK || (err == PK_E_BAD_MSG && page->line_count == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const texts[] = {"m", "m{a=\"1\"}", "m{a=\"1\",b=\"x y\"}"};
    static struct pk_prom whole, pieces;
    struct pk_prom_selector selectors[3], own;
    if (size == 0 || size > 65536) {
        return 0;
    }
    for (uint32_t i = 0; i < 3; i++) {
        PK_ASSERT(pk_prom_selector_parse(pk_str_of(texts[i]), &selectors[i]) == PK_OK);
    }
    char *copy = malloc(size > 1u ? size - 1u : 1u);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data + 1, size - 1u);
    read_page(&whole, selectors, copy, size - 1u, size);
    read_page(&pieces, selectors, copy, size - 1u, (size_t)data[0] + 1u);
    PK_ASSERT(whole.line_count == pieces.line_count && whole.bad_count == pieces.bad_count);
    for (uint32_t i = 0; i < 3; i++) {
        PK_ASSERT(whole.found[i] == pieces.found[i] && whole.found[i] <= PK_PROM_NO_NUMBER);
        PK_ASSERT(whole.value[i] == pieces.value[i] && whole.value[i] - whole.value[i] == 0.0);
    }
    PK_ASSERT(pk_prom_selector_parse(pk_str_make(copy, size - 1u), &own) != PK_OK ||
              (own.name.n > 0 && own.label_count <= PK_PROM_LABELS));
    free(copy);
    return 0;
}
