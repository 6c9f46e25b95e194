#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static void check_answer(const char *line, const char *expected) {
    const char *answer = gateway_events(&gw, line);
    REQUIRE(answer != NULL);
    if (strstr(answer, expected) == NULL) {
        printf("# %s\n", answer);
    }
    CHECK(strstr(answer, expected) != NULL);
}

PK_TEST(line__one_event__has_its_id) {
    begin(NULL);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "{\"ok\":true,\"id\":\"%u-%u\"}\n", gw.agent.now.boot,
                   gw.agent.intake.number + 1);
    check_answer("{\"type\":\"t\",\"source\":\"s\"}\n", expected);
    check_answer("{\"type\":\"t\"}\n",
                 "{\"ok\":false,\"error\":\"missing_field\",\"field\":\"source\",\"at\":12,");
    check_answer("nonsense\n", "\"error\":\"bad_message\"");
    check_sound();
}

PK_TEST(batch__all_of_it_in_one_evaluation) {
    char expected[80];
    begin(NULL);
    const uint64_t taken = gw.agent.intake.taken_count;
    (void)snprintf(expected, sizeof expected, "{\"ok\":true,\"id\":\"%u-%u\",\"count\":3}\n",
                   gw.agent.now.boot, gw.agent.intake.number + 3);
    check_answer("[{\"type\":\"t\",\"source\":\"a\"},{\"type\":\"t\",\"source\":\"b\",\"value\":1},"
                 "{\"type\":\"t\",\"source\":\"c\"}]\n",
                 expected);
    CHECK_EQ_U64(gw.agent.intake.taken_count, taken + 3);
    check_answer("[]\n", "\"count\":0}\n");
    check_sound();
}

PK_TEST(batch__one_bad_event__nothing_is_taken) {
    begin(NULL);
    const uint64_t taken = gw.agent.intake.taken_count, bad = gw.agent.intake.bad_count;
    check_answer("[{\"type\":\"t\",\"source\":\"a\"},{\"type\":\"t\",\"source\":\"b c\"}]\n",
                 "{\"ok\":false,\"error\":\"bad_field\",\"field\":\"source\",\"at\":48,");
    check_answer("[{\"type\":\"t\",\"source\":\"a\"},5]\n",
                 "\"at\":27,\"message\":\"a batch is an array of events\"");
    check_answer("[{\"type\":\"t\",\"source\":\"a\"}\n", "\"error\":\"bad_message\"");
    check_answer("[{\"type\":\"t\",\"source\":\"a\"}]x\n", "\"error\":\"bad_message\"");
    check_answer("[[{\"type\":\"t\",\"source\":\"a\"}]]\n", "\"error\":\"bad_message\"");
    CHECK_EQ_U64(gw.agent.intake.taken_count, taken);
    CHECK_EQ_U64(gw.agent.intake.bad_count, bad + 5);
    check_sound();
}

PK_TEST(batch__refused_in_part__says_how_many) {
    begin(NULL);
    gw.agent.intake.rate_per_s = 1;
    gw.agent.intake.burst = 2;
    check_answer("[{\"type\":\"t\",\"source\":\"a\"},{\"type\":\"t\",\"source\":\"a\"},{\"type\":\"t\","
                 "\"source\":\"a\"},"
                 "{\"type\":\"t\",\"source\":\"b\"}]\n",
                 "{\"ok\":false,\"error\":\"rate_limited\",\"accepted\":3,\"count\":4,");
    CHECK_EQ_U64(gw.agent.intake.ledger.total[PK_LOSS_RATE], 1);
    check_sound();
}

PK_TEST(batch__as_large_as_a_line__finds_room) {
    static char lines[3 * (PK_EVENT_LINE_BYTES + 8)];
    struct pk_buf b;
    begin(NULL);
    gw.agent.intake.rate_per_s = 0;
    const uint64_t taken = gw.agent.intake.taken_count;
    uint32_t count = 0;
    pk_buf_init(&b, lines, sizeof lines);
    for (uint32_t k = 0; k < 2; k++) {
        pk_buf_putc(&b, '[');
        for (uint32_t i = 0; i < 150; i++) {
            pk_buf_puts(&b,
                        i > 0 ? ",{\"type\":\"t\",\"source\":\"a\"}" : "{\"type\":\"t\",\"source\":\"a\"}");
            count++;
        }
        pk_buf_puts(&b, "]\n");
    }
    check_answer(lines, "\"count\":150}\n");
    wait_ms(100);
    CHECK_EQ_U64(gw.agent.intake.taken_count - taken, count);
    CHECK_EQ_U64(pk_ledger_total(&gw.agent.intake.ledger), 0);
    check_sound();
}

PK_TEST_MAIN(line__one_event__has_its_id, batch__all_of_it_in_one_evaluation,
             batch__one_bad_event__nothing_is_taken, batch__refused_in_part__says_how_many,
             batch__as_large_as_a_line__finds_room)
