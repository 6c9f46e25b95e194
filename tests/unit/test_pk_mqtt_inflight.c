#include "mqtt/pk_mqtt_inflight.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { N = 4 };
static struct pk_mqtt_out_slot out_slots[N];
static struct pk_mqtt_in_slot in_slots[N];
static struct pk_mqtt_out out;
static struct pk_mqtt_in in;

PK_TEST(out_take__ids__are_in_no_use_and_lead_back) {
    pk_mqtt_out_init(&out, out_slots, N);
    for (uint16_t i = 0; i < N; i++) {
        const uint16_t id = pk_mqtt_out_next_id(&out);
        const uint16_t slot = pk_mqtt_out_take(&out, 100u + i, 1);
        CHECK_EQ_INT(out_slots[slot].packet_id, id);
        CHECK_EQ_INT(pk_mqtt_out_find(&out, id), slot);
        CHECK_EQ_INT(pk_mqtt_out_find_token(&out, 100u + i), slot);
    }
    CHECK_EQ_INT(pk_mqtt_out_next_id(&out), 0);
    CHECK_EQ_INT(pk_mqtt_out_take(&out, 1, 1), PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(out.used, N);
    CHECK_EQ_INT(pk_mqtt_out_find(&out, 0), PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(pk_mqtt_out_find(&out, N + 1), PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(pk_mqtt_out_find(&out, 0xFFFF), PK_MQTT_NO_SLOT);
}

PK_TEST(out_take__over_the_whole_id_space__never_zero_never_reserved_never_soon_again) {
    static uint32_t last_use[PK_MQTT_PUBLISH_ID_MAX + 1];
    memset(last_use, 0, sizeof last_use);
    pk_mqtt_out_init(&out, out_slots, N);
    bool good = true;
    for (uint32_t turn = 1; turn <= 200000; turn++) {
        const uint16_t slot = pk_mqtt_out_take(&out, turn, 1);
        const uint16_t id = out_slots[slot].packet_id;
        good = good && id >= 1 && id <= PK_MQTT_PUBLISH_ID_MAX;
        good = good && (last_use[id] == 0 || turn - last_use[id] > 60000);
        last_use[id] = turn;
        pk_mqtt_out_give(&out, slot);
    }
    CHECK(good);
    CHECK_EQ_INT(out.used, 0);
}

PK_TEST(out_lost__sent_ones__wait_in_the_order_of_sending) {
    uint16_t slot[N];
    pk_mqtt_out_init(&out, out_slots, N);
    for (uint16_t i = 0; i < N; i++) {
        slot[i] = pk_mqtt_out_take(&out, i, 1);
    }
    pk_mqtt_out_give(&out, slot[1]);
    const uint16_t again = pk_mqtt_out_take(&out, 9, 1); /* a used slot, but the newest message */
    pk_mqtt_out_lost(&out);
    pk_mqtt_out_resume(&out, true);
    const uint64_t want[] = {0, 2, 3, 9};
    for (size_t i = 0; i < 4; i++) {
        REQUIRE(out.resend != PK_MQTT_NO_SLOT);
        CHECK_EQ_U64(out_slots[out.resend].token, want[i]);
        CHECK_EQ_INT(out.waiting, 4 - i);
        pk_mqtt_out_set_state(&out, out.resend, PK_MQTT_OUT_SENT);
    }
    CHECK_EQ_INT(out.resend, PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(again, slot[1]);
}

PK_TEST(out_give__the_one_whose_turn_it_is__moves_on) {
    pk_mqtt_out_init(&out, out_slots, N);
    const uint16_t a = pk_mqtt_out_take(&out, 1, 1), b = pk_mqtt_out_take(&out, 2, 1);
    pk_mqtt_out_lost(&out);
    CHECK_EQ_INT(out.resend, a);
    pk_mqtt_out_give(&out, a);
    CHECK_EQ_INT(out.resend, b);
    CHECK_EQ_INT(out.waiting, 1);
    pk_mqtt_out_give(&out, b);
    CHECK_EQ_INT(out.resend, PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(out.head, PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(out.tail, PK_MQTT_NO_SLOT);
}

PK_TEST(out_resume__half_done_qos_2__goes_on_or_starts_again) {
    pk_mqtt_out_init(&out, out_slots, N);
    const uint16_t a = pk_mqtt_out_take(&out, 1, 2), b = pk_mqtt_out_take(&out, 2, 2);
    pk_mqtt_out_set_state(&out, a, PK_MQTT_OUT_RELEASED);
    pk_mqtt_out_lost(&out);
    CHECK_EQ_INT(out.waiting, 1);
    pk_mqtt_out_resume(&out, true);
    CHECK_EQ_INT(pk_mqtt_out_due(&out), a);
    CHECK_EQ_INT(out.resend, b);
    pk_mqtt_out_lost(&out); /* again, before PUBREL was queued */
    CHECK_EQ_INT(out_slots[a].state, PK_MQTT_OUT_RELEASED);
    pk_mqtt_out_resume(&out, false);
    CHECK_EQ_INT(pk_mqtt_out_due(&out), PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(out.waiting, 2);
    CHECK_EQ_INT(out.resend, a);
}

PK_TEST(out_resume__forgotten_half_done_qos_2_without_session__is_free) {
    pk_mqtt_out_init(&out, out_slots, N);
    const uint16_t a = pk_mqtt_out_take(&out, 1, 2);
    out_slots[a].is_forgotten = true;
    pk_mqtt_out_set_state(&out, a, PK_MQTT_OUT_RELEASED);
    CHECK_EQ_INT(pk_mqtt_out_find_token(&out, 1), PK_MQTT_NO_SLOT);
    pk_mqtt_out_resume(&out, false);
    CHECK_EQ_INT(out.used, 0);
}

/* Against the plainest model: an array in order. */
PK_TEST(out__random_walk__agrees_with_a_list) {
    struct pk_rng rng;
    uint64_t model[N];
    uint32_t count = 0;
    uint64_t token = 0;
    bool agrees = true;
    pk_rng_seed(&rng, 7);
    pk_mqtt_out_init(&out, out_slots, N);
    for (int i = 0; i < 100000 && agrees; i++) {
        if (pk_rng_below(&rng, 2) == 0 && count < N) {
            agrees = pk_mqtt_out_take(&out, ++token, 1) != PK_MQTT_NO_SLOT;
            model[count++] = token;
        } else if (count > 0) {
            const uint32_t at = (uint32_t)pk_rng_below(&rng, count);
            pk_mqtt_out_give(&out, pk_mqtt_out_find_token(&out, model[at]));
            count--;
            memmove(&model[at], &model[at + 1], (count - at) * sizeof model[0]);
        }
        uint16_t slot = out.head;
        for (uint32_t k = 0; k < count && agrees; k++) {
            agrees = slot != PK_MQTT_NO_SLOT && out_slots[slot].token == model[k];
            slot = agrees ? out_slots[slot].next : slot;
        }
        agrees = agrees && out.used == count && (count > 0 || out.head == PK_MQTT_NO_SLOT);
    }
    CHECK(agrees);
    CHECK_EQ_INT(out.high, N);
}

static uint16_t ready_id(void) {
    const struct pk_mqtt_in_slot *s = pk_mqtt_in_ready(&in);
    return s != NULL ? s->packet_id : 0;
}

PK_TEST(in_answer__out_of_order__leaves_in_order) {
    pk_mqtt_in_init(&in, in_slots, N);
    for (uint16_t id = 1; id <= 3; id++) {
        CHECK(pk_mqtt_in_push(&in, id, id, 1, PK_MQTT_IN_DELIVERED));
    }
    CHECK(pk_mqtt_in_answer(&in, 3, 0));
    CHECK_EQ_INT(ready_id(), 0);
    CHECK(pk_mqtt_in_answer(&in, 1, 0));
    CHECK_EQ_INT(ready_id(), 1);
    CHECK(!pk_mqtt_in_answer(&in, 1, 0)); /* only once */
    CHECK(!pk_mqtt_in_answer(&in, 77, 0));
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(ready_id(), 0);
    CHECK(pk_mqtt_in_answer(&in, 2, 0));
    CHECK_EQ_INT(ready_id(), 2);
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(ready_id(), 3);
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(in.used, 0);
    CHECK_EQ_INT(in.pending, 0);
}

PK_TEST(in_push__full__is_refused_until_one_is_done) {
    pk_mqtt_in_init(&in, in_slots, N);
    for (uint16_t id = 1; id <= N; id++) {
        CHECK(pk_mqtt_in_push(&in, id, id, 1, PK_MQTT_IN_DELIVERED));
    }
    CHECK(!pk_mqtt_in_push(&in, 9, 9, 1, PK_MQTT_IN_DELIVERED));
    CHECK_EQ_U64(pk_mqtt_in_answer_all(&in), N);
    CHECK_EQ_U64(pk_mqtt_in_answer_all(&in), 0);
    pk_mqtt_in_sent(&in);
    CHECK(pk_mqtt_in_push(&in, 9, 9, 1, PK_MQTT_IN_DELIVERED));
    CHECK_EQ_INT(in.high, N);
}

PK_TEST(in__qos_2__is_held_until_released) {
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_push(&in, 1, 5, 2, PK_MQTT_IN_DELIVERED));
    CHECK(pk_mqtt_in_recognise(&in, 5));
    CHECK(!pk_mqtt_in_recognise(&in, 6));
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 5), PK_MQTT_RELEASE_UNKNOWN); /* no PUBREC yet */
    CHECK(pk_mqtt_in_answer(&in, 1, 0));
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(in.used, 1);
    CHECK(pk_mqtt_in_recognise(&in, 5)); /* PUBREC was lost: again */
    CHECK_EQ_INT(ready_id(), 5);
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 5), PK_MQTT_RELEASE_DONE);
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 5), PK_MQTT_RELEASE_UNKNOWN);
    CHECK(!pk_mqtt_in_recognise(&in, 5)); /* the id is new again */
    CHECK_EQ_INT(in.used, 0);
}

