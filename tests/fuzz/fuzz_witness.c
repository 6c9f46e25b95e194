/* Datagrams of neighbours: as they are, and with a good seal around any bytes, so that what is behind the
 * seal is read too. Whatever they say, the table holds names of their form, and what is made of it is taken
 * by another. */
#include <string.h>

#include "base/pk_assert.h"
#include "port/sim/pk_sim.h"
#include "report/pk_witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_sim sim;
static struct pk_port port;
static struct pk_witness one, two;

static void open_one(struct pk_witness *w, const char *name, uint64_t number) {
    pk_witness_init(w, &port.crypto, pk_str_of("lab"), pk_str_of(name), 1, number);
    PK_ASSERT(pk_witness_set_key(w, pk_str_of("000102030405060708090a0b0c0d0e0f")) == PK_OK);
}

/* HMAC-SHA256 of the key above. */
static void seal(const uint8_t *p, uint32_t n, uint8_t out[PK_SHA256_BYTES]) {
    uint8_t inner[64], outer[64];
    for (uint32_t i = 0; i < 64; i++) {
        const uint8_t k = (uint8_t)(i < 16 ? i : 0);
        inner[i] = k ^ 0x36u;
        outer[i] = k ^ 0x5cu;
    }
    const struct pk_str first[] = {pk_str_make((char *)inner, 64), pk_str_make((const char *)p, n)};
    port.crypto.sha256(port.crypto.ctx, first, 2, out);
    const struct pk_str second[] = {pk_str_make((char *)outer, 64),
                                    pk_str_make((char *)out, PK_SHA256_BYTES)};
    port.crypto.sha256(port.crypto.ctx, second, 2, out);
}

static void take(const uint8_t *p, uint32_t n) {
    const int err = pk_witness_take(&one, pk_str_make((const char *)p, n), 1000000);
    PK_ASSERT(err == PK_OK || err < 0);
    for (uint32_t i = 0; i < PK_LIMIT_NEIGHBOURS; i++) {
        const char *name = one.rows[i].gateway;
        PK_ASSERT(name[0] == '\0' || pk_text_is_id(pk_str_of(name), "", 32));
        PK_ASSERT(strcmp(name, one.gateway) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t sealed[PK_WITNESS_BYTES_MAX + PK_SHA256_BYTES];
    uint8_t made[PK_WITNESS_BYTES_MAX];
    const uint32_t n = size < PK_WITNESS_BYTES_MAX - 16 ? (uint32_t)size : PK_WITNESS_BYTES_MAX - 16;
    if (port.clock.ctx == NULL) {
        const struct pk_sim_config config = {.seed = 1, .wall_ms = 1790000000000};
        pk_sim_init(&sim, &config, &port);
    }
    open_one(&one, "gw-1", 11);
    open_one(&two, "gw-2", 22);
    take(data, n);
    PK_ASSERT(one.used_count == 0);
    memcpy(sealed, data, n);
    seal(data, n, sealed + n);
    take(sealed, n + 16);
    take(sealed, n + 16);
    const uint32_t bytes = pk_witness_make(&one, true, 0, 1000000, made);
    PK_ASSERT(bytes > 0);
    PK_ASSERT(pk_witness_take(&two, pk_str_make((const char *)made, bytes), 1) == PK_E_AGAIN);
    return 0;
}
