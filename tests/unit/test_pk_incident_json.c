#include "wire/pk_incident_json.h"

#include "support/pk_golden.h"
#include "support/pk_sample.h"
#include "support/pk_test.h"

static char text[16384];
static struct pk_buf b;
static struct pk_json_writer w;
static struct pk_incident_doc doc;

static struct pk_str write(const struct pk_incident *i, bool with_aliases) {
    const struct pk_incident_view view = {.site = pk_str_of("plant"),
                                          .gateway = pk_str_of("gw-1"),
                                          .response_team = pk_str_of("on-call"),
                                          .boot = 7,
                                          .seq = 123,
                                          .with_aliases = with_aliases};
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_incident_json_write(&w, NULL, i, &view);
    CHECK(!b.is_cut);
    return pk_buf_str(&b);
}

static int read(const char *json, const char **field) {
    const struct pk_str s = pk_str_of(json);
    return pk_incident_json_read(s.p, s.n, &doc, field);
}

PK_TEST(incident_json__write__is_the_golden_vector) {
    char want[8192];
    const struct pk_incident i = pk_sample_incident();
    struct pk_str golden = pk_golden("incident.json", want, sizeof want);
    golden = pk_str_trim(golden);
    want[golden.n] = '\0';
    (void)write(&i, false);
    CHECK_STR(text, want);
    golden = pk_str_trim(pk_golden("incident_aliases.json", want, sizeof want));
    want[golden.n] = '\0';
    (void)write(&i, true);
    CHECK_STR(text, want);
}

PK_TEST(incident_json__read__gives_back_what_was_written) {
    const struct pk_incident i = pk_sample_incident();
    const char *field = "x";
    const struct pk_str s = write(&i, false);
    CHECK_EQ_INT(pk_incident_json_read(s.p, s.n, &doc, &field), PK_OK);
    CHECK_STR(field, "");
    CHECK_STR(doc.site, "plant");
    CHECK_STR(doc.gateway, "gw-1");
    CHECK_EQ_U64(doc.boot, 7);
    CHECK_EQ_U64(doc.seq, 123);
    CHECK(doc.mttd.is_known && doc.mttd.ms == 1250);
    CHECK(doc.mtta.is_known && doc.mtta.ms == 30000);
    CHECK(doc.mttr.is_known && doc.mttr.ms == 60000);
    /* The boot-time clock does not travel: everything else is equal. */
    struct pk_incident want = i;
    struct pk_stamp *const stamps[] = {&want.first_event, &want.detected,  &want.acknowledged,
                                       &want.mitigated,   &want.resolved,  &want.closed,
                                       &want.escalated,   &want.ack_until, &want.stage_since};
    for (unsigned k = 0; k < 8; k++) {
        stamps[k]->boot = 0;
        stamps[k]->mono_ms = 0;
        stamps[k]->quality = PK_TIME_NTP;
    }
    CHECK_EQ_U64(doc.incident.number, want.number);
    CHECK_EQ_U64(doc.incident.boot, want.boot);
    CHECK_EQ_U64(doc.incident.rev, want.rev);
    CHECK_EQ_U64(doc.incident.fingerprint, want.fingerprint);
    CHECK_STR(doc.incident.description, want.description);
    CHECK_EQ_INT(doc.incident.severity, want.severity);
    CHECK_EQ_INT(doc.incident.status, want.status);
    CHECK_EQ_INT(doc.incident.stage, want.stage);
    CHECK(doc.incident.is_announced && doc.incident.is_severity_set && !doc.incident.is_auto_resolved);
    CHECK_STR(doc.incident.acked_by, "ann");
    CHECK_EQ_U64(doc.incident.silenced_by, 4);
    CHECK_EQ_U64(doc.incident.blast_count, 3);
    CHECK_EQ_U64(doc.incident.child_count, 2);
    CHECK_EQ_INT(memcmp(doc.incident.stage_ms, want.stage_ms, sizeof want.stage_ms), 0);
    CHECK_EQ_INT(doc.incident.ack_until.wall_ms, want.ack_until.wall_ms);
    CHECK_EQ_INT(doc.incident.stage_since.wall_ms, want.stage_since.wall_ms);
    CHECK(doc.incident.is_acked && doc.incident.is_flapping && !doc.incident.is_drill &&
          !doc.incident.is_replayed);
    CHECK_MEM(&doc.incident.first_event, &want.first_event, sizeof want.first_event);
    CHECK_MEM(&doc.incident.resolved, &want.resolved, sizeof want.resolved);
    CHECK_MEM(&doc.incident.closed, &want.closed, sizeof want.closed);
    CHECK_EQ_U64(doc.incident.source_events[1].sequence, 18);
    CHECK_EQ_U64(doc.incident.source_events_overflow, 4);
    CHECK_EQ_U64(doc.incident.flap_count, 3);
    CHECK_STR(doc.incident.group_key, "api");
    CHECK_STR(doc.incident.components[1], "db");
    CHECK_EQ_INT(doc.incident.causes[0].confidence_milli, 875);
    CHECK_STR(doc.incident.causes[0].evidence, want.causes[0].evidence);
    CHECK_STR(doc.incident.causes[1].evidence, "");
    CHECK_EQ_INT(doc.incident.action_count, 1);
    CHECK_EQ_U64(doc.incident.actions[0].run, 3);
    CHECK_EQ_INT(doc.incident.actions[0].state, PK_RUN_COMPLETED);
    CHECK_STR(doc.incident.actions[0].result, "verified");
    CHECK_STR(doc.incident.recommended[1], "notify_team");
    CHECK_STR(doc.incident.caused_by, want.caused_by);
    /* And written again it is the same text, but for the durations, which are computed from the boot-time
     * clock. */
    const struct pk_incident again = doc.incident;
    static char first[16384];
    memcpy(first, text, s.n + 1);
    (void)write(&again, false);
    CHECK_STR(text, first);
}

