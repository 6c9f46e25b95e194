/* `sign`: a command for gateways as one or two compact JWS. */
#include <string.h>

#include "base/pk_base64.h"
#include "ctl/pk_ctl.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_keyfile.h"
#include "report/pk_args.h"

enum { PAYLOAD_BYTES = 3100, EXPIRES_MS = 5 * 60 * 1000, JTI_RANDOM_BYTES = 16 };

/* ---- arguments ---- */

static int put_pair(struct pk_ctl *c, struct pk_json_writer *w, enum pk_cmd cmd, struct pk_str pair) {
    struct pk_str rest = pair, name;
    uint32_t count = 0;
    uint64_t number = 0;
    bool flag = false;
    (void)pk_str_split(&rest, '=', &name);
    if (rest.p == NULL) {
        return pk_ctl_fail(c, PK_E_USAGE, "an argument is NAME=VALUE, not '{}'", pair);
    }
    const struct pk_cmd_arg_row *rows = pk_cmd_args(cmd, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (!pk_str_eq_c(name, rows[i].name)) {
            continue;
        }
        switch (rows[i].type) {
        case PK_ARG_TEXT:
            pk_jw_str(w, rows[i].name, rest);
            return 0;
        case PK_ARG_U64:
            if (pk_parse_u64(rest, &number) != PK_OK) {
                return pk_ctl_fail(c, PK_E_USAGE, "a whole number is wanted: '{}'", pair);
            }
            pk_jw_u64(w, rows[i].name, number);
            return 0;
        case PK_ARG_BOOL:
            if (pk_parse_bool(rest, &flag) != PK_OK) {
                return pk_ctl_fail(c, PK_E_USAGE, "yes or no is wanted: '{}'", pair);
            }
            pk_jw_bool(w, rows[i].name, flag);
            return 0;
        case PK_ARG_OBJECT:
            pk_jw_raw(w, rows[i].name, rest);
            return 0;
        }
    }
    return pk_ctl_fail(c, PK_E_USAGE, "the command takes no argument '{}'", name);
}

static int put_pairs(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str *out) {
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    for (uint32_t i = 0; i < c->args.count; i++) {
        if (!pk_str_eq_c(pk_ctl_option_name(c->args.values[i].option), "argument")) {
            continue;
        }
        const int exit_code = put_pair(c, &w, cmd, pk_str_of(c->args.values[i].value));
        if (exit_code != 0) {
            return exit_code;
        }
    }
    pk_jw_object_end(&w);
    *out = pk_buf_str(&b);
    return b.is_cut ? pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0)) : 0;
}

/* What the gateway would refuse is refused here. */
static int take_command(struct pk_ctl *c, struct pk_claims *claims) {
    struct pk_args args;
    char field[PK_ARGS_FIELD_BYTES];
    enum pk_cmd cmd = PK_CMD_COUNT;
    const char *name = pk_ctl_args_text(&c->args, "cmd"), *json = pk_ctl_args_text(&c->args, "args");
    if (pk_cmd_find(pk_str_of(name), &cmd) != PK_OK) {
        const char *near = pk_cmd_suggest(pk_str_of(name));
        const int exit_code =
            pk_ctl_fail(c, PK_E_UNKNOWN_CMD, "the gateways have no command '{}'", pk_str_of(name));
        return near == NULL ? exit_code
                            : pk_ctl_fail(c, PK_E_UNKNOWN_CMD, "did you mean '{}'?", pk_str_of(near));
    }
    if ((pk_cmd_row(cmd)->flags & PK_CMD_LOCAL) != 0) {
        return pk_ctl_fail(c, PK_E_UNSUPPORTED, "'{}' works on the gateway's own socket only",
                           pk_str_of(name));
    }
    if (json != NULL && pk_ctl_args_has(&c->args, "argument")) {
        return pk_ctl_fail(c, PK_E_USAGE, "say either --args or NAME=VALUE", pk_str_make(NULL, 0));
    }
    claims->args = pk_str_of(json != NULL ? json : "{}");
    const int exit_code = json != NULL ? 0 : put_pairs(c, cmd, &claims->args);
    if (exit_code != 0) {
        return exit_code;
    }
    const int err = pk_args_parse(cmd, claims->args, &args, field);
    if (err != PK_OK) {
        (void)pk_ctl_fail(c, err, "the arguments would be refused: {}", pk_str_of(pk_err_text(err)));
        return field[0] == '\0' ? pk_err_exit_code(err)
                                : pk_ctl_fail(c, err, "at fault is '{}'", pk_str_of(field));
    }
    return 0;
}

/* ---- claims ---- */

static int take_text(struct pk_ctl *c, const char *option, char *out, size_t cap_bytes) {
    const char *text = pk_ctl_args_text(&c->args, option);
    if (text != NULL && pk_str_copy(pk_str_of(text), out, cap_bytes) < 0) {
        return pk_ctl_fail(c, PK_E_USAGE, "--{} is too long", pk_str_of(option));
    }
    return 0;
}

static int take_texts(struct pk_ctl *c, struct pk_claims *claims) {
    const struct {
        const char *option;
        char *out;
        size_t cap_bytes;
    } rows[] = {
        {"iss", claims->iss, sizeof claims->iss},
        {"aud", claims->aud, sizeof claims->aud},
        {"jti", claims->jti, sizeof claims->jti},
        {"cmd", claims->cmd, sizeof claims->cmd},
        {"incident", claims->incident_id, sizeof claims->incident_id},
        {"approval", claims->approval_id, sizeof claims->approval_id},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int exit_code = take_text(c, rows[i].option, rows[i].out, rows[i].cap_bytes);
        if (exit_code != 0) {
            return exit_code;
        }
    }
    return 0;
}

