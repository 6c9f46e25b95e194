#include "event/pk_intern.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_bitset.h"
#include "support/pk_test.h"

static struct pk_types types;
static struct pk_sources sources;

PK_TEST(intern__same_name__same_id) {
    pk_types_init(&types);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("cpu_pct")), 0);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("disk_pct")), 1);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("cpu_pct")), 0);
    CHECK_EQ_INT(pk_types_find(&types, pk_str_of("disk_pct")), 1);
    CHECK_EQ_INT(pk_types_find(&types, pk_str_of("disk")), PK_E_NOT_FOUND);
    CHECK_STR(pk_types_name(&types, 1), "disk_pct");
    CHECK_STR(pk_types_name(&types, 2), "");
    CHECK_STR(pk_types_name(&types, PK_INTERN_NONE), "");
}

PK_TEST(intern__what_is_no_name__is_refused) {
    static const char *const BAD[] = {"", "a b", "a/b", "a+b", "caf\xC3\xA9", "#"};
    char long_name[80];
    memset(long_name, 'x', sizeof long_name);
    pk_types_init(&types);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(pk_types_intern(&types, pk_str_of(BAD[i])), PK_E_BAD_FIELD);
        CHECK_EQ_INT(pk_types_find(&types, pk_str_of(BAD[i])), PK_E_NOT_FOUND);
    }
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_make(long_name, 65)), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_types_find(&types, pk_str_make(long_name, 65)), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_make(long_name, 64)), 0);
    CHECK_EQ_INT((int)strlen(pk_types_name(&types, 0)), 64);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("A-Z_0.9:@x")), 1);
    CHECK_EQ_U64(types.refused_count, 0);
}

PK_TEST(intern__table_full__refuses_new_and_keeps_old) {
    char name[16];
    pk_sources_init(&sources);
    for (uint32_t i = 0; i < PK_LIMIT_SOURCES; i++) {
        snprintf(name, sizeof name, "s%u", (unsigned)i);
        CHECK(pk_sources_intern(&sources, pk_str_of(name)) == (int)i);
    }
    CHECK_EQ_INT(pk_sources_intern(&sources, pk_str_of("one_more")), PK_E_FULL);
    CHECK_EQ_INT(pk_sources_intern(&sources, pk_str_of("s7")), 7);
    CHECK_EQ_INT(pk_sources_find(&sources, pk_str_of("one_more")), PK_E_NOT_FOUND);
    CHECK_EQ_U64(sources.refused_count, 1);
    CHECK_STR(pk_sources_name(&sources, PK_LIMIT_SOURCES - 1u), name);
    CHECK(pk_sources_state(&sources, 0) != NULL);
    CHECK(pk_sources_state(&sources, (uint16_t)PK_LIMIT_SOURCES) == NULL);
}

PK_TEST(types__that_senders_name__have_a_part_of_the_table) {
    char name[16];
    pk_types_init(&types);
    for (uint32_t i = 0; i < PK_LIMIT_TYPES_FOREIGN; i++) {
        snprintf(name, sizeof name, "m%u", (unsigned)i);
        CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of(name)), (int)i);
    }
    CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of("one_more")), PK_E_FULL);
    CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of("m7")), 7);
    CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of("a b")), PK_E_BAD_FIELD);
    CHECK_EQ_U64(types.refused_count, 1);
    for (uint32_t i = PK_LIMIT_TYPES_FOREIGN; i < PK_LIMIT_TYPES; i++) {
        snprintf(name, sizeof name, "own%u", (unsigned)i);
        CHECK_EQ_INT(pk_types_intern(&types, pk_str_of(name)), (int)i);
    }
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("own_more")), PK_E_FULL);
    CHECK_EQ_U64(types.foreign_count, PK_LIMIT_TYPES_FOREIGN);
}

PK_TEST(types__of_senders_that_we_name__are_ours) {
    pk_types_init(&types);
    CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of("pump_dry")), 0);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("pump_dry")), 0);
    CHECK_EQ_U64(types.foreign_count, 0);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("pump_dry")), 0);
    CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of("pump_dry")), 0);
    CHECK_EQ_U64(types.foreign_count, 0); /* and stays so */
}

