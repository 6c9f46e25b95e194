#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report/pk_args.h"
#include "report/pk_keys.h"
#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static struct pk_port_tool port;
static struct pk_keys keys;
static struct pk_jws jws;
static struct pk_claims claims;
static char words[8192];

static void begin(void) {
    struct pk_diag diag;
    char scratch[1024];
    ctl_rig_begin_alone(&rig);
    pk_platform_open_tool(&port);
    static const char *const KIDS[] = {"alice", "bob"};
    for (int i = 0; i < 2; i++) {
        (void)snprintf(words, sizeof words, "keygen --kid %s --role approver --out %s", KIDS[i], rig.dir);
        CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
    }
    CHECK_EQ_INT(pk_keys_load(&keys, &port.files, rig.dir, scratch, sizeof scratch, &diag), PK_OK);
}

static void end(void) {
    static const char *const NAMES[] = {"alice.key", "alice.private", "bob.key", "bob.private"};
    for (int i = 0; i < 4; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", rig.dir, NAMES[i]);
        (void)unlink(path);
    }
    ctl_rig_end(&rig);
}

static int sign(const char *rest) {
    (void)snprintf(words, sizeof words, "sign --key %s/alice.private --iss alice --aud gw1 %s", rig.dir,
                   rest);
    return ctl_rig_run(&rig, words);
}

/* What was printed, read as a gateway reads it; number of good signatures. */
static uint32_t good_signatures(void) {
    const char *why = "";
    uint32_t good = 0;
    if (pk_jws_parse(pk_str_of(rig.out), &jws, &why) != PK_OK ||
        pk_claims_parse(jws.payload, jws.payload_bytes, &claims, &why) != PK_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < jws.signature_count; i++) {
        const int at = pk_keys_find(&keys, pk_str_of(jws.signatures[i].kid));
        good += at >= 0 && port.crypto.es256_verify(port.crypto.ctx, keys.items[at].public_key,
                                                    jws.signatures[i].signing_input,
                                                    jws.signatures[i].signature) == PK_OK
                    ? 1
                    : 0;
    }
    return good;
}

PK_TEST(sign__a_gateway_can_read_it) {
    begin();
    CHECK_EQ_INT(sign("--cmd incidents.list status=active limit=5"), 0);
    CHECK_EQ_U64(good_signatures(), 1);
    CHECK_STR(claims.iss, "alice");
    CHECK_STR(claims.aud, "gw1");
    CHECK_STR(claims.cmd, "incidents.list");
    CHECK(pk_str_eq_c(claims.args, "{\"status\":\"active\",\"limit\":5}"));
    CHECK_EQ_INT(claims.exp_s - claims.iat_s, 300);
    CHECK_EQ_U64(strlen(claims.jti), 22);
    char first[PK_JWS_JTI_BYTES];
    memcpy(first, claims.jti, sizeof first);
    CHECK_EQ_INT(sign("--cmd incidents.get incident_id=inc_1 timeline=yes --expires 24h --jti order-1 "
                      "--incident inc_1"),
                 0);
    CHECK_EQ_U64(good_signatures(), 1);
    CHECK(strcmp(first, claims.jti) != 0);
    CHECK_STR(claims.jti, "order-1");
    CHECK_STR(claims.incident_id, "inc_1");
    CHECK_EQ_INT(claims.exp_s - claims.iat_s, 86400);
    CHECK(pk_str_eq_c(claims.args, "{\"incident_id\":\"inc_1\",\"timeline\":true}"));
    CHECK_EQ_INT(sign("--cmd incidents.note --args {\"incident_id\":\"inc_1\",\"note\":\"a+b\"}"), 0);
    CHECK_EQ_U64(good_signatures(), 1);
    CHECK(pk_str_eq_c(claims.args, "{\"incident_id\":\"inc_1\",\"note\":\"a b\"}"));
    end();
}

PK_TEST(sign__by_two_operators) {
    char rest[256];
    begin();
    (void)snprintf(rest, sizeof rest, "--cmd mode.set mode=off --second-key %s/bob.private", rig.dir);
    CHECK_EQ_INT(sign(rest), 0);
    CHECK_EQ_U64(good_signatures(), 2);
    CHECK_STR(jws.signatures[1].kid, "bob");
    (void)snprintf(rest, sizeof rest, "--cmd mode.set mode=off --second-key %s/alice.private", rig.dir);
    CHECK_EQ_INT(sign(rest), 2);
    CHECK_STR(rig.err, "picketctl: both signatures are of one key\n");
    CHECK_EQ_INT(sign("--cmd mode.set mode=off --second-kid bob"), 2);
    end();
}

PK_TEST(sign__what_a_gateway_would_refuse_is_refused) {
    static const struct {
        const char *rest;
        int exit_code;
        const char *err;
    } ROWS[] = {
        {"--cmd incidents.akc incident_id=x", 2, "did you mean 'incidents.ack'?"},
        {"--cmd watch", 1, "socket only"},
        {"--cmd incidents.ack", 2, "at fault is 'incident_id'"},
        {"--cmd incidents.ack incident_id=x extra=1", 2, "takes no argument 'extra'"},
        {"--cmd incidents.ack incident_id", 2, "NAME=VALUE"},
        {"--cmd incidents.list limit=many", 2, "whole number"},
        {"--cmd incidents.get incident_id=x timeline=perhaps", 2, "yes or no"},
        {"--cmd incidents.ack --args {\"incident_id\":1}", 2, "at fault is 'incident_id'"},
        {"--cmd incidents.ack --args {} incident_id=x", 2, "either --args or"},
        {"--cmd incidents.ack --args nonsense", 2, "would be refused"},
        {"--cmd ping --expires 25h", 2, "1s to 24h"},
        {"--cmd ping --expires 0s", 2, "1s to 24h"},
        {"--cmd ping --jti no+blanks", 2, "--jti has a value it may not have"},
        {"--cmd ping --jti 12345678901234567890123456789012345678", 2, "--jti is too long"},
        {"--cmd ping --incident in/cident", 2, "--incident has a value it may not have"},
        {"--cmd ping --kid a/b", 2, "--kid"},
    };
    begin();
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(sign(ROWS[i].rest), ROWS[i].exit_code);
        CHECK(strstr(rig.err, ROWS[i].err) != NULL);
        CHECK_STR(rig.out, "");
    }
    CHECK_EQ_INT(ctl_rig_run(&rig, "sign --key /nonexistent/k --iss a --aud gw --cmd ping"), 3);
    CHECK_STR(rig.err, "picketctl: /nonexistent/k: not found\n");
    (void)snprintf(words, sizeof words, "sign --key %s/alice.key --iss a --aud gw --cmd ping", rig.dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, words), 9);
    end();
}

PK_TEST(sign__four_kib_are_the_limit) {
    static char rest[8000];
    begin();
    (void)snprintf(rest, sizeof rest,
                   "--cmd events.send event={\"type\":\"t\",\"source\":\"s\",\"message\":\"%02500d\"}", 0);
    CHECK_EQ_INT(sign(rest), 0);
    CHECK_EQ_U64(good_signatures(), 1);
    (void)snprintf(rest, sizeof rest,
                   "--cmd events.send event={\"type\":\"t\",\"source\":\"s\",\"message\":\"%03000d\"}", 0);
    CHECK_EQ_INT(sign(rest), 2);
    CHECK_STR(rig.out, "");
    end();
}

PK_TEST_MAIN(sign__a_gateway_can_read_it, sign__by_two_operators,
             sign__what_a_gateway_would_refuse_is_refused, sign__four_kib_are_the_limit)