PK_TEST(in__refused_qos_2__ends_with_pubrec) {
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_push(&in, 1, 5, 2, PK_MQTT_IN_DELIVERED));
    CHECK(pk_mqtt_in_answer(&in, 1, 0x97));
    CHECK_EQ_INT(pk_mqtt_in_ready(&in)->reason, 0x97);
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(in.used, 0);
}

PK_TEST(in_lost__qos_1_is_forgotten_and_qos_2_held) {
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_push(&in, 1, 1, 1, PK_MQTT_IN_DELIVERED));
    CHECK(pk_mqtt_in_push(&in, 2, 2, 2, PK_MQTT_IN_DELIVERED));
    CHECK(pk_mqtt_in_push(&in, 3, 3, 2, PK_MQTT_IN_DELIVERED));
    CHECK(pk_mqtt_in_answer(&in, 3, 0)); /* answered, PUBREC not sent */
    pk_mqtt_in_lost(&in);
    CHECK_EQ_INT(in.used, 2);
    CHECK_EQ_INT(ready_id(), 0);
    CHECK(!pk_mqtt_in_answer(&in, 1, 0));
    CHECK(
        pk_mqtt_in_answer(&in, 2, 0)); /* stored meanwhile: the redelivery is answered without another one */
    CHECK(pk_mqtt_in_recognise(&in, 2));
    CHECK_EQ_INT(ready_id(), 2);
    pk_mqtt_in_sent(&in);
    CHECK(pk_mqtt_in_recognise(&in, 3));
    CHECK_EQ_INT(ready_id(), 3);
    pk_mqtt_in_clear(&in);
    CHECK_EQ_INT(in.used, 0);
    CHECK(!pk_mqtt_in_recognise(&in, 2));
}

