/* The result frame of a prober that a stranger has taken over, and what plugins print. The first byte picks
 * the row it claims to be of. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_words(const uint8_t *p, size_t n) {
    char *copy = malloc(n > 0 ? n : 1u);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, p, n);
    struct pk_check_words words;
    uint64_t count = 0;
    pk_check_words(pk_str_make(copy, n), &words);
    PK_ASSERT(words.text.n == 0 || (words.text.p >= copy && words.text.p + words.text.n <= copy + n));
    PK_ASSERT(!words.has_value || words.value - words.value == 0.0);
    for (uint8_t m = 0; m < PK_MANAGER_COUNT; m++) {
        const int err = pk_service_count(m, pk_str_make(copy, n), &count);
        PK_ASSERT(err == PK_OK || err == PK_E_BAD_MSG);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_ipc_probed r;
    if (size < 1) {
        return 0;
    }
    const struct pk_probe row = {.kind = (uint8_t)(data[0] % PK_PROBE_KIND_COUNT),
                                 .series_count = data[0] / 16};
    memset(&r, 0, sizeof r);
    memcpy(&r, data + 1, size - 1u < sizeof r ? size - 1u : sizeof r);
    if (pk_probe_result_check(&row, &r) == PK_OK) {
        const bool is_page = row.kind == PK_PROBE_SCRAPE && r.error == PK_OK && r.is_up == 1;
        PK_ASSERT(r.kind == row.kind && r.is_up <= 1 && r.error <= 0);
        PK_ASSERT(is_page || pk_text_is_utf8(pk_str_of(r.u.text)));
        for (uint32_t i = 0; is_page && i < r.series_count; i++) {
            PK_ASSERT(r.u.series.found[i] <= PK_PROM_NO_NUMBER);
        }
    }
    look_at_words(data + 1, size - 1u);
    return 0;
}
