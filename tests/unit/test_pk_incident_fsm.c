#include "incident/pk_incident_fsm.h"

#include <string.h>

#include "incident/pk_incident_words.h"
#include "support/pk_test.h"

/* Every cell once more, as text: '.' is illegal, a letter the status after the event (d i m t r c f). Order
 * of events as in the enum. */
static const char WANTED[PK_INC_STATUS_COUNT][PK_INC_EVENT_COUNT + 1] = {
    [PK_INC_DETECTED] = "ddm..t.idimtr.f",      [PK_INC_INVESTIGATING] = "iimtit...imtr.f",
    [PK_INC_MITIGATING] = "mmmtit...imtr.f",    [PK_INC_MITIGATED] = "itmtttr..imtr.f",
    [PK_INC_RESOLVED] = "ir.rrr...i..rcf",      [PK_INC_CLOSED] = ".............c.",
    [PK_INC_FALSE_POSITIVE] = "..............f"};
static const char LETTERS[] = "dimtrcf";

PK_TEST(table__every_cell) {
    for (uint8_t s = 0; s < PK_INC_STATUS_COUNT; s++) {
        CHECK_EQ_U64(strlen(WANTED[s]), PK_INC_EVENT_COUNT);
        for (unsigned e = 0; e < PK_INC_EVENT_COUNT; e++) {
            struct pk_incident_cell c;
            const int err = pk_incident_fsm_next(s, (enum pk_incident_event)e, &c);
            if (WANTED[s][e] == '.') {
                CHECK_EQ_INT(err, PK_E_CONFLICT);
                continue;
            }
            CHECK_EQ_INT(err, PK_OK);
            CHECK_EQ_INT(LETTERS[c.status], WANTED[s][e]);
            CHECK(!c.keeps_stage || c.status == s);
            CHECK(c.keeps_stage || pk_incident_stage_fits(c.status, c.stage));
        }
    }
}

PK_TEST(table__stamps_follow_the_status) {
    for (uint8_t s = 0; s < PK_INC_STATUS_COUNT; s++) {
        for (unsigned e = 0; e < PK_INC_EVENT_COUNT; e++) {
            struct pk_incident_cell c;
            if (pk_incident_fsm_next(s, (enum pk_incident_event)e, &c) != PK_OK) {
                continue;
            }
            CHECK_EQ_INT((c.effects & PK_INC_DO_RESOLVE) != 0,
                         s != PK_INC_RESOLVED && c.status == PK_INC_RESOLVED);
            CHECK_EQ_INT((c.effects & PK_INC_DO_REOPEN) != 0,
                         s == PK_INC_RESOLVED && pk_incident_status_is_active(c.status));
            CHECK_EQ_INT((c.effects & PK_INC_DO_MITIGATE) != 0,
                         s < PK_INC_MITIGATED && c.status == PK_INC_MITIGATED);
            CHECK_EQ_INT((c.effects & (PK_INC_DO_RELAPSE | PK_INC_DO_UNMITIGATE)) != 0,
                         s == PK_INC_MITIGATED && c.status < PK_INC_MITIGATED);
            CHECK_EQ_INT((c.effects & PK_INC_DO_CLOSE) != 0, s != c.status && c.status >= PK_INC_CLOSED);
        }
    }
}

PK_TEST(table__close_only_from_resolved_and_every_status_is_reachable) {
    bool is_reached[PK_INC_STATUS_COUNT] = {[PK_INC_DETECTED] = true};
    for (int round = 0; round < PK_INC_STATUS_COUNT; round++) {
        for (uint8_t s = 0; s < PK_INC_STATUS_COUNT; s++) {
            for (unsigned e = 0; is_reached[s] && e < PK_INC_EVENT_COUNT; e++) {
                struct pk_incident_cell c;
                if (pk_incident_fsm_next(s, (enum pk_incident_event)e, &c) == PK_OK) {
                    CHECK(c.status != PK_INC_CLOSED || s == PK_INC_RESOLVED || s == PK_INC_CLOSED);
                    is_reached[c.status] = true;
                }
            }
        }
    }
    for (uint8_t s = 0; s < PK_INC_STATUS_COUNT; s++) {
        CHECK(is_reached[s]);
    }
}

PK_TEST(event_of__every_status_a_person_can_ask_for) {
    for (uint8_t s = 0; s < PK_INC_STATUS_COUNT; s++) {
        struct pk_incident_cell c;
        const enum pk_incident_event e = pk_incident_fsm_event_of(s);
        if (s != PK_INC_CLOSED && s != PK_INC_DETECTED) {
            CHECK_EQ_INT(pk_incident_fsm_next(PK_INC_DETECTED, e, &c), PK_OK);
            CHECK_EQ_INT(c.status, s);
        }
    }
}

PK_TEST(print__one_line_for_each_legal_cell) {
    static char text[8192];
    struct pk_buf b;
    unsigned lines = 0, legal = 0;
    pk_buf_init(&b, text, sizeof text);
    pk_incident_fsm_print(&b);
    CHECK(!b.is_cut);
    for (uint32_t i = 0; i < b.n; i++) {
        lines += text[i] == '\n' ? 1u : 0u;
    }
    for (unsigned s = 0; s < PK_INC_STATUS_COUNT; s++) {
        for (const char *p = WANTED[s]; *p != '\0'; p++) {
            legal += *p != '.' ? 1u : 0u;
        }
    }
    CHECK_EQ_U64(lines, legal);
    CHECK(strstr(text, "mitigated + fired -> investigating/investigate: relapse, join\n") != NULL);
    CHECK(strstr(text, "resolved + closed -> closed/postmortem: stamp_closed\n") != NULL);
    CHECK_STR(pk_incident_event_word(PK_INC_EVENT_COUNT), "unknown");
}

PK_TEST_MAIN(table__every_cell, table__stamps_follow_the_status,
             table__close_only_from_resolved_and_every_status_is_reachable,
             event_of__every_status_a_person_can_ask_for, print__one_line_for_each_legal_cell)