PK_TEST(incident_json__open_incident__has_every_member_with_null) {
    struct pk_incident i = {.number = 1, .boot = 2, .rev = 1, .id = "inc_gw-1_2_00001"};
    const struct pk_str s = write(&i, true);
    CHECK(strstr(text, "\"resolved_at\":null") != NULL);
    CHECK(strstr(text, "\"mttr_seconds\":null") != NULL);
    CHECK(strstr(text, "\"causes\":[]") != NULL);
    CHECK(strstr(text, "\"affected_systems\":[]") != NULL);
    CHECK(strstr(text, "\"timestamp\":null") != NULL);
    const char *field;
    CHECK_EQ_INT(pk_incident_json_read(s.p, s.n, &doc, &field), PK_OK);
    CHECK(!doc.mttr.is_known);
    CHECK_EQ_INT((int)doc.incident.resolved.wall_ms, 0);
}

PK_TEST(incident_json__fullest__fits_the_payload_limit) {
    struct pk_incident i = pk_sample_fullest();
    (void)write(&i, true);
    CHECK(b.n < 8192);
}

PK_TEST(incident_json__aliases_and_unknown_members__are_accepted) {
    const char *field;
    CHECK_EQ_INT(
        read("{\"incident_id\":\"inc_g_1_00002\",\"rev\":1,\"severity\":\"P1\",\"status\":\"containing\","
             "\"affected_systems\":[\"a\",\"b\"],\"mttd\":1.5,\"mttr\":2,\"timestamp\":\"2026-09-21T14:13:"
             "20Z\","
             "\"new_thing\":{\"deep\":[1,2,{}]},\"v\":1}",
             &field),
        PK_OK);
    CHECK_EQ_INT(doc.incident.severity, PK_SEV_HIGH);
    CHECK_EQ_INT(doc.incident.status, PK_INC_MITIGATING);
    CHECK_EQ_INT(doc.incident.stage, PK_STAGE_CONTAIN);
    CHECK_EQ_INT(doc.incident.component_count, 2);
    CHECK_STR(doc.incident.components[1], "b");
    CHECK_EQ_U64(doc.mttd.ms, 1500);
    CHECK(!doc.mtta.is_known);
    CHECK_EQ_U64(doc.mttr.ms, 2000);
    CHECK(doc.incident.detected.wall_ms == 1790000000000);
}

