/* The whole way of a remote command, with a verifier that believes everything: even then roles, policy,
 * arguments and the replay guard hold, and no input ends the process. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_time.h"
#include "report/pk_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int believe(void *ctx, const uint8_t key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                   const uint8_t signature[PK_ES256_SIGNATURE_BYTES]) {
    (void)ctx;
    (void)key;
    (void)signature;
    return msg.n > 0 ? PK_OK : PK_E_BAD_SIGNATURE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pk_command_gate gate;
    static struct pk_keys keys;
    const struct pk_port_crypto crypto = {.es256_verify = believe};
    const struct pk_command_config config = {.site = pk_str_of("plant"),
                                             .gateway = pk_str_of("gw-1"),
                                             .policy = PK_POLICY_READ_ONLY,
                                             .keys = &keys};
    const struct pk_command_time now = {.mono_ms = 1000000, .wall_ms = 1790000000000, .quality = PK_TIME_NTP};
    static const char *const NAMES[] = {"alice", "bob", "viola", "hub-1", "ada"};
    static const uint8_t ROLES[] = {PK_ROLE_APPROVER, PK_ROLE_APPROVER, PK_ROLE_VIEWER, PK_ROLE_HUB,
                                    PK_ROLE_ADMIN};
    pk_keys_init(&keys);
    for (unsigned i = 0; i < PK_COUNT_OF(NAMES); i++) {
        struct pk_key *k = &keys.items[keys.count++];
        *k = (struct pk_key){.role = ROLES[i]};
        (void)pk_str_copy_cut(pk_str_of(NAMES[i]), k->kid, sizeof k->kid);
        (void)pk_str_copy_cut(pk_str_of(NAMES[i]), k->owner, sizeof k->owner);
    }
    pk_command_init(&gate, &config);
    /* First line: the topic's last level. Then the payload. */
    struct pk_str rest = pk_str_make((const char *)data, size), name = {0};
    (void)pk_str_split(&rest, '\n', &name);
    const struct pk_command_input input = {
        .name = name, .text = rest, .response_topic = name, .correlation = name};
    int err = pk_command_take(&gate, &input, &now);
    for (int step = 0; err == PK_OK && step < 3; step++) {
        err = pk_command_step(&gate, &crypto, &now);
        if (err == PK_OK) {
            PK_ASSERT((pk_cmd_row(gate.request.cmd)->flags & (PK_CMD_MUTATES | PK_CMD_LOCAL)) == 0);
            PK_ASSERT(pk_cmd_role_check(gate.request.cmd, gate.request.role) == PK_OK);
            PK_ASSERT(gate.replay.count == 1);
            break;
        }
        err = err == PK_E_AGAIN ? PK_OK : err;
    }
    PK_ASSERT(err == PK_OK || gate.why[0] != '\0');
    return 0;
}