PK_TEST(in_lost__unanswered_qos_2_redelivered__waits_for_the_first_answer) {
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_push(&in, 1, 7, 2, PK_MQTT_IN_DELIVERED));
    pk_mqtt_in_lost(&in);
    CHECK(pk_mqtt_in_recognise(&in, 7));
    CHECK_EQ_INT(ready_id(), 0);
    CHECK(pk_mqtt_in_answer(&in, 1, 0));
    CHECK_EQ_INT(ready_id(), 7);
}

PK_TEST(in_keep__only_open_qos_2__is_kept_once) {
    uint16_t ids[N] = {0};
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_push(&in, 1, 5, 1, PK_MQTT_IN_DELIVERED));
    CHECK(pk_mqtt_in_push(&in, 2, 6, 2, PK_MQTT_IN_DELIVERED));
    const uint32_t turn = in.kept_turn;
    CHECK(!pk_mqtt_in_keep(&in, 1));
    CHECK(!pk_mqtt_in_keep(&in, 9));
    CHECK_EQ_U64(in.kept_turn, turn);
    CHECK(pk_mqtt_in_keep(&in, 2));
    CHECK(in.kept_turn != turn);
    const uint32_t kept = in.kept_turn;
    CHECK(pk_mqtt_in_keep(&in, 2));
    CHECK_EQ_U64(in.kept_turn, kept);
    CHECK_EQ_INT(pk_mqtt_in_kept(&in, ids, N), 1);
    CHECK_EQ_INT(ids[0], 6);
    CHECK_EQ_INT(pk_mqtt_in_kept(&in, NULL, 0), 1);
}