PK_TEST(incident_json__longer_lists_and_texts__are_cut_and_counted) {
    const char *field;
    CHECK_EQ_INT(
        read("{\"incident_id\":\"inc_g_1_00002\",\"rev\":1,\"severity\":\"low\",\"status\":\"open\","
             "\"affected_components\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"],"
             "\"source_events\":[\"1-1\",\"1-2\",\"1-3\",\"1-4\",\"1-5\",\"1-6\",\"1-7\",\"1-8\",\"1-9\"],"
             "\"causes\":[{\"cause\":\"a\"},{\"cause\":\"b\"},{\"cause\":\"c\"},{\"cause\":\"d\"}],"
             "\"assigned_to\":\"0123456789012345678901234567890123456789\"}",
             &field),
        PK_OK);
    CHECK_EQ_INT(doc.incident.component_count, PK_INC_COMPONENTS);
    CHECK_EQ_U64(doc.incident.components_overflow, 2);
    CHECK_EQ_U64(doc.incident.source_events_overflow, 1);
    CHECK_EQ_INT(doc.incident.texts_overflow, 1);
    CHECK_STR(doc.incident.assigned_to, "01234567890123456789012345678901");
}

PK_TEST(incident_json__bad_documents__are_refused_by_field) {
#define BASE "\"incident_id\":\"inc_g_1_00002\",\"rev\":1,\"severity\":\"low\",\"status\":\"open\""
    static const struct {
        const char *json;
        int err;
        const char *field;
    } CASES[] = {
        {"", PK_E_BAD_MSG, ""},
        {"[]", PK_E_BAD_MSG, ""},
        {"{", PK_E_BAD_MSG, ""},
        {"{" BASE "} x", PK_E_BAD_MSG, ""},
        {"{\"rev\":1}", PK_E_MISSING_FIELD, "incident_id"},
        {"{\"incident_id\":\"inc_g_1_00002\"}", PK_E_MISSING_FIELD, "rev"},
        {"{\"incident_id\":\"inc_g_1_00002\",\"rev\":1}", PK_E_MISSING_FIELD, "severity"},
        {"{" BASE ",\"v\":2}", PK_E_UNSUPPORTED, "v"},
        {"{" BASE ",\"rev\":-1}", PK_E_BAD_FIELD, "rev"},
        {"{" BASE ",\"incident_id\":\"inc_00002\"}", PK_E_BAD_FIELD, "incident_id"},
        {"{" BASE ",\"incident_id\":\"inc_\\u0000g_1_00002\"}", PK_E_BAD_FIELD, "incident_id"},
        {"{" BASE ",\"severity\":\"awful\"}", PK_E_BAD_FIELD, "severity"},
        {"{" BASE ",\"status\":\"gone\"}", PK_E_BAD_FIELD, "status"},
        {"{" BASE ",\"stage\":\"gone\"}", PK_E_BAD_FIELD, "stage"},
        {"{" BASE ",\"fingerprint\":\"12\"}", PK_E_BAD_FIELD, "fingerprint"},
        {"{" BASE ",\"detected_at\":\"yesterday\"}", PK_E_BAD_FIELD, "detected_at"},
        {"{" BASE ",\"mttd_seconds\":-1}", PK_E_BAD_FIELD, "mttd_seconds"},
        {"{" BASE ",\"mttd_seconds\":1e300}", PK_E_BAD_FIELD, "mttd_seconds"},
        {"{" BASE ",\"source_events\":[\"7\"]}", PK_E_BAD_FIELD, "source_events"},
        {"{" BASE ",\"source_events\":{}}", PK_E_BAD_FIELD, "source_events"},
        {"{" BASE ",\"affected_components\":[1]}", PK_E_BAD_FIELD, "affected_components"},
        {"{" BASE ",\"causes\":[{\"confidence\":1.5}]}", PK_E_BAD_FIELD, "causes"},
        {"{" BASE ",\"actions\":[{\"run_id\":\"1\",\"state\":\"asleep\"}]}", PK_E_BAD_FIELD, "actions"},
        {"{" BASE ",\"overflow\":{\"texts\":70000}}", PK_E_BAD_FIELD, "overflow"},
        {"{" BASE ",\"time_quality\":\"guess\"}", PK_E_BAD_FIELD, "time_quality"},
        {"{" BASE ",\"acked\":\"yes\"}", PK_E_BAD_FIELD, "acked"},
        {"{" BASE ",\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", PK_E_TOO_DEEP, ""},
    };
    for (unsigned k = 0; k < sizeof CASES / sizeof CASES[0]; k++) {
        const char *field = "unset";
        const int err = read(CASES[k].json, &field);
        if (err != CASES[k].err || strcmp(field, CASES[k].field) != 0) {
            CHECK_STR(CASES[k].json, "");
        }
        CHECK_EQ_INT(err, CASES[k].err);
        CHECK_STR(field, CASES[k].field);
    }
}

