#include "roles/pk_super_places.h"

#include <string.h>

#include "base/pk_hash.h"
#include "support/pk_test.h"

static struct pk_inlets the_table, the_other;
static struct pk_super_places the_places, the_read;
static uint8_t the_bytes[PK_SUPER_PLACES_BYTES_MAX];

static void add(struct pk_inlets *t, const char *name, const char *path, uint8_t kind) {
    struct pk_inlet_row *row = &t->rows[t->count++];
    (void)pk_str_copy_cut(pk_str_of(name), row->name, sizeof row->name);
    (void)pk_str_copy_cut(pk_str_of(path), row->path, sizeof row->path);
    row->kind = kind;
}

static int packed(void) {
    memset(&the_table, 0, sizeof the_table);
    memset(&the_other, 0, sizeof the_other);
    memset(&the_places, 0, sizeof the_places);
    add(&the_table, "log:a", "/a", PK_INLET_LOG);
    add(&the_table, "syslog", "", PK_INLET_SYSLOG);
    add(&the_table, "kmsg", "/dev/kmsg", PK_INLET_KMSG);
    the_places.rows[0] = (struct pk_inlet_place){
        .of = 77, .at = (uint64_t)INT64_MAX, .check = 5, .zone_quarters = -56, .is_known = true};
    the_places.rows[2] =
        (struct pk_inlet_place){.of = UINT64_MAX, .at = 900, .zone_quarters = 56, .is_known = true};
    memcpy(the_places.cursor, "s=ab;i=1f", sizeof "s=ab;i=1f");
    return pk_super_places_pack(&the_places, &the_table, the_bytes, sizeof the_bytes);
}

static void seal(uint32_t n) {
    const uint32_t crc = pk_crc32c(0, the_bytes, n - 4u);
    for (uint32_t i = 0; i < 4u; i++) {
        the_bytes[n - 4u + i] = (uint8_t)(crc >> (8u * i));
    }
}

static bool is_empty(void) {
    static const struct pk_super_places NOTHING;
    return memcmp(&the_read, &NOTHING, sizeof NOTHING) == 0;
}

PK_TEST(places__round_trip__by_name_and_path) {
    const int n = packed();
    REQUIRE(n > 0);
    CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_table, the_bytes, (uint32_t)n), PK_OK);
    CHECK_STR(the_read.cursor, "s=ab;i=1f");
    CHECK_EQ_U64(the_read.rows[0].of, 77);
    CHECK_EQ_U64(the_read.rows[0].at, (uint64_t)INT64_MAX);
    CHECK_EQ_U64(the_read.rows[0].check, 5);
    CHECK_EQ_INT(the_read.rows[0].zone_quarters, -56);
    CHECK(the_read.rows[0].is_known && !the_read.rows[1].is_known && the_read.rows[2].is_known);
    CHECK_EQ_INT(the_read.rows[2].zone_quarters, 56);
    add(&the_other, "log:a", "/another", PK_INLET_LOG);
    add(&the_other, "kmsg", "/dev/kmsg", PK_INLET_KMSG);
    CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_other, the_bytes, (uint32_t)n), PK_OK);
    CHECK(!the_read.rows[0].is_known);
    CHECK_EQ_U64(the_read.rows[1].at, 900);
}

PK_TEST(places__every_cut_and_every_flipped_bit__is_refused) {
    const int n = packed();
    for (int cut = 0; cut < n; cut++) {
        CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_table, the_bytes, (uint32_t)cut), PK_E_CORRUPT);
    }
    for (int bit = 0; bit < n * 8; bit++) {
        the_bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_table, the_bytes, (uint32_t)n), PK_E_CORRUPT);
        CHECK(is_empty());
        the_bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

PK_TEST(places__whole_but_impossible__is_refused) {
    const uint32_t n = (uint32_t)packed();
    const uint32_t zone = 5u + 2u + 9u + 2u + 5u + 2u + 2u + 8u + 8u + 4u;
    the_bytes[zone] = 2u * PK_INLET_ZONE_QUARTERS_MAX + 1u;
    seal(n);
    CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_table, the_bytes, n), PK_E_CORRUPT);
    (void)packed();
    the_bytes[7] = ' '; /* in an argument of journalctl */
    seal(n);
    CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_table, the_bytes, n), PK_E_CORRUPT);
    (void)packed();
    the_bytes[4] = 2; /* of a version to come */
    seal(n);
    CHECK_EQ_INT(pk_super_places_unpack(&the_read, &the_table, the_bytes, n), PK_E_CORRUPT);
    CHECK(is_empty());
}

PK_TEST(places__full_table__fits) {
    char name[PK_INLET_NAME_BYTES], path[PK_INLET_PATH_BYTES];
    memset(&the_table, 0, sizeof the_table);
    memset(&the_places, 0, sizeof the_places);
    memset(name, 'n', sizeof name - 1u);
    memset(path, '/', sizeof path - 1u);
    name[sizeof name - 1u] = path[sizeof path - 1u] = '\0';
    memset(the_places.cursor, 'c', sizeof the_places.cursor - 1u);
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        add(&the_table, name, path, PK_INLET_LOG);
        the_places.rows[i].is_known = true;
    }
    CHECK(pk_super_places_pack(&the_places, &the_table, the_bytes, sizeof the_bytes) > 0);
    CHECK_EQ_INT(pk_super_places_pack(&the_places, &the_table, the_bytes, 300), PK_E_FULL);
}

PK_TEST(places__another_table__go_with_their_rows) {
    (void)packed();
    add(&the_other, "kmsg", "/dev/kmsg", PK_INLET_KMSG);
    add(&the_other, "log:new", "/n", PK_INLET_LOG);
    add(&the_other, "log:a", "/a", PK_INLET_LOG);
    pk_super_places_move(&the_places, &the_table, &the_other);
    CHECK_EQ_U64(the_places.rows[0].at, 900);
    CHECK(!the_places.rows[1].is_known);
    CHECK_EQ_U64(the_places.rows[2].of, 77);
    CHECK_STR(the_places.cursor, "s=ab;i=1f");
}

PK_TEST_MAIN(places__round_trip__by_name_and_path, places__every_cut_and_every_flipped_bit__is_refused,
             places__whole_but_impossible__is_refused, places__full_table__fits,
             places__another_table__go_with_their_rows)
