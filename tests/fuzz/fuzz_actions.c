/* actions.conf: any text is taken whole or refused with a place inside it; what is taken gives argument
 * vectors that are whole, and lets nothing run on a target that is not on the list. */
#include "respond/pk_action_parse.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 16384 };

static uint32_t line_count(const uint8_t *data, size_t size) {
    uint32_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n' ? 1u : 0u;
    }
    return lines;
}

static void check_argv(const struct pk_action_table *t, uint32_t index) {
    const char *argv[PK_ACTION_ARGV_MAX];
    struct pk_action_words words = {.target = "web", .snapshot = "/s/undo.x"};
    for (uint8_t phase = 0; phase < PK_PHASE_COUNT; phase++) {
        for (uint32_t step = 0; step < t->rows[index].step_count[phase]; step++) {
            const int argc = pk_action_argv(t, index, phase, step, &words, argv);
            PK_ASSERT(argc > 0 && argc < PK_ACTION_ARGV_MAX && argv[argc] == NULL);
            PK_ASSERT(argv[0][0] == '/');
            for (int k = 0; k < argc; k++) {
                PK_ASSERT(strstr(argv[k], "{target}") == NULL && strcmp(argv[k], "{snapshot}") != 0);
            }
        }
    }
}

static void check_row(const struct pk_action_table *t, uint32_t index) {
    static const char *const HOSTILE[] = {
        "", "-rf", "../etc", "a b", "x;y", "$(id)", "not-listed-anywhere-1"};
    const struct pk_action *row = &t->rows[index];
    bool is_critical = false;
    PK_ASSERT(row->step_count[PK_PHASE_ACT] > 0 && row->risk < PK_RISK_COUNT);
    PK_ASSERT(pk_actions_find(t, pk_str_of(row->name)) == (int)index);
    check_argv(t, index);
    for (uint32_t k = 0; k < row->target_count; k++) {
        const struct pk_str target = pk_str_of(pk_action_target(t, index, k));
        PK_ASSERT(pk_action_target_is_valid(target));
        const int err = pk_action_check_target(t, index, target, &is_critical);
        PK_ASSERT(err == (row->is_enabled ? PK_OK : PK_E_POLICY));
    }
    for (size_t k = 0; row->needs_target && k < PK_COUNT_OF(HOSTILE); k++) {
        if (k + 1 < PK_COUNT_OF(HOSTILE)) {
            PK_ASSERT(pk_action_check_target(t, index, pk_str_of(HOSTILE[k]), &is_critical) < 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pk_action_table t, again;
    struct pk_diag diag = {.line = 0};
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    const struct pk_str text = pk_str_make((const char *)data, size);
    pk_actions_init(&t);
    pk_actions_init(&again);
    if (pk_actions_parse(&t, text, "fuzz", &diag) != PK_OK) {
        PK_ASSERT(diag.line >= 1 && diag.line <= line_count(data, size) && diag.message[0] != '\0');
        return 0;
    }
    if (pk_actions_finish(&t, "fuzz", &diag) != PK_OK) {
        PK_ASSERT(diag.line >= 1 && diag.message[0] != '\0');
        return 0;
    }
    for (uint32_t i = 0; i < t.count; i++) {
        check_row(&t, i);
    }
    PK_ASSERT(pk_actions_parse(&again, text, "fuzz", &diag) == PK_OK);
    PK_ASSERT(pk_actions_finish(&again, "fuzz", &diag) == PK_OK);
    PK_ASSERT(again.crc == t.crc && again.count == t.count);
    return 0;
}
