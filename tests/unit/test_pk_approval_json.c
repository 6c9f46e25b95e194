#include "wire/pk_approval_json.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static char text[4096], space[4096];
static struct pk_buf b;

static struct pk_approval_doc sample(void) {
    return (struct pk_approval_doc){
        .approval_id = pk_str_of("apr_7_3"),
        .incident_id = pk_str_of("inc_gw-1_7_00042"),
        .action = pk_str_of("rollback_deployment"),
        .target = pk_str_of("api"),
        .risk = pk_str_of("medium"),
        .estimated_impact = pk_str_of("api is gone for about 20 s"),
        .run = 3,
        .risk_factors = {{pk_str_of("target is critical"), pk_str_of("tried \"once\" before")}, 2},
        .mitigation_steps = {{pk_str_of("snapshot is taken first")}, 1},
        .affected_resources = {{pk_str_of("api"), pk_str_of("web")}, 2},
        .evidence = {{pk_str_of("exit 137, 3 times in 5 m")}, 1},
        .undo = pk_str_of("deploy the newer one again"),
        .requested_wall_ms = 1790000000000,
        .expires_wall_ms = 1790000300000,
        .needs = 1,
        .role = pk_str_of("approver"),
        .state = pk_str_of("awaiting_approval"),
    };
}

static struct pk_str write(const struct pk_approval_doc *a) {
    struct pk_json_writer w;
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_approval_json_write(&w, NULL, a);
    CHECK(!b.is_cut);
    return pk_buf_str(&b);
}

PK_TEST(approval_json__is_the_golden_vector_and_reads_back) {
    char want[2048];
    struct pk_approval_doc back;
    const struct pk_approval_doc a = sample();
    const struct pk_str golden = pk_str_trim(pk_golden("approval.json", want, sizeof want));
    want[golden.n] = '\0';
    const struct pk_str got = write(&a);
    CHECK_STR(text, want);
    CHECK_EQ_INT(pk_approval_json_read(got.p, got.n, space, got.n, &back), PK_OK);
    CHECK(pk_str_eq(back.approval_id, a.approval_id));
    CHECK(pk_str_eq(back.estimated_impact, a.estimated_impact));
    CHECK_EQ_U64(back.run, 3);
    CHECK_EQ_U64(back.risk_factors.count, 2);
    CHECK(pk_str_eq(back.risk_factors.items[1], a.risk_factors.items[1]));
    CHECK(pk_str_eq(back.evidence.items[0], a.evidence.items[0]));
    CHECK_EQ_U64(back.affected_resources.count, 2);
    CHECK(back.expires_wall_ms == a.expires_wall_ms);
    CHECK_EQ_INT(back.needs, 1);
    CHECK(pk_str_eq(back.state, a.state));
    CHECK_EQ_U64(back.decided_by.n, 0);
}

PK_TEST(approval_json__bad__is_refused) {
    static const struct {
        const char *json;
        int err;
    } CASES[] = {
        {"", PK_E_BAD_MSG},
        {"{}", PK_E_MISSING_FIELD},
        {"{\"approval_id\":1,\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\"}", PK_E_BAD_FIELD},
        {"{\"approval_id\":\"1\",\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\",\"evidence\":[1]}",
         PK_E_BAD_FIELD},
        {"{\"approval_id\":\"1\",\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\",\"evidence\":{}}",
         PK_E_BAD_FIELD},
        {"{\"approval_id\":\"1\",\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\",\"run_id\":\"7-3\"}",
         PK_E_BAD_FIELD},
        {"{\"approval_id\":\"1\",\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\",\"needs\":300}",
         PK_E_BAD_FIELD},
        {"{\"approval_id\":\"1\",\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\",\"later\":{\"x\":1}}",
         PK_OK},
    };
    struct pk_approval_doc back;
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(
            pk_approval_json_read(CASES[i].json, (uint32_t)strlen(CASES[i].json), space, sizeof space, &back),
            CASES[i].err);
    }
    const struct pk_approval_doc a = sample();
    const struct pk_str got = write(&a);
    CHECK_EQ_INT(pk_approval_json_read(got.p, got.n, space, 40, &back), PK_E_TOO_BIG);
    for (uint32_t n = 0; n < got.n; n++) {
        CHECK_EQ_INT(pk_approval_json_read(got.p, n, space, sizeof space, &back), PK_E_BAD_MSG);
    }
}

PK_TEST(approval_json__longer_list__is_cut_at_the_bound) {
    static const char JSON[] =
        "{\"approval_id\":\"1\",\"incident_id\":\"i\",\"action\":\"a\",\"state\":\"s\","
        "\"evidence\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}";
    struct pk_approval_doc back;
    CHECK_EQ_INT(pk_approval_json_read(JSON, sizeof JSON - 1, space, sizeof space, &back), PK_OK);
    CHECK_EQ_U64(back.evidence.count, PK_APPROVAL_LIST_MAX);
    CHECK(pk_str_eq_c(back.evidence.items[7], "8"));
}

PK_TEST_MAIN(approval_json__is_the_golden_vector_and_reads_back, approval_json__bad__is_refused,
             approval_json__longer_list__is_cut_at_the_bound)
