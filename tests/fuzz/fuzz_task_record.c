/* What is stored of a maintenance task: any bytes are refused, or are a state that can be shown, scheduled on
 * any clock and written again as it was. The first byte chooses the row and the clock. */
#include <string.h>

#include "base/pk_assert.h"
#include "respond/pk_task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_task_rows rows;
static struct pk_tasks tasks;

static void make_rows(void) {
    static const char *const SETS[][3] = {
        {"often", "every", "1s"}, {"daily", "at", "03:30"}, {"seldom", "every", "7d"}};
    memset(&rows, 0, sizeof rows);
    for (uint32_t i = 0; i < 3; i++) {
        const int at = pk_task_open(&rows, pk_str_of(SETS[i][0]));
        PK_ASSERT(at == (int)i);
        PK_ASSERT(pk_task_set(&rows.rows[at], pk_str_of(SETS[i][1]), pk_str_of(SETS[i][2])) == NULL);
        PK_ASSERT(pk_task_set(&rows.rows[at], pk_str_of("action"), pk_str_of("look")) == NULL);
    }
}

static void use(uint32_t row, const struct pk_stamp *now) {
    struct pk_task_state *s = &tasks.states[row];
    char text[PK_TIME_TEXT_BYTES];
    pk_time_format(s->last_wall_ms, text);
    PK_ASSERT(strlen(text) < sizeof text && pk_tasks_share(s) <= 100u);
    const int due = pk_tasks_due(&tasks, &rows, now);
    PK_ASSERT(due >= -1 && due < 3);
    const uint64_t wait_ms = pk_tasks_wait_ms(&tasks, &rows, row, now);
    const uint64_t most_ms = (uint64_t)rows.rows[row].every_ms + 8u * 86400000u;
    PK_ASSERT(wait_ms == UINT64_MAX || wait_ms <= most_ms); /* nothing that is stored starves it */
    const uint32_t run_count = s->run_count;
    pk_tasks_begin(&tasks, &rows, row, now);
    pk_tasks_end(&tasks, row, PK_TASK_COMPLETED, pk_str_of(""));
    PK_ASSERT(s->run_count >= run_count && s->completed_count <= s->run_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int64_t WALLS_MS[] = {0, 1790000000000, 4102444800000, 1};
    uint8_t key[PK_TASK_KEY_BYTES], value[PK_TASK_VALUE_BYTES], again[PK_TASK_VALUE_BYTES];
    uint32_t n = 0;
    if (size == 0) {
        return 0;
    }
    const uint32_t row = data[0] % 3u;
    const struct pk_stamp now = {.boot = 2,
                                 .mono_ms = 1 + ((uint64_t)data[0] << 20),
                                 .wall_ms = WALLS_MS[data[0] >> 2 & 3u],
                                 .quality = data[0] % 5u < PK_TIME_QUALITY_COUNT ? data[0] % 5u : 0};
    make_rows();
    pk_tasks_init(&tasks, 1);
    pk_tasks_pack(&tasks, &rows, row, key, value, &n);
    const struct pk_str stored =
        pk_str_make((const char *)data + 1, (uint32_t)(size - 1 < 256 ? size - 1 : 256));
    const int err = pk_tasks_restore(&tasks, &rows, pk_str_make((const char *)key, sizeof key), stored);
    PK_ASSERT(err == PK_OK || err == PK_E_CORRUPT);
    if (err == PK_OK) {
        pk_tasks_pack(&tasks, &rows, row, key, again, &n);
        PK_ASSERT(n == stored.n && memcmp(again, stored.p, n) == 0);
        use(row, &now);
    }
    PK_ASSERT(pk_tasks_restore(&tasks, &rows, stored, stored) != PK_OK); /* a key that is none */
    return 0;
}
