#include <stdio.h>
#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"
#include "wire/pk_audit.h"

enum { ENTRIES = 4 };

static struct ctl_rig rig;
static struct pk_port_tool port;
static char lines[ENTRIES][400];
static char hashes[ENTRIES + 1][PK_SHA256_BYTES * 2 + 1];
static char export_[4096], pages[4][2048];

static void put_hex(const uint8_t *hash, char out[PK_SHA256_BYTES * 2 + 1]) {
    struct pk_buf b;
    pk_buf_init(&b, out, PK_SHA256_BYTES * 2 + 1);
    pk_buf_put_hex(&b, hash, PK_SHA256_BYTES);
}

/* A chain of four entries, as an agent keeps it. */
static void make_chain(void) {
    struct pk_audit_head head;
    char entry[120];
    pk_platform_open_tool(&port);
    pk_audit_genesis(&head);
    put_hex(head.hash, hashes[0]);
    for (int i = 0; i < ENTRIES; i++) {
        (void)snprintf(entry, sizeof entry, "{\"kind\":\"note\",\"who\":\"uid:%d\",\"text\":\"a \\\"b\\\"\"}",
                       i);
        pk_audit_step(&head, &port.crypto, pk_str_of(entry));
        put_hex(head.hash, hashes[i + 1]);
        (void)snprintf(lines[i], sizeof lines[i], "{\"n\":%d,\"hash\":\"%s\",\"entry\":%s}", i + 1,
                       hashes[i + 1], entry);
    }
}

static void put_export(int head_n, const char *head_hash, const int *order, int count) {
    size_t at =
        (size_t)snprintf(export_, sizeof export_,
                         "{\"audit\":1,\"site\":\"s\",\"gateway\":\"g\",\"base\":{\"n\":0,\"hash\":\"%s\"},"
                         "\"head\":{\"n\":%d,\"hash\":\"%s\"}}\n",
                         hashes[0], head_n, head_hash);
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(export_ + at, sizeof export_ - at, "%s\n", lines[order[i]]);
    }
}

static int verify(void) {
    return ctl_rig_run_with(&rig, "audit verify -", export_);
}

