#include "incident/pk_incident_id.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_incident_ref ref;

static int parse(const char *s) {
    return pk_incident_id_parse(pk_str_of(s), &ref);
}

PK_TEST(make__pads_to_five_digits) {
    char id[PK_INC_ID_BYTES];
    pk_incident_id_make(id, pk_str_of("gw-01"), 12, 123);
    CHECK_STR(id, "inc_gw-01_12_00123");
    pk_incident_id_make(id, pk_str_of("a_b"), 0, 1234567);
    CHECK_STR(id, "inc_a_b_0_1234567");
    pk_incident_id_make(id, pk_str_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"), UINT32_MAX, UINT32_MAX);
    CHECK_STR(id, "inc_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345_4294967295_4294967295");
}

PK_TEST(parse__what_make_makes) {
    static const char *const GATEWAYS[] = {"g",  "a_b_1",   "_",
                                           "12", "x_00001", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"};
    static const uint32_t NUMBERS[] = {1, 9, 99999, 100000, UINT32_MAX};
    for (size_t i = 0; i < sizeof GATEWAYS / sizeof GATEWAYS[0]; i++) {
        for (size_t k = 0; k < sizeof NUMBERS / sizeof NUMBERS[0]; k++) {
            char id[PK_INC_ID_BYTES];
            pk_incident_id_make(id, pk_str_of(GATEWAYS[i]), NUMBERS[k] - 1, NUMBERS[k]);
            CHECK_EQ_INT(parse(id), PK_OK);
            CHECK_STR(ref.gateway, GATEWAYS[i]);
            CHECK_EQ_U64(ref.boot, NUMBERS[k] - 1);
            CHECK_EQ_U64(ref.number, NUMBERS[k]);
            CHECK(!ref.is_short);
        }
    }
}

PK_TEST(parse__short_form) {
    CHECK_EQ_INT(parse("inc_00123"), PK_OK);
    CHECK(ref.is_short);
    CHECK_EQ_U64(ref.number, 123);
    CHECK_EQ_INT(parse("inc_7"), PK_OK);
    CHECK_EQ_U64(ref.number, 7);
}

PK_TEST(parse__refuses_everything_else) {
    static const char *const BAD[] = {
        "",
        "inc",
        "inc_",
        "inc__",
        "inc_0",
        "inc_00000",
        "inc_x",
        "INC_1",
        "1",
        "inc_gw_1",
        "inc_gw_1_123",
        "inc_gw_01_00123",
        "inc_gw_1_000123",
        "inc_gw_1_00123 ",
        " inc_1",
        "inc_gw_1_-0123",
        "inc_g/w_1_00123",
        "inc_4294967296",
        "inc_gw_4294967296_00001",
        "inc_gw_99999999999_00001",
        "inc_1_1",
        "inc_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456_1_00001",
        "inc_ABCDEFGHIJKLMNOPQRSTUVWXYZ012345_1_00001_ABCDEFGHIJKLMNOPQRSTUVWXYZ_00001"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_STR(parse(BAD[i]) == PK_E_BAD_FIELD ? "refused" : BAD[i], "refused");
    }
    CHECK_EQ_INT(pk_incident_id_parse(pk_str_make("inc_1\0", 6), &ref), PK_E_BAD_FIELD);
}

PK_TEST_MAIN(make__pads_to_five_digits, parse__what_make_makes, parse__short_form,
             parse__refuses_everything_else)
