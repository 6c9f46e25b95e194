#include "ctl/pk_ctl_findings.h"

#include <string.h>

#include "support/pk_test.h"

PK_TEST(findings__ours_and_the_agents) {
    struct pk_ctl_findings f;
    pk_ctl_findings_begin(&f);
    pk_ctl_findings_say(&f, "disk", PK_CTL_FINE, "a \"b\"", "");
    pk_ctl_findings_take(&f, pk_str_of("{\"check\":\"x\",\"verdict\":\"warning\"}"));
    pk_ctl_findings_take(&f, pk_str_of("7"));
    CHECK(!f.has_error);
    pk_ctl_findings_take(&f, pk_str_of("{\"verdict\":\"error\"}"));
    CHECK(f.has_error);
    CHECK(pk_str_eq_c(
        pk_ctl_text_str(&f.json),
        "{\"findings\":[{\"check\":\"disk\",\"verdict\":\"ok\",\"what\":\"a \\\"b\\\"\",\"cure\":\"\"},{"
        "\"check\":\"x\",\"verdict\":\"warning\"},{\"verdict\":\"error\"}"));
    pk_ctl_findings_free(&f);
    pk_ctl_findings_begin(&f);
    pk_ctl_findings_add(&f, "c", PK_CTL_ERROR, pk_str_of("w"), "do");
    CHECK(f.has_error);
    pk_ctl_findings_free(&f);
}

PK_TEST_MAIN(findings__ours_and_the_agents)
