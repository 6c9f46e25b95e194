#include "wire/pk_hub_ack.h"

#include "base/pk_assert.h"
#include "support/pk_test.h"

static struct pk_hub_ack ack;

static int parse(const char *args) {
    return pk_hub_ack_parse(pk_str_of(args), &ack);
}

PK_TEST(hub_ack__ranges_with_holes__name_what_they_hold) {
    CHECK_EQ_INT(parse("{\"boot\":7,\"ranges\":[[10,12],[4,4], [20 ,31]]}"), PK_OK);
    CHECK_EQ_U64(ack.boot, 7);
    static const uint64_t IN[] = {4, 10, 11, 12, 20, 31}, OUT[] = {0, 3, 5, 9, 13, 19, 32, UINT64_MAX};
    for (unsigned i = 0; i < PK_COUNT_OF(IN); i++) {
        CHECK(pk_hub_ack_names(&ack, IN[i]));
    }
    for (unsigned i = 0; i < PK_COUNT_OF(OUT); i++) {
        CHECK(!pk_hub_ack_names(&ack, OUT[i]));
    }
    CHECK_EQ_U64(ack.low, 4);
    CHECK_EQ_U64(ack.high, 31);
}

PK_TEST(hub_ack__no_ranges__names_nothing) {
    CHECK_EQ_INT(parse("{\"ranges\":[],\"boot\":4294967295}"), PK_OK);
    CHECK_EQ_U64(ack.boot, UINT32_MAX);
    CHECK(!pk_hub_ack_names(&ack, 0));
    CHECK(ack.low > ack.high);
}

PK_TEST(hub_ack__bad_form__is_refused) {
    static const struct {
        const char *args;
        int err;
    } BAD[] = {{"", PK_E_BAD_MSG},
               {"[]", PK_E_BAD_MSG},
               {"{}", PK_E_MISSING_FIELD},
               {"{\"boot\":1}", PK_E_MISSING_FIELD},
               {"{\"ranges\":[]}", PK_E_MISSING_FIELD},
               {"{\"boot\":1,\"ranges\":[],\"all\":true}", PK_E_UNKNOWN_FIELD},
               {"{\"boot\":-1,\"ranges\":[]}", PK_E_BAD_FIELD},
               {"{\"boot\":4294967296,\"ranges\":[]}", PK_E_BAD_FIELD},
               {"{\"boot\":\"1\",\"ranges\":[]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":{}}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[1,2]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[1]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[1,2,3]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[1,2],[3,[4]]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[2,1]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[1.5,2]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[-1,2]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[0,9223372036854775808]]}", PK_E_BAD_FIELD},
               {"{\"boot\":1,\"ranges\":[[1,2]]", PK_E_BAD_MSG}};
    for (unsigned i = 0; i < PK_COUNT_OF(BAD); i++) {
        CHECK_EQ_INT(parse(BAD[i].args), BAD[i].err);
    }
    CHECK_EQ_INT(parse("{\"boot\":1,\"ranges\":[[0,9223372036854775807]]}"), PK_OK);
}

PK_TEST_MAIN(hub_ack__ranges_with_holes__name_what_they_hold, hub_ack__no_ranges__names_nothing,
             hub_ack__bad_form__is_refused)