PK_TEST(verify__a_sound_export_and_what_was_done_to_others) {
    static const int WHOLE[] = {0, 1, 2, 3}, GAP[] = {0, 2, 3}, MOVED[] = {0, 2, 1, 3},
                     TWICE[] = {0, 0, 1, 2, 3};
    char words[200];
    ctl_rig_begin_alone(&rig);
    make_chain();
    put_export(4, hashes[4], WHOLE, 4);
    CHECK_EQ_INT(verify(), 0);
    CHECK(strstr(rig.out, "\"sound\":true") != NULL && strstr(rig.out, hashes[4]) != NULL);
    (void)snprintf(words, sizeof words, "audit verify - --head %s", hashes[4]);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, words, export_), 0);
    (void)snprintf(words, sizeof words, "audit verify - --head %s", hashes[3]); /* of an earlier summary */
    CHECK_EQ_INT(ctl_rig_run_with(&rig, words, export_), 0);
    (void)snprintf(words, sizeof words, "audit verify - --head %064d", 7);
    CHECK(ctl_rig_run_with(&rig, words, export_) != 0);
    CHECK(strstr(rig.err, "never had the head") != NULL);
    CHECK(ctl_rig_run_with(&rig, "audit verify - --head 12ab", export_) != 0);
    put_export(4, hashes[4], GAP, 3);
    CHECK(verify() != 0);
    CHECK(strstr(rig.err, "entry 2 is not there") != NULL);
    put_export(4, hashes[4], MOVED, 4);
    CHECK(verify() != 0);
    CHECK(strstr(rig.err, "entry 2 is not there") != NULL);
    put_export(4, hashes[4], TWICE, 5);
    CHECK(verify() != 0);
    put_export(4, hashes[4], WHOLE, 3);
    CHECK(verify() != 0);
    CHECK(strstr(rig.err, "behind 3 are not there") != NULL);
    put_export(4, hashes[3], WHOLE, 4);
    CHECK(verify() != 0);
    CHECK(strstr(rig.err, "another one than its head says") != NULL);
    put_export(4, hashes[4], WHOLE, 4);
    *strstr(export_, "uid:2") = 'U';
    CHECK(verify() != 0);
    CHECK(strstr(rig.err, "entry 3 was changed") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST(verify__what_is_no_export) {
    static const char *const TEXTS[] = {"",
                                        "\n",
                                        "{}",
                                        "{\"audit\":2}",
                                        "[1]",
                                        "{\"audit\":1,\"base\":{\"n\":0}}",
                                        "{\"audit\":1,\"base\":{\"n\":0,\"hash\":\"zz\"},\"head\":{}}"};
    ctl_rig_begin_alone(&rig);
    for (unsigned i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        CHECK(ctl_rig_run_with(&rig, "audit verify -", TEXTS[i]) != 0);
        CHECK(strstr(rig.err, "no export") != NULL);
    }
    CHECK(ctl_rig_run(&rig, "audit verify /nowhere/x") != 0);
    CHECK(ctl_rig_run(&rig, "audit export") != 0); /* nobody at the socket */
    ctl_rig_end(&rig);
}

/* The agent reads each page first, and a chain that goes on meanwhile is taken up to the head asked for. */
static void play(struct ctl_rig_step steps[6], int missing) {
    char *p = pages[0];
    (void)snprintf(
        p, sizeof pages[0],
        "{\"id\":$ID,\"ok\":true,\"result\":{\"n\":3,\"head\":\"%s\",\"base_n\":0,\"base\":\"%s\"}}",
        hashes[3], hashes[0]);
    (void)snprintf(pages[1], sizeof pages[1],
                   "{\"id\":$ID,\"ok\":true,\"result\":{\"ready\":true,\"entries\":[%s]}}",
                   lines[missing == 0 ? 1 : 0]);
    (void)snprintf(pages[2], sizeof pages[2],
                   "{\"id\":$ID,\"ok\":true,\"result\":{\"ready\":true,\"entries\":[%s,%s,%s]}}", lines[1],
                   lines[2], lines[3]);
    steps[0] = (struct ctl_rig_step)CTL_RIG_FOR("status", "{\"site\":\"s\",\"gateway\":\"g\"}");
    steps[1] = (struct ctl_rig_step){.cmd = "audit.head", .reply = pages[0]};
    steps[2] = (struct ctl_rig_step){.cmd = "audit.list", .args = "\"after\":0", .reply = pages[1]};
    steps[3] = (struct ctl_rig_step){.cmd = "audit.list", .args = "\"after\":1", .reply = pages[2]};
}

PK_TEST(export_and_verify__ask_the_agent_for_page_after_page) {
    struct ctl_rig_step steps[6];
    make_chain();
    play(steps, -1);
    ctl_rig_begin(&rig, steps, 4);
    CHECK_EQ_INT(ctl_rig_run(&rig, "audit verify"), 0);
    CHECK(strstr(rig.out, "\"entries\":3") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "audit export"), 0);
    (void)memcpy(export_, rig.out, strlen(rig.out) + 1);
    CHECK_EQ_INT(verify(), 0);
    CHECK(strstr(export_, "\"gateway\":\"g\"") != NULL && strstr(export_, "{\"n\":4") == NULL);
    ctl_rig_end(&rig);
    play(steps, 0);
    ctl_rig_begin(&rig, steps, 4);
    CHECK(ctl_rig_run(&rig, "audit verify") != 0);
    CHECK(strstr(rig.err, "entry 1 is not there") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(verify__a_sound_export_and_what_was_done_to_others, verify__what_is_no_export,
             export_and_verify__ask_the_agent_for_page_after_page)