PK_TEST(incident_json__every_truncation__is_refused) {
    const struct pk_incident i = pk_sample_incident();
    const struct pk_str s = write(&i, true);
    const char *field;
    for (uint32_t n = 0; n < s.n; n++) {
        CHECK_EQ_INT(pk_incident_json_read(s.p, n, &doc, &field), PK_E_BAD_MSG);
    }
}

static int read_with(const char *escalation, const char **field) {
    char json[600];
    struct pk_buf to;
    pk_buf_init(&to, json, sizeof json);
    pk_buf_puts(&to,
                "{\"incident_id\":\"inc_g_1_00001\",\"rev\":1,\"severity\":\"low\",\"status\":\"detected\",");
    pk_buf_puts(&to, "\"escalation\":");
    pk_buf_puts(&to, escalation);
    pk_buf_puts(&to, "}");
    return read(json, field);
}

PK_TEST(incident_json__escalation__whole_or_refused) {
    static const char *const BAD[] = {"{\"tier\":10,\"reason\":\"rule\"}",
                                      "{\"tier\":1}",
                                      "{\"tier\":0,\"reason\":\"rule\"}",
                                      "{\"tier\":1,\"reason\":\"boredom\"}",
                                      "{\"tier\":-1,\"reason\":\"rule\"}",
                                      "{\"reason\":\"rule\"}",
                                      "{\"tier\":1,\"at\":\"soon\",\"reason\":\"rule\"}",
                                      "7"};
    const char *field = "";
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(read_with(BAD[i], &field), PK_E_BAD_FIELD);
        CHECK_STR(field, "escalation");
    }
    CHECK_EQ_INT(read_with("null", &field), PK_OK);
    CHECK_EQ_INT(doc.incident.escalation_tier, 0);
    CHECK_EQ_INT(read_with("{\"tier\":0,\"next_at\":\"2026-09-21T14:14:21.250Z\"}", &field), PK_OK);
    CHECK_EQ_INT(doc.incident.escalate_due.wall_ms, 1790000061250);
    CHECK_EQ_INT(read_with("{\"tier\":9,\"at\":\"2026-09-21T14:14:21.250Z\",\"reason\":\"person\"}", &field),
                 PK_OK);
    CHECK_EQ_INT(doc.incident.escalation_tier, 9);
    CHECK_EQ_INT(doc.incident.escalation_reason, PK_ESC_PERSON);
}

PK_TEST_MAIN(incident_json__escalation__whole_or_refused, incident_json__write__is_the_golden_vector,
             incident_json__read__gives_back_what_was_written,
             incident_json__open_incident__has_every_member_with_null,
             incident_json__fullest__fits_the_payload_limit,
             incident_json__aliases_and_unknown_members__are_accepted,
             incident_json__longer_lists_and_texts__are_cut_and_counted,
             incident_json__bad_documents__are_refused_by_field, incident_json__every_truncation__is_refused)
