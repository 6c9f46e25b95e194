#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pk_base64.h"
#include "ctl/pk_ctl_keyfile.h"
#include "support/ctl_rig.h"
#include "support/pk_test.h"
#include "wire/pk_jws.h"

static struct ctl_rig rig;
static char words[512], command[8192];

static void run_in_dir(const char *format, const char *rest) {
    (void)snprintf(words, sizeof words, format, rig.dir, rest);
    (void)ctl_rig_run(&rig, words);
}

static void begin(void) {
    ctl_rig_begin_alone(&rig);
    run_in_dir("keygen --out %s --kid alice --role %s", "approver");
    run_in_dir("keygen --out %s --kid eve --role %s", "viewer");
}

static void end(void) {
    static const char *const NAMES[] = {"alice.key", "alice.private", "eve.key", "eve.private"};
    for (int i = 0; i < 4; i++) {
        (void)snprintf(words, sizeof words, "%s/%s", rig.dir, NAMES[i]);
        (void)unlink(words);
    }
    ctl_rig_end(&rig);
}

static void sign(const char *rest) {
    run_in_dir("sign --key %s/%s", rest);
    CHECK_EQ_INT(rig.exit_code, 0);
    memcpy(command, rig.out, strlen(rig.out) + 1);
}

static int verify(void) {
    (void)snprintf(words, sizeof words, "verify --keys %s -", rig.dir);
    return ctl_rig_run_with(&rig, words, command);
}

/* Any claims, signed by alice. */
static void sign_claims(const char *payload) {
    struct pk_port_tool port;
    struct pk_ctl_private_key key;
    struct pk_diag diag;
    struct pk_buf b;
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    pk_platform_open_tool(&port);
    (void)snprintf(words, sizeof words, "%s/alice.private", rig.dir);
    CHECK_EQ_INT(pk_ctl_private_load(&port.files, words, &key, &diag), PK_OK);
    pk_buf_init(&b, command, sizeof command);
    CHECK_EQ_INT(pk_jws_signing_input(&b, pk_str_of("alice"), pk_str_of(payload)), PK_OK);
    CHECK_EQ_INT(port.crypto.es256_sign(port.crypto.ctx, key.bytes, pk_buf_str(&b), signature), PK_OK);
    pk_jws_finish(&b, signature);
}

PK_TEST(verify__a_good_command_and_what_it_says) {
    begin();
    sign("alice.private --iss alice --aud gw1 --cmd incidents.ack incident_id=inc_1 --jti j1");
    CHECK_EQ_INT(verify(), 0);
    CHECK(strstr(rig.out,
                 "{\"v\":1,\"valid\":true,\"signers\":[{\"kid\":\"alice\",\"owner\":\"alice\",\"role\":"
                 "\"approver\"}],\"claims\":{\"iss\":\"alice\",\"aud\":\"gw1\",") == rig.out);
    CHECK_STR(rig.err, "");
    end();
}

PK_TEST(verify__one_changed_character_is_found) {
    begin();
    sign("alice.private --iss alice --aud gw1 --cmd incidents.ack incident_id=inc_1");
    static char good[sizeof command];
    memcpy(good, command, sizeof good);
    /* In the payload and in the signature; not the last character of a segment, which has bits that are not
     * used. */
    char *at[2] = {strchr(command, '.') + 20, strrchr(command, '.') + 20};
    for (int i = 0; i < 2; i++) {
        const char was = *at[i];
        *at[i] = was == 'A' ? 'B' : 'A';
        CHECK(verify() != 0);
        CHECK_STR(rig.out, "");
        *at[i] = was;
    }
    CHECK_EQ_INT(verify(), 0);
    CHECK_STR(command, good);
    end();
}

PK_TEST(verify__says_why_not) {
    begin();
    sign("alice.private --kid mallory --iss alice --aud gw1 --cmd ping");
    CHECK_EQ_INT(verify(), 5);
    CHECK_STR(rig.err, "picketctl: not valid: there is no key 'mallory'\n");
    sign("eve.private --kid alice --iss alice --aud gw1 --cmd ping");
    CHECK_EQ_INT(verify(), 5);
    CHECK_STR(rig.err, "picketctl: not valid: the signature is not by the key 'alice'\n");
    sign("eve.private --iss eve --aud gw1 --cmd mode.set mode=off");
    CHECK_EQ_INT(verify(), 5);
    CHECK_STR(rig.err, "picketctl: not valid: the role of key 'eve' does not reach this command\n");
    sign_claims(
        "{\"iss\":\"a\",\"aud\":\"g\",\"iat\":1000,\"exp\":1300,\"jti\":\"j\",\"cmd\":\"ping\",\"args\":{}}");
    CHECK_EQ_INT(verify(), 8);
    CHECK_STR(rig.err, "picketctl: not valid: it expired\n");
    sign_claims(
        "{\"iss\":\"a\",\"aud\":\"g\",\"iat\":99999999999,\"exp\":99999999999,\"jti\":\"j\",\"cmd\":\"ping\","
        "\"args\":{}}");
    CHECK_EQ_INT(verify(), 2);
    CHECK(strstr(rig.err, "at fault is 'exp'") != NULL);
    sign_claims(
        "{\"iss\":\"a\",\"aud\":\"g\",\"iat\":99999999990,\"exp\":99999999999,\"jti\":\"j\",\"cmd\":\"ping\","
        "\"args\":{}}");
    CHECK_EQ_INT(verify(), 8);
    CHECK(strstr(rig.err, "in the future") != NULL);
    end();
}

PK_TEST(verify__what_is_no_command) {
    begin();
    command[0] = '\0';
    CHECK_EQ_INT(verify(), 2);
    memset(command, 'x', 5000);
    command[5000] = '\0';
    CHECK_EQ_INT(verify(), 2);
    CHECK_STR(rig.err, "picketctl: not a signed command: larger than 4 KiB\n");
    memcpy(command, "a.b.c", 6);
    CHECK_EQ_INT(verify(), 2);
    CHECK_EQ_INT(ctl_rig_run(&rig, "verify --keys /nonexistent"), 3);
    CHECK_EQ_INT(ctl_rig_run(&rig, "verify --keys /tmp /nonexistent"), 3);
    end();
}

PK_TEST_MAIN(verify__a_good_command_and_what_it_says, verify__one_changed_character_is_found,
             verify__says_why_not, verify__what_is_no_command)
