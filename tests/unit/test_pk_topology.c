#include "incident/pk_topology.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_topology t;
static struct pk_diag diag;

static int parse(const char *text) {
    pk_topology_init(&t);
    const int err = pk_topology_parse(&t, pk_str_of(text), "topology.conf", &diag);
    pk_topology_finish(&t);
    return err;
}

static uint16_t node(const char *name) {
    return pk_topology_find(&t, pk_str_of(name));
}

PK_TEST(parse__dependencies_near_far_and_in_a_circle) {
    CHECK_EQ_INT(parse("# what needs what\napi -> db, cache   # two\r\n\n  web->api\ndb -> disk:/var\n"
                       "a -> b\nb -> c\nc -> a\nweb -> api\n"),
                 PK_OK);
    CHECK_EQ_U64(t.count, 8);
    CHECK_EQ_U64(t.edge_count, 7); /* one stands there twice */
    CHECK_EQ_U64(pk_topology_needs(&t, node("api"), node("db")), 1);
    CHECK_EQ_U64(pk_topology_needs(&t, node("web"), node("disk:/var")), 2);
    CHECK_EQ_U64(pk_topology_needs(&t, node("db"), node("api")), 0);
    CHECK_EQ_U64(pk_topology_needs(&t, node("a"), node("c")), 2);
    CHECK_EQ_U64(pk_topology_needs(&t, node("a"), node("a")), 0);
    CHECK_EQ_U64(pk_topology_needs(&t, PK_TOPOLOGY_NONE, node("a")), 0);
    CHECK(node("nobody") == PK_TOPOLOGY_NONE && node("") == PK_TOPOLOGY_NONE);
    CHECK_STR(pk_topology_name(&t, node("cache")), "cache");
}

PK_TEST(blast__everything_that_depends_on_it) {
    uint64_t set[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)] = {0};
    CHECK_EQ_INT(parse("api -> db\nweb -> api\nreport -> db\nother -> thing\n"), PK_OK);
    pk_topology_blast(&t, node("db"), set);
    CHECK_EQ_U64(pk_bitset_count(set, PK_LIMIT_TOPOLOGY_NODES), 3);
    CHECK(pk_bitset_has(set, PK_LIMIT_TOPOLOGY_NODES, node("web")));
    CHECK(!pk_bitset_has(set, PK_LIMIT_TOPOLOGY_NODES, node("db")));
    pk_topology_blast(&t, PK_TOPOLOGY_NONE, set);
    CHECK_EQ_U64(pk_bitset_count(set, PK_LIMIT_TOPOLOGY_NODES), 3);
}

PK_TEST(parse__what_is_wrong_is_named_with_its_place) {
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *words;
    } BAD[] = {{"api db\n", 1, 1, "'api db' is not of the form: component -> what it needs, and more"},
               {"a -> b\n  api -> \n", 2, 3, "'api ->': nothing stands right of the arrow"},
               {"api -> db,, cache\n", 1, 11, "'' is not the name of a component"},
               {"api -> d b\n", 1, 8, "'d b' is not the name of a component"},
               {" -> db\n", 1, 2, "'' is not the name of a component"},
               {"api -> api\n", 1, 8, "'api' would depend on itself"}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(parse(BAD[i].text), PK_E_CONFIG);
        CHECK_EQ_U64(diag.line, BAD[i].line);
        CHECK_EQ_U64(diag.column, BAD[i].column);
        CHECK_STR(diag.message, BAD[i].words);
    }
}

PK_TEST(parse__more_than_the_board_keeps_is_refused) {
    static char text[PK_LIMIT_TOPOLOGY_NODES * 24u];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i <= PK_LIMIT_TOPOLOGY_NODES; i++) {
        pk_buf_puts(&b, "n");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, " -> hub\n");
    }
    CHECK(!b.is_cut);
    CHECK_EQ_INT(parse(text), PK_E_CONFIG);
    CHECK(strstr(diag.message, "one component more than this board keeps") != NULL);
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; !b.is_cut && i < PK_LIMIT_TOPOLOGY_NODES; i++) {
        for (uint32_t k = 0; k < 4; k++) {
            pk_buf_putc(&b, (char)('a' + i % 26u));
            pk_buf_putc(&b, (char)('a' + i / 26u));
            pk_buf_puts(&b, "->n");
            pk_buf_put_u64(&b, (i * 7u + k) % 97u);
            pk_buf_putc(&b, '\n');
        }
    }
    CHECK_EQ_INT(parse(text), PK_E_CONFIG);
}

PK_TEST_MAIN(parse__dependencies_near_far_and_in_a_circle, blast__everything_that_depends_on_it,
             parse__what_is_wrong_is_named_with_its_place, parse__more_than_the_board_keeps_is_refused)