PK_TEST(types__cut__what_was_on_trial_is_gone_and_everything_else_is_found) {
    char name[16];
    pk_types_init(&types);
    for (uint32_t i = 0; i < PK_LIMIT_TYPES / 2u; i++) {
        snprintf(name, sizeof name, "k%u", (unsigned)i);
        CHECK_EQ_INT(pk_types_intern(&types, pk_str_of(name)), (int)i);
    }
    for (uint32_t round = 0; round < 3u; round++) {
        for (uint32_t i = PK_LIMIT_TYPES / 2u; i < PK_LIMIT_TYPES; i++) {
            snprintf(name, sizeof name, "r%u_%u", (unsigned)round, (unsigned)i);
            CHECK_EQ_INT(pk_types_intern(&types, pk_str_of(name)), (int)i);
        }
        pk_types_cut(&types, PK_LIMIT_TYPES / 2u);
        CHECK_EQ_INT(pk_types_find(&types, pk_str_of(name)), PK_E_NOT_FOUND);
        CHECK_EQ_U64(types.count, PK_LIMIT_TYPES / 2u);
    }
    for (uint32_t i = 0; i < PK_LIMIT_TYPES / 2u; i++) {
        snprintf(name, sizeof name, "k%u", (unsigned)i);
        CHECK_EQ_INT(pk_types_find(&types, pk_str_of(name)), (int)i);
    }
    CHECK_EQ_INT(pk_types_intern_foreign(&types, pk_str_of("m")), (int)(PK_LIMIT_TYPES / 2u));
    pk_types_cut(&types, PK_LIMIT_TYPES / 2u);
    CHECK_EQ_U64(types.foreign_count, 0);
    CHECK_EQ_INT(pk_types_intern(&types, pk_str_of("m")), (int)(PK_LIMIT_TYPES / 2u));
    CHECK(!types.names[PK_LIMIT_TYPES / 2u].is_foreign);
    pk_types_cut(&types, PK_LIMIT_TYPES); /* nothing newer */
    CHECK_EQ_U64(types.count, PK_LIMIT_TYPES / 2u + 1u);
}

PK_TEST(is_name__form_of_the_wire) {
    CHECK(pk_intern_is_name(pk_str_of("a")));
    CHECK(!pk_intern_is_name(pk_str_make("a\0b", 3)));
    CHECK(!pk_intern_is_name(pk_str_make(NULL, 0)));
}

PK_TEST(is_name__every_byte_and_length__as_the_general_form_of_ids_says) {
    for (unsigned c = 0; c < 256u; c++) {
        const char text[3] = {'a', (char)c, 'b'};
        const bool wanted = pk_text_is_id(pk_str_make(text, 3), ".:@", PK_EVENT_TYPE_BYTES - 1);
        CHECK_EQ_INT(pk_intern_is_name(pk_str_make(text, 3)), wanted);
    }
    static const char LONG[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
    for (size_t n = 0; n < sizeof LONG; n++) {
        CHECK_EQ_INT(pk_intern_is_name(pk_str_make(LONG, n)), n >= 1 && n <= 64);
    }
}

PK_TEST(foreign__have_a_part_of_the_table_and_share_a_name_beyond) {
    char name[24];
    pk_sources_init(&sources);
    CHECK_EQ_INT(pk_sources_intern(&sources, pk_str_of("own")), 0);
    for (uint32_t i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof name, "10.%u.%u.%u", i / 65536, i / 256 % 256, i % 256);
        const int id = pk_sources_intern_foreign(&sources, pk_str_of(name));
        REQUIRE(id > 0);
    }
    CHECK_EQ_U64(sources.foreign_count, PK_LIMIT_SOURCES_FOREIGN);
    CHECK_EQ_U64(sources.folded_count, 100000 - PK_LIMIT_SOURCES_FOREIGN);
    CHECK_EQ_U64(sources.used_count, PK_LIMIT_SOURCES_FOREIGN + 2u);
    const int others = pk_sources_find(&sources, pk_str_of(PK_SOURCE_OTHERS));
    CHECK_EQ_INT(pk_sources_intern_foreign(&sources, pk_str_of("one.more")), others);
    CHECK(!pk_sources_state(&sources, (uint16_t)others)->is_foreign);
    CHECK(pk_sources_intern(&sources, pk_str_of("device")) > others); /* room for our own */
    CHECK_EQ_INT(pk_sources_intern_foreign(&sources, pk_str_of("a b")), PK_E_BAD_FIELD);
    CHECK_EQ_U64(sources.refused_count, 0);
}

PK_TEST(foreign__that_speaks_for_itself__is_one_of_ours) {
    pk_sources_init(&sources);
    const int id = pk_sources_intern_foreign(&sources, pk_str_of("plc"));
    CHECK(pk_sources_state(&sources, (uint16_t)id)->is_foreign);
    CHECK_EQ_INT(pk_sources_intern_foreign(&sources, pk_str_of("plc")), id);
    CHECK_EQ_INT(pk_sources_intern(&sources, pk_str_of("plc")), id);
    CHECK(!pk_sources_state(&sources, (uint16_t)id)->is_foreign);
    CHECK_EQ_U64(sources.foreign_count, 0);
}

