#include "report/pk_replay.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"
#include "wire/pk_record.h"

static struct pk_replay replay;
static uint8_t bytes[PK_LIMIT_BATCH_BYTES];
static struct pk_store_batch batch;

static void start(void) {
    pk_replay_init(&replay);
    pk_batch_init(&batch, bytes, sizeof bytes);
}

static void fill(uint32_t count, int64_t exp_s) {
    for (uint32_t i = 0; i < count; i++) {
        char jti[20];
        (void)snprintf(jti, sizeof jti, "j-%u", i);
        CHECK_EQ_INT(pk_replay_add(&replay, pk_str_of(jti), exp_s, 100), PK_OK);
    }
}

PK_TEST(replay__second_time__is_refused_until_it_expired) {
    start();
    CHECK_EQ_INT(pk_replay_add(&replay, pk_str_of("a"), 200, 100), PK_OK);
    CHECK_EQ_INT(pk_replay_add(&replay, pk_str_of("a"), 200, 100), PK_E_REPLAYED);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("a"), 199), PK_E_REPLAYED);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("ab"), 199), PK_OK);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("a"), 0),
                 PK_E_REPLAYED); /* a clock that cannot judge forgets nothing */
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("a"), 200), PK_OK);
    CHECK_EQ_U64(replay.count, 0);
}

PK_TEST(replay__full_of_unexpired__refuses_and_never_forgets) {
    start();
    fill(PK_LIMIT_REPLAY_JTI, 200);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("new"), 150), PK_E_FULL);
    CHECK_EQ_INT(pk_replay_add(&replay, pk_str_of("new"), 300, 150), PK_E_FULL);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("j-0"), 150), PK_E_REPLAYED);
    CHECK_EQ_U64(replay.refused_full_count, 2);
    CHECK_EQ_U64(replay.high_count, PK_LIMIT_REPLAY_JTI);
    CHECK_EQ_INT(pk_replay_add(&replay, pk_str_of("new"), 300, 200), PK_OK);
}

PK_TEST(replay__stored__survives_a_restart_and_is_deleted_when_over) {
    struct pk_batch_op op;
    uint32_t at = 0;
    start();
    fill(3, 200);
    CHECK_EQ_U64(replay.pending_count, 3);
    CHECK_EQ_INT(pk_replay_write(&replay, &batch), PK_OK);
    CHECK_EQ_U64(batch.op_count, 3);
    CHECK_EQ_U64(replay.pending_count, 0);
    pk_replay_init(&replay);
    while (pk_batch_next(&batch, &at, &op) == PK_OK) {
        CHECK(!op.is_delete);
        CHECK_EQ_INT(op.tree, PK_TREE_OBJECTS);
        CHECK_EQ_INT(pk_replay_load(&replay, op.value), PK_OK);
        CHECK_EQ_INT(pk_replay_load(&replay, op.value), PK_OK); /* twice is once */
    }
    CHECK_EQ_U64(replay.count, 3);
    CHECK_EQ_U64(replay.pending_count, 0);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("j-1"), 150), PK_E_REPLAYED);
    /* Expired: the record goes too, and until it is in a batch the slot stays taken. */
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("other"), 201), PK_OK);
    CHECK_EQ_U64(replay.pending_count, 3);
    pk_batch_clear(&batch);
    CHECK_EQ_INT(pk_replay_write(&replay, &batch), PK_OK);
    at = 0;
    CHECK_EQ_INT(pk_batch_next(&batch, &at, &op), PK_OK);
    CHECK(op.is_delete);
    CHECK_EQ_U64(batch.op_count, 3);
    CHECK_EQ_U64(replay.count, 0);
    CHECK_EQ_INT(pk_replay_load(&replay, pk_str_of("junk")), PK_E_BAD_MSG);
}

PK_TEST(replay__small_batch__writes_the_rest_later) {
    struct pk_store_batch tiny;
    uint8_t small[50];
    start();
    fill(2, 200);
    pk_batch_init(&tiny, small, sizeof small);
    CHECK_EQ_INT(pk_replay_write(&replay, &tiny), PK_E_FULL);
    CHECK_EQ_U64(tiny.op_count, 1);
    CHECK_EQ_U64(replay.pending_count, 1);
    pk_batch_clear(&tiny);
    CHECK_EQ_INT(pk_replay_write(&replay, &tiny), PK_OK);
    CHECK_EQ_U64(tiny.op_count, 1);
}

PK_TEST(replay__never_stored_and_expired__leaves_no_trace) {
    start();
    fill(1, 200);
    CHECK_EQ_INT(pk_replay_check(&replay, pk_str_of("x"), 300), PK_OK);
    CHECK_EQ_U64(replay.pending_count, 0);
    CHECK_EQ_INT(pk_replay_write(&replay, &batch), PK_OK);
    CHECK_EQ_U64(batch.op_count, 0);
}

PK_TEST_MAIN(replay__second_time__is_refused_until_it_expired,
             replay__full_of_unexpired__refuses_and_never_forgets,
             replay__stored__survives_a_restart_and_is_deleted_when_over,
             replay__small_batch__writes_the_rest_later, replay__never_stored_and_expired__leaves_no_trace)