static int take_times(struct pk_ctl *c, struct pk_claims *claims) {
    const char *expires = pk_ctl_args_text(&c->args, "expires");
    uint64_t ms = EXPIRES_MS;
    if (expires != NULL && (pk_parse_duration_ms(pk_str_of(expires), &ms) != PK_OK || ms < 1000 ||
                            ms > (uint64_t)PK_JWS_LIFETIME_MAX_S * 1000)) {
        return pk_ctl_fail(c, PK_E_USAGE, "--expires is a time from 1s to 24h, not '{}'", pk_str_of(expires));
    }
    claims->iat_s = c->look.now_ms / 1000;
    claims->exp_s = claims->iat_s + (int64_t)(ms / 1000);
    return 0;
}

static int take_jti(struct pk_ctl *c, struct pk_claims *claims) {
    uint8_t bytes[JTI_RANDOM_BYTES];
    struct pk_buf b;
    if (claims->jti[0] != '\0') {
        return 0;
    }
    const int err = c->port.entropy.fill(c->port.entropy.ctx, bytes, sizeof bytes);
    if (err != PK_OK) {
        return pk_ctl_fail(c, err, "the system gives no random bytes", pk_str_make(NULL, 0));
    }
    pk_buf_init(&b, claims->jti, sizeof claims->jti);
    pk_base64url_encode(&b, bytes, sizeof bytes);
    return 0;
}

static int make_payload(struct pk_ctl *c, struct pk_buf *out) {
    struct pk_claims claims, read_back;
    const char *field = "";
    memset(&claims, 0, sizeof claims);
    int exit_code = take_texts(c, &claims);
    exit_code = exit_code != 0 ? exit_code : take_command(c, &claims);
    exit_code = exit_code != 0 ? exit_code : take_times(c, &claims);
    exit_code = exit_code != 0 ? exit_code : take_jti(c, &claims);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_claims_write(out, &claims);
    if (out->is_cut) {
        return pk_ctl_fail(c, PK_E_TOO_BIG, "the command is too long: 4 KiB with its signatures",
                           pk_str_make(NULL, 0));
    }
    if (pk_claims_parse((const uint8_t *)out->p, out->n, &read_back, &field) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "--{} has a value it may not have",
                           pk_str_of(strcmp(field, "incident_id") == 0   ? "incident"
                                     : strcmp(field, "approval_id") == 0 ? "approval"
                                                                         : field));
    }
    return 0;
}

/* ---- signatures ---- */

static int sign_with(struct pk_ctl *c, const char *key_option, const char *kid_option, struct pk_str payload,
                     struct pk_buf *out) {
    struct pk_ctl_private_key key;
    struct pk_diag diag;
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    const char *kid = pk_ctl_args_text(&c->args, kid_option);
    const int read = pk_ctl_private_load(&c->port.files, pk_ctl_args_text(&c->args, key_option), &key, &diag);
    if (read != PK_OK) {
        char text[sizeof diag + 32];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_diag_format(&diag, &b);
        return pk_ctl_fail(c, read, "{}", pk_buf_str(&b));
    }
    const uint32_t from = out->n;
    int err = pk_jws_signing_input(out, pk_str_of(kid != NULL ? kid : key.kid), payload);
    if (err == PK_OK) {
        err = c->port.crypto.es256_sign(c->port.crypto.ctx, key.bytes,
                                        pk_str_make(out->p + from, out->n - from), signature);
    }
    explicit_bzero(&key, sizeof key);
    if (err == PK_OK) {
        pk_jws_finish(out, signature);
        pk_buf_putc(out, '\n');
        err = out->is_cut ? PK_E_TOO_BIG : PK_OK;
    }
    if (err == PK_E_BAD_FIELD) {
        return pk_ctl_fail(c, PK_E_USAGE, "--{}: neither name nor key can be used", pk_str_of(kid_option));
    }
    return err == PK_OK ? 0 : pk_ctl_fail(c, err, "cannot sign: {}", pk_str_of(pk_err_text(err)));
}

int pk_ctl_do_sign(struct pk_ctl *c) {
    char payload[PAYLOAD_BYTES];
    struct pk_buf claims, out;
    const bool has_second = pk_ctl_args_has(&c->args, "second-key");
    if (!has_second && pk_ctl_args_has(&c->args, "second-kid")) {
        return pk_ctl_fail(c, PK_E_USAGE, "--second-kid names the key of --second-key", pk_str_make(NULL, 0));
    }
    pk_buf_init(&claims, payload, sizeof payload);
    int exit_code = make_payload(c, &claims);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_buf_init(&out, c->request, PK_JWS_BYTES_MAX + 1);
    exit_code = sign_with(c, "key", "kid", pk_buf_str(&claims), &out);
    const uint32_t first = out.n;
    if (exit_code == 0 && has_second) {
        exit_code = sign_with(c, "second-key", "second-kid", pk_buf_str(&claims), &out);
    }
    if (exit_code != 0) {
        return exit_code;
    }
    /* One key twice is one signature: the header is the same then. */
    if (has_second && memcmp(out.p, out.p + first, strcspn(out.p, ".") + 1) == 0) {
        return pk_ctl_fail(c, PK_E_USAGE, "both signatures are of one key", pk_str_make(NULL, 0));
    }
    pk_ctl_text_put_str(&c->out, pk_buf_str(&out));
    return 0;
}
