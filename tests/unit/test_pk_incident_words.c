#include "incident/pk_incident_words.h"

#include "support/pk_test.h"

PK_TEST(words__every_value_both_ways) {
    uint8_t v = 99, stage = 99;
    for (uint8_t i = 0; i < PK_INC_STATUS_COUNT; i++) {
        CHECK_EQ_INT(pk_incident_status_parse(pk_str_of(pk_incident_status_word(i)), &v, &stage), PK_OK);
        CHECK_EQ_INT(v, i);
        CHECK(pk_incident_stage_fits(i, stage));
    }
    for (uint8_t i = 0; i < PK_STAGE_COUNT; i++) {
        CHECK_EQ_INT(pk_incident_stage_parse(pk_str_of(pk_incident_stage_word(i)), &v), PK_OK);
        CHECK_EQ_INT(v, i);
    }
    for (uint8_t i = 0; i < PK_RUN_STATE_COUNT; i++) {
        CHECK_EQ_INT(pk_run_state_parse(pk_str_of(pk_run_state_word(i)), &v), PK_OK);
        CHECK_EQ_INT(v, i);
    }
    for (uint8_t i = 0; i < PK_INC_TYPE_COUNT; i++) {
        CHECK_EQ_INT(pk_incident_type_parse(pk_str_of(pk_incident_type_word(i)), &v), PK_OK);
        CHECK_EQ_INT(v, i);
        CHECK(pk_incident_type_title(i)[0] >= 'A' && pk_incident_type_title(i)[0] <= 'Z');
    }
    CHECK_STR(pk_incident_status_word(PK_INC_STATUS_COUNT), "unknown");
    CHECK_STR(pk_incident_stage_word(200), "unknown");
    CHECK_STR(pk_run_state_word(PK_RUN_STATE_COUNT), "unknown");
    CHECK_STR(pk_incident_type_word(PK_INC_TYPE_COUNT), "unknown");
}

PK_TEST(status__aliases_of_the_wire_contract) {
    static const struct {
        const char *word;
        uint8_t status, stage;
    } CASES[] = {{"open", PK_INC_DETECTED, PK_STAGE_ASSESS},
                 {"ASSESSING", PK_INC_DETECTED, PK_STAGE_ASSESS},
                 {"containing", PK_INC_MITIGATING, PK_STAGE_CONTAIN},
                 {"Remediating", PK_INC_MITIGATING, PK_STAGE_REMEDIATE},
                 {"recovering", PK_INC_MITIGATED, PK_STAGE_RECOVER},
                 {"INVESTIGATING", PK_INC_INVESTIGATING, PK_STAGE_INVESTIGATE},
                 {"FALSE_POSITIVE", PK_INC_FALSE_POSITIVE, PK_STAGE_POSTMORTEM}};
    static const char *const BAD[] = {"", "opened", " open", "resolved ", "unknown", "active"};
    uint8_t status = 0, stage = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(pk_incident_status_parse(pk_str_of(CASES[i].word), &status, &stage), PK_OK);
        CHECK_EQ_INT(status, CASES[i].status);
        CHECK_EQ_INT(stage, CASES[i].stage);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(pk_incident_status_parse(pk_str_of(BAD[i]), &status, &stage), PK_E_BAD_FIELD);
    }
}

PK_TEST(table__every_row_means_what_it_says) {
    uint32_t count = 0;
    const struct pk_incident_word *words = pk_incident_words(&count);
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_str word = pk_str_of(words[i].word);
        uint8_t status = 99, stage = 99;
        uint32_t bits = 0;
        const bool is_status = words[i].kind == PK_WORD_STATUS || words[i].kind == PK_WORD_ALIAS;
        CHECK_EQ_INT(pk_incident_status_parse(word, &status, &stage), is_status ? PK_OK : PK_E_BAD_FIELD);
        CHECK(!is_status || (status == words[i].status && stage == words[i].stage));
        CHECK_EQ_INT(pk_incident_stage_parse(word, &stage),
                     words[i].kind == PK_WORD_STAGE ? PK_OK : PK_E_BAD_FIELD);
        CHECK_EQ_INT(pk_incident_word_is_acked(word), words[i].kind == PK_WORD_ACKED);
        CHECK_EQ_INT(pk_incident_filter_parse(word, &bits),
                     words[i].kind == PK_WORD_STAGE ? PK_E_BAD_FIELD : PK_OK);
        CHECK_EQ_INT((bits & PK_INC_FILTER_ACKED) != 0, words[i].kind == PK_WORD_ACKED);
        CHECK(words[i].kind > PK_WORD_ALIAS || pk_incident_stage_fits(words[i].status, words[i].stage));
        for (uint32_t k = 0; k < i; k++) {
            CHECK(!pk_str_eq_nocase(word, words[k].word));
        }
    }
}

PK_TEST(filter__words_aliases_and_active) {
    uint32_t bits = 0;
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("active"), &bits), PK_OK);
    for (uint8_t i = 0; i < PK_INC_STATUS_COUNT; i++) {
        CHECK_EQ_INT((bits >> i & 1u) != 0, pk_incident_status_is_active(i));
    }
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("all"), &bits), PK_OK);
    CHECK_EQ_U64(bits, 0x7F);
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("resolved, closed"), &bits), PK_OK);
    CHECK_EQ_U64(bits, 1u << PK_INC_RESOLVED | 1u << PK_INC_CLOSED);
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("open"), &bits), PK_OK);
    CHECK_EQ_U64(bits, 1u << PK_INC_DETECTED);
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("resolved,"), &bits), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of(""), &bits), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_incident_filter_parse(pk_str_of("nonsense"), &bits), PK_E_BAD_FIELD);
}

PK_TEST(stage_fits__the_status_it_stands_beside) {
    CHECK(pk_incident_stage_fits(PK_INC_MITIGATING, PK_STAGE_REMEDIATE));
    CHECK(!pk_incident_stage_fits(PK_INC_MITIGATING, PK_STAGE_POSTMORTEM));
    CHECK(!pk_incident_stage_fits(PK_INC_RESOLVED, PK_STAGE_ASSESS));
    CHECK(!pk_incident_stage_fits(PK_INC_STATUS_COUNT, PK_STAGE_ASSESS));
    CHECK(!pk_incident_stage_fits(PK_INC_DETECTED, PK_STAGE_COUNT));
}

PK_TEST(types__severity_of_the_requirements) {
    uint8_t type = 0;
    CHECK_EQ_INT(pk_incident_type_parse(pk_str_of("Service_Down"), &type), PK_OK);
    CHECK_EQ_INT(pk_incident_type_severity(type), PK_SEV_CRITICAL);
    CHECK_EQ_INT(pk_incident_type_severity(PK_INC_TYPE_CACHE_FAILURE), PK_SEV_LOW);
    CHECK_EQ_INT(pk_incident_type_parse(pk_str_of("service-down"), &type), PK_E_NOT_FOUND);
    CHECK(PK_INC_TYPE_COUNT >= 27);
}

PK_TEST_MAIN(table__every_row_means_what_it_says, words__every_value_both_ways,
             status__aliases_of_the_wire_contract, filter__words_aliases_and_active,
             stage_fits__the_status_it_stands_beside, types__severity_of_the_requirements)