/* Against a list of what must be known, in an order that a generator chooses. */
PK_TEST(forget__ids_are_given_again_and_every_other_name_is_found) {
    static char names[PK_LIMIT_SOURCES_FOREIGN][16];
    uint32_t seed = 7;
    pk_sources_init(&sources);
    for (uint32_t i = 0; i < PK_LIMIT_SOURCES_FOREIGN; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%u", i);
        CHECK_EQ_INT(pk_sources_intern_foreign(&sources, pk_str_of(names[i])), (int)i);
    }
    for (uint32_t round = 0; round < 2000; round++) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t at = (seed >> 8) % PK_LIMIT_SOURCES_FOREIGN;
        const int id = pk_sources_find(&sources, pk_str_of(names[at]));
        REQUIRE(id >= 0);
        pk_sources_forget(&sources, (uint16_t)id);
        CHECK_EQ_INT(pk_sources_find(&sources, pk_str_of(names[at])), PK_E_NOT_FOUND);
        CHECK(pk_sources_state(&sources, (uint16_t)id) == NULL);
        CHECK_STR(pk_sources_name(&sources, (uint16_t)id), "");
        (void)snprintf(names[at], sizeof names[at], "m%u", round);
        CHECK_EQ_INT(pk_sources_intern_foreign(&sources, pk_str_of(names[at])), id);
        for (uint32_t i = at % 8u; i < PK_LIMIT_SOURCES_FOREIGN; i += 8u) {
            const int known = pk_sources_find(&sources, pk_str_of(names[i]));
            REQUIRE(known >= 0);
            CHECK_STR(pk_sources_name(&sources, (uint16_t)known), names[i]);
        }
    }
    CHECK_EQ_U64(sources.forgotten_count, 2000);
    CHECK_EQ_U64(sources.used_count, PK_LIMIT_SOURCES_FOREIGN);
}

PK_TEST(stalest__a_quarter_of_those_that_may_go) {
    uint64_t bits[PK_BITSET_WORDS(PK_LIMIT_SOURCES)];
    char name[16];
    pk_sources_init(&sources);
    const int own = pk_sources_intern(&sources, pk_str_of("own"));
    for (uint32_t i = 0; i < PK_LIMIT_SOURCES_FOREIGN; i++) {
        (void)snprintf(name, sizeof name, "f%u", i);
        const int id = pk_sources_intern_foreign(&sources, pk_str_of(name));
        REQUIRE(id > 0);
        /* The first half spoke just now, of the rest each spoke a second after the one before. */
        sources.state[id].last_seen_ms = i < PK_LIMIT_SOURCES_FOREIGN / 2u ? 999999999u : i * 1000u;
    }
    const int owing = pk_sources_find(&sources, pk_str_of(name));
    sources.state[owing].promised_ms = 1;
    const uint32_t found = pk_sources_stalest(&sources, 1000000000u, 10000, bits);
    CHECK(found >= PK_LIMIT_SOURCES_FOREIGN / 4u && found < PK_LIMIT_SOURCES_FOREIGN / 2u);
    CHECK_EQ_U64(pk_bitset_count(bits, PK_LIMIT_SOURCES), found);
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, (uint32_t)own));
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, (uint32_t)owing));
    CHECK(!pk_bitset_has(bits, PK_LIMIT_SOURCES, 1)); /* f0 spoke just now */
    CHECK_EQ_U64(pk_sources_stalest(&sources, 1000000000u, 2000000000u, bits), 0);
    CHECK_EQ_U64(pk_bitset_count(bits, PK_LIMIT_SOURCES), 0);
}

PK_TEST_MAIN(intern__same_name__same_id, intern__what_is_no_name__is_refused,
             intern__table_full__refuses_new_and_keeps_old, is_name__form_of_the_wire,
             is_name__every_byte_and_length__as_the_general_form_of_ids_says,
             types__that_senders_name__have_a_part_of_the_table, types__of_senders_that_we_name__are_ours,
             types__cut__what_was_on_trial_is_gone_and_everything_else_is_found,
             foreign__have_a_part_of_the_table_and_share_a_name_beyond,
             foreign__that_speaks_for_itself__is_one_of_ours,
             forget__ids_are_given_again_and_every_other_name_is_found,
             stalest__a_quarter_of_those_that_may_go)
