/* `verify`: what a gateway would think of a signed command, apart from its own clock, name and memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/pk_ctl.h"
#include "ctl/pk_ctl_handlers.h"
#include "report/pk_cmd_table.h"
#include "report/pk_command.h"
#include "report/pk_keys.h"

enum { KEY_FILE_BYTES = 16384, RESULT_BYTES = 8192 };

struct verify {
    char text[PK_JWS_BYTES_MAX + 2];
    uint32_t text_bytes;
    struct pk_jws jws;
    struct pk_claims claims;
    struct pk_keys keys;
    const struct pk_key *signers[PK_JWS_SIGNATURES_MAX];
    char scratch[KEY_FILE_BYTES];
    char result[RESULT_BYTES];
};

static int read_text(struct pk_ctl *c, struct verify *v) {
    const char *path = pk_ctl_args_text(&c->args, "file");
    const bool is_stdin = path == NULL || strcmp(path, "-") == 0;
    const int fd = is_stdin ? c->in_fd : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        const int exit_code =
            pk_ctl_fail(c, errno == ENOENT ? PK_E_NOT_FOUND : PK_E_IO, "cannot open {}", pk_str_of(path));
        return exit_code;
    }
    ssize_t n = 1;
    while (n > 0 && v->text_bytes < sizeof v->text) {
        n = read(fd, v->text + v->text_bytes, sizeof v->text - v->text_bytes);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        v->text_bytes += n > 0 ? (uint32_t)n : 0;
    }
    if (!is_stdin) {
        (void)close(fd);
    }
    return n < 0 ? pk_ctl_fail(c, PK_E_IO, "cannot read the command", pk_str_make(NULL, 0)) : 0;
}

static int read_keys(struct pk_ctl *c, struct verify *v) {
    const char *dir = pk_ctl_args_text(&c->args, "keys");
    struct pk_diag diag;
    struct stat st;
    /* For a gateway no folder means no keys; here it is a slip of the pen. */
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return pk_ctl_fail(c, PK_E_NOT_FOUND, "there is no folder {}", pk_str_of(dir));
    }
    const int err = pk_keys_load(&v->keys, &c->port.files, dir, v->scratch, sizeof v->scratch, &diag);
    if (err == PK_OK) {
        return 0;
    }
    struct pk_buf b;
    pk_buf_init(&b, v->result, sizeof v->result);
    pk_diag_format(&diag, &b);
    return pk_ctl_fail(c, err, "{}", pk_buf_str(&b));
}

static int check_form(struct pk_ctl *c, struct verify *v) {
    const char *why = "";
    int err = pk_jws_parse(pk_str_make(v->text, v->text_bytes), &v->jws, &why);
    if (err != PK_OK) {
        return pk_ctl_fail(c, err, "not a signed command: {}", pk_str_of(why));
    }
    err = pk_claims_parse(v->jws.payload, v->jws.payload_bytes, &v->claims, &why);
    if (err != PK_OK) {
        (void)pk_ctl_fail(c, err, "the claims are not as they must be: {}", pk_str_of(pk_err_text(err)));
        return why[0] == '\0' ? pk_err_exit_code(err)
                              : pk_ctl_fail(c, err, "at fault is '{}'", pk_str_of(why));
    }
    return 0;
}

static int check_signatures(struct pk_ctl *c, struct verify *v) {
    for (uint32_t i = 0; i < v->jws.signature_count; i++) {
        const struct pk_jws_signature *s = &v->jws.signatures[i];
        const int index = pk_keys_find(&v->keys, pk_str_of(s->kid));
        if (index < 0) {
            return pk_ctl_fail(c, index, "not valid: there is no key '{}'", pk_str_of(s->kid));
        }
        v->signers[i] = &v->keys.items[index];
        const int err = c->port.crypto.es256_verify(c->port.crypto.ctx, v->signers[i]->public_key,
                                                    s->signing_input, s->signature);
        if (err != PK_OK) {
            return pk_ctl_fail(c, PK_E_BAD_SIGNATURE, "not valid: the signature is not by the key '{}'",
                               pk_str_of(s->kid));
        }
    }
    return 0;
}

static int check_claims(struct pk_ctl *c, struct verify *v) {
    enum pk_cmd cmd = PK_CMD_COUNT;
    const int64_t now_s = c->look.now_ms / 1000;
    if (v->claims.exp_s + PK_COMMAND_SKEW_S <= now_s) {
        return pk_ctl_fail(c, PK_E_EXPIRED, "not valid: it expired", pk_str_make(NULL, 0));
    }
    if (v->claims.iat_s - PK_COMMAND_SKEW_S > now_s) {
        return pk_ctl_fail(c, PK_E_EXPIRED, "not valid: it was signed in the future, says our clock",
                           pk_str_make(NULL, 0));
    }
    if (pk_cmd_find(pk_str_of(v->claims.cmd), &cmd) != PK_OK) {
        return pk_ctl_fail(c, PK_E_UNKNOWN_CMD, "not valid: there is no command '{}'",
                           pk_str_of(v->claims.cmd));
    }
    for (uint32_t i = 0; i < v->jws.signature_count; i++) {
        if (pk_cmd_role_check(cmd, (enum pk_role)v->signers[i]->role) != PK_OK) {
            return pk_ctl_fail(c, PK_E_DENIED, "not valid: the role of key '{}' does not reach this command",
                               pk_str_of(v->signers[i]->kid));
        }
    }
    return 0;
}

static void show(struct pk_ctl *c, struct verify *v) {
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, v->result, sizeof v->result);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_bool(&w, "valid", true);
    pk_jw_array(&w, "signers");
    for (uint32_t i = 0; i < v->jws.signature_count; i++) {
        pk_jw_object(&w, NULL);
        pk_jw_cstr(&w, "kid", v->signers[i]->kid);
        pk_jw_cstr(&w, "owner", v->signers[i]->owner);
        pk_jw_cstr(&w, "role", pk_role_word((enum pk_role)v->signers[i]->role));
        pk_jw_object_end(&w);
    }
    pk_jw_array_end(&w);
    pk_jw_raw(&w, "claims", pk_str_make((const char *)v->jws.payload, v->jws.payload_bytes));
    pk_jw_object_end(&w);
    pk_ctl_show(c, c->command->view, pk_buf_str(&b));
}

int pk_ctl_do_verify(struct pk_ctl *c) {
    struct verify *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    int exit_code = read_text(c, v);
    exit_code = exit_code != 0 ? exit_code : read_keys(c, v);
    exit_code = exit_code != 0 ? exit_code : check_form(c, v);
    exit_code = exit_code != 0 ? exit_code : check_signatures(c, v);
    exit_code = exit_code != 0 ? exit_code : check_claims(c, v);
    if (exit_code == 0) {
        show(c, v);
    }
    free(v);
    return exit_code;
}