PK_TEST(in_release__kept__waits_until_it_is_forgotten) {
    uint16_t ids[N] = {0};
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_restore(&in, 6));
    CHECK_EQ_INT(pk_mqtt_in_kept(&in, ids, N), 1);
    CHECK(pk_mqtt_in_recognise(&in, 6)); /* PUBREC did not arrive */
    CHECK_EQ_INT(ready_id(), 6);
    pk_mqtt_in_sent(&in);
    CHECK_EQ_INT(pk_mqtt_in_forget_begin(&in), 0);
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 6), PK_MQTT_RELEASE_LATER);
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 6), PK_MQTT_RELEASE_LATER);
    CHECK_EQ_INT(pk_mqtt_in_kept(&in, ids, N), 1); /* until it is told otherwise */
    CHECK_EQ_INT(pk_mqtt_in_completion(&in), PK_MQTT_NO_SLOT);
    CHECK_EQ_INT(pk_mqtt_in_forget_begin(&in), 1);
    CHECK_EQ_INT(pk_mqtt_in_kept(&in, ids, N), 0);
    CHECK_EQ_INT(pk_mqtt_in_completion(&in), PK_MQTT_NO_SLOT);
    pk_mqtt_in_forget_done(&in);
    const uint16_t slot = pk_mqtt_in_completion(&in);
    CHECK(slot != PK_MQTT_NO_SLOT && in.slots[slot].packet_id == 6);
    pk_mqtt_in_completed(&in, slot);
    CHECK_EQ_INT(in.used, 0);
    CHECK_EQ_INT(pk_mqtt_in_completion(&in), PK_MQTT_NO_SLOT);
    CHECK(!pk_mqtt_in_recognise(&in, 6));
}

PK_TEST(in_lost__while_an_id_is_forgotten__nothing_is_completed_unasked) {
    pk_mqtt_in_init(&in, in_slots, N);
    CHECK(pk_mqtt_in_restore(&in, 6));
    CHECK(pk_mqtt_in_restore(&in, 7));
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 6), PK_MQTT_RELEASE_LATER);
    CHECK_EQ_INT(pk_mqtt_in_forget_begin(&in), 1);
    pk_mqtt_in_lost(&in);
    pk_mqtt_in_forget_done(&in); /* not asked on this connection */
    CHECK_EQ_INT(in.used, 1);
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 6), PK_MQTT_RELEASE_UNKNOWN);
    CHECK_EQ_INT(pk_mqtt_in_release(&in, 7), PK_MQTT_RELEASE_LATER);
    CHECK_EQ_INT(pk_mqtt_in_forget_begin(&in), 1);
    pk_mqtt_in_forget_done(&in);
    CHECK(pk_mqtt_in_completion(&in) != PK_MQTT_NO_SLOT);
    pk_mqtt_in_lost(&in); /* PUBCOMP was not queued: the server asks again */
    CHECK_EQ_INT(in.used, 0);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(pk_mqtt_in_restore(&in, (uint16_t)(i + 1)));
    }
    CHECK(!pk_mqtt_in_restore(&in, 99));
    pk_mqtt_in_clear(&in);
    CHECK_EQ_INT(pk_mqtt_in_kept(&in, NULL, 0), 0);
}

PK_TEST_MAIN(out_take__ids__are_in_no_use_and_lead_back,
             out_take__over_the_whole_id_space__never_zero_never_reserved_never_soon_again,
             out_lost__sent_ones__wait_in_the_order_of_sending, out_give__the_one_whose_turn_it_is__moves_on,
             out_resume__half_done_qos_2__goes_on_or_starts_again,
             out_resume__forgotten_half_done_qos_2_without_session__is_free,
             out__random_walk__agrees_with_a_list, in_answer__out_of_order__leaves_in_order,
             in_push__full__is_refused_until_one_is_done, in__qos_2__is_held_until_released,
             in__refused_qos_2__ends_with_pubrec, in_lost__qos_1_is_forgotten_and_qos_2_held,
             in_lost__unanswered_qos_2_redelivered__waits_for_the_first_answer,
             in_keep__only_open_qos_2__is_kept_once, in_release__kept__waits_until_it_is_forgotten,
             in_lost__while_an_id_is_forgotten__nothing_is_completed_unasked)
