/* The supervisor's file of places: any bytes are refused whole, or are places that can be written again. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "roles/pk_super_places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_inlets table = {.rows = {{.name = "log:a", .path = "/a", .kind = PK_INLET_LOG},
                                          {.name = "kmsg", .path = "/dev/kmsg", .kind = PK_INLET_KMSG},
                                          {.name = "journal", .path = "/j", .kind = PK_INLET_JOURNAL}},
                                 .count = 3};
static struct pk_super_places places, again;
static uint8_t bytes[4096], out[PK_SUPER_PLACES_BYTES_MAX];

static void check(uint32_t n) {
    if (pk_super_places_unpack(&places, &table, bytes, n) != PK_OK) {
        return;
    }
    PK_ASSERT(places.cursor[0] == '\0' || pk_inlet_is_cursor(pk_str_of(places.cursor)));
    const int written = pk_super_places_pack(&places, &table, out, sizeof out);
    PK_ASSERT(written > 0);
    PK_ASSERT(pk_super_places_unpack(&again, &table, out, (uint32_t)written) == PK_OK);
    PK_ASSERT(memcmp(&places, &again, sizeof places) == 0);
}

/* As it is, and with the right checksum. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint32_t n = (uint32_t)(size < sizeof bytes - 4u ? size : sizeof bytes - 4u);
    if (n == 0) {
        return 0;
    }
    memcpy(bytes, data, n);
    check(n);
    const uint32_t crc = pk_crc32c(0, bytes, n);
    for (uint32_t i = 0; i < 4u; i++) {
        bytes[n + i] = (uint8_t)(crc >> (8u * i));
    }
    check(n + 4u);
    return 0;
}
