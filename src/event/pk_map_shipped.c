#include "event/pk_map_shipped.h"

#include "base/pk_assert.h"
#include "base/pk_ini.h"

/* Topics te/{namespace}/{device}/{namespace}/{service}/..., the last two empty for a device itself
 * (mqtt-api.md of thin-edge.io). An alarm is a retained message until it is cleared with an empty one;
 * without a severity its mappers take it for minor. Health is said by the service, and by its last will;
 * bridges say 1 or 0. */
const char PK_MAP_THIN_EDGE[] = "[map thin-edge-alarm]\n"
                                "topic = te/+/+/+/+/a/+\n"
                                "type = device_alarm\n"
                                "source = {2}.{4}:{5|alarm}\n"
                                "severity = {severity|minor}\n"
                                "severities = warning -> low, minor -> medium, major -> high, "
                                "critical -> critical, * -> medium\n"
                                "value = {severity|minor}\n"
                                "values = warning -> 1, minor -> 2, major -> 3, critical -> 4, * -> 2\n"
                                "text = {text,message|}\n"
                                "empty = 0\n"
                                "retained = yes\n"
                                "[map thin-edge-health]\n"
                                "topic = te/+/+/+/+/status/health\n"
                                "type = source_up\n"
                                "source = {2}.{4}\n"
                                "severity = {status,payload}\n"
                                "severities = up -> info, 1 -> info, down -> high, 0 -> high\n"
                                "value = {status,payload}\n"
                                "values = up -> 1, 1 -> 1, down -> 0, 0 -> 0\n"
                                "text = {status,payload}\n"
                                "empty = skip\n"
                                "retained = yes\n";

static bool has_row(const struct pk_map_table *t, struct pk_str name) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (pk_str_eq_c(name, t->rows[i].name)) {
            return true;
        }
    }
    return false;
}

int pk_map_shipped_thin_edge(struct pk_map_table *t) {
    struct pk_ini_reader r;
    struct pk_ini_item item = {.kind = PK_INI_SECTION};
    const char *why = NULL;
    bool is_new = false;
    int row = 0;
    pk_ini_init(&r, PK_MAP_THIN_EDGE, (uint32_t)sizeof PK_MAP_THIN_EDGE - 1u);
    while (pk_ini_next(&r, &item) == PK_OK && item.kind != PK_INI_END) {
        if (item.kind == PK_INI_SECTION) {
            is_new = !has_row(t, item.section_name);
            row = is_new ? pk_map_open(t, item.section_name) : 0;
            if (row < 0) {
                return PK_E_FULL;
            }
            continue;
        }
        const int err = is_new ? pk_map_set(t, (uint32_t)row, item.key, item.value, &why) : PK_OK;
        if (err == PK_E_FULL) {
            return PK_E_FULL;
        }
        PK_ASSERT(err == PK_OK);
    }
    PK_ASSERT(item.kind == PK_INI_END);
    return PK_OK;
}
