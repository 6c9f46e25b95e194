#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define KEY "000102030405060708090a0b0c0d0e0f"
#define CONFIG(more)                                                                                         \
    "[gateway]\nsite = lab\ngateway = @\n[agent]\nclock = trusted\n[sources]\ncpu = 0\nmemory = 0\n"         \
    "psi = 0\nload = 0\ndisk = 0\nprocess = 0\n" more
#define WITNESS "[witness]\nudp = 0.0.0.0:7883\npeers = 10.0.0.2, 10.0.0.3\nkey_file = /etc/picket/lan.key\n"

static uint32_t text;
static struct pk_witness neighbour;
static uint8_t bytes[PK_WITNESS_BYTES_MAX];

static void start(const char *key) {
    const struct gateway_setup setup = {.seed = 1, .config = CONFIG(WITNESS), .has_no_broker = true};
    prepare(&setup);
    if (key != NULL) {
        CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/lan.key", key, (uint32_t)strlen(key)), PK_OK);
    }
    REQUIRE(gateway_boot(&gw));
    wait_ms(50);
    CHECK_EQ_U64(gw.super.inlet_count, 1);
    const int made = pk_sim_text_make(&gw.sim, PK_INLET_DATAGRAMS);
    REQUIRE(made >= 0);
    text = (uint32_t)made;
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = PK_IPC_OPEN_INLET};
    pk_sim_text_pass(&gw.sim, text, PK_IPC_OPEN_INLET);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(10);
    pk_witness_init(&neighbour, &gw.port.crypto, pk_str_of("lab"), pk_str_of("gw-2"), 3, 99);
    CHECK_EQ_INT(pk_witness_set_key(&neighbour, pk_str_of(KEY)), PK_OK);
}

static void hear(const void *p, uint32_t n) {
    CHECK(pk_sim_text_put(&gw.sim, text, p, n));
    wait_ms(20);
}

/* The neighbour hears what we said last and answers. */
static void answer(bool has_hub) {
    const struct pk_str said = pk_str_make((const char *)gw.sim.sent, gw.sim.sent_bytes);
    CHECK(pk_witness_take(&neighbour, said, 1) != PK_E_BAD_SIGNATURE);
    hear(bytes, pk_witness_make(&neighbour, has_hub, 70, 1, bytes));
}

PK_TEST(each_peer_is_told__at_once_and_then_at_its_interval) {
    start(KEY "\n");
    CHECK_EQ_U64(gw.sim.sent_count, 2);
    wait_ms(9000);
    CHECK_EQ_U64(gw.sim.sent_count, 2);
    wait_ms(1500);
    CHECK_EQ_U64(gw.sim.sent_count, 4);
    CHECK_EQ_U64(gw.agent.witness.unsent_count, 0);
    check_sound();
}

PK_TEST(a_neighbour__is_in_the_summary_with_what_it_said) {
    start(KEY);
    answer(false);
    wait_ms(12000); /* it looks at the clock every ten seconds */
    pk_agent_summary(&gw.agent, &gw.agent.summary);
    const struct pk_summary *s = &gw.agent.summary.summary;
    REQUIRE(s->neighbours != NULL && s->neighbour_count == 1);
    CHECK(pk_str_eq_c(s->neighbours[0].gateway, "gw-2"));
    CHECK(s->neighbours[0].seen_s >= 9 && s->neighbours[0].seen_s <= 12);
    CHECK(!s->neighbours[0].has_hub && s->neighbours[0].hubless_s == 70);
    answer(true);
    pk_agent_summary(&gw.agent, &gw.agent.summary);
    CHECK(s->neighbours[0].has_hub && s->neighbours[0].seen_s == 0);
    wait_ms(PK_WITNESS_FORGET_MS + 20000);
    pk_agent_summary(&gw.agent, &gw.agent.summary);
    CHECK_EQ_U64(s->neighbour_count, 0);
    check_sound();
}

PK_TEST(bad_datagrams__are_counted_and_say_nothing) {
    start(KEY);
    hear("", 0);
    hear("PKW1", 4);
    const uint32_t n = pk_witness_make(&neighbour, true, 0, 1, bytes);
    bytes[20] ^= 1u;
    hear(bytes, n);
    CHECK_EQ_U64(gw.agent.inlets.rows[0].bad_count, 3);
    CHECK_EQ_U64(gw.agent.witness.table.used_count, 0);
    pk_agent_summary(&gw.agent, &gw.agent.summary);
    CHECK_EQ_U64(gw.agent.summary.summary.neighbour_count, 0);
    check_sound();
}

PK_TEST(without_a_good_key__nothing_is_said_and_nothing_believed) {
    static const char *const KEYS[] = {NULL, "", "no key", "00"};
    for (uint32_t i = 0; i < PK_COUNT_OF(KEYS); i++) {
        start(KEYS[i]);
        CHECK_EQ_U64(gw.sim.sent_count, 0);
        hear(bytes, pk_witness_make(&neighbour, true, 0, 1, bytes));
        CHECK_EQ_U64(gw.agent.inlets.rows[0].bad_count, 1);
        CHECK(gateway_log_has(&gw, "[witness] key_file"));
        pk_agent_summary(&gw.agent, &gw.agent.summary);
        CHECK(gw.agent.summary.summary.neighbours == NULL);
        check_sound();
    }
}

PK_TEST_MAIN(each_peer_is_told__at_once_and_then_at_its_interval,
             a_neighbour__is_in_the_summary_with_what_it_said, bad_datagrams__are_counted_and_say_nothing,
             without_a_good_key__nothing_is_said_and_nothing_believed)
