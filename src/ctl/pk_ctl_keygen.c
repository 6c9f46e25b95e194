/* `keygen`: a key pair for signed commands. */
#include <string.h>
#include <unistd.h>

#include "ctl/pk_ctl.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_keyfile.h"
#include "report/pk_keys.h"

enum { PATH_BYTES = 512, FILE_BYTES = 512 };

static int path_of(struct pk_ctl *c, const char *suffix, char out[PATH_BYTES]) {
    struct pk_buf b;
    pk_buf_init(&b, out, PATH_BYTES);
    pk_buf_puts(&b, pk_ctl_args_text(&c->args, "out"));
    pk_buf_putc(&b, '/');
    pk_buf_puts(&b, pk_ctl_args_text(&c->args, "kid"));
    pk_buf_puts(&b, suffix);
    return b.is_cut ? pk_ctl_fail(c, PK_E_USAGE, "the path is too long", pk_str_make(NULL, 0)) : 0;
}

static int make_file(struct pk_ctl *c, const char *path, unsigned mode, struct pk_str content) {
    const int err = pk_ctl_file_make(path, mode, content);
    if (err == PK_E_CONFLICT) {
        return pk_ctl_fail(c, err, "{} is there already; nothing is overwritten", pk_str_of(path));
    }
    if (err != PK_OK) {
        (void)pk_ctl_fail(c, err, "cannot write {}", pk_str_of(path));
        return pk_ctl_fail(c, err, "{}", pk_str_of(pk_err_text(err)));
    }
    return 0;
}

/* Both files or none. */
static int make_files(struct pk_ctl *c, const struct pk_key *key,
                      const struct pk_ctl_private_key *private_key, const char *public_path,
                      const char *private_path) {
    char text[FILE_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_ctl_private_write(&b, private_key);
    int exit_code = make_file(c, private_path, 0600, pk_buf_str(&b));
    explicit_bzero(text, sizeof text);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_keys_write(&b, key);
    exit_code = make_file(c, public_path, 0644, pk_buf_str(&b));
    if (exit_code != 0) {
        (void)unlink(private_path);
    }
    return exit_code;
}

static int take_names(struct pk_ctl *c, struct pk_key *key) {
    const char *kid = pk_ctl_args_text(&c->args, "kid"), *owner = pk_ctl_args_text(&c->args, "owner"),
               *role_word = pk_ctl_args_text(&c->args, "role");
    enum pk_role role = PK_ROLE_NONE;
    if (!pk_ctl_is_key_name(pk_str_of(kid)) || (owner != NULL && !pk_ctl_is_key_name(pk_str_of(owner)))) {
        return pk_ctl_fail(c, PK_E_USAGE,
                           "names of keys and owners are letters, digits and _ - . : @, at most 32",
                           pk_str_make(NULL, 0));
    }
    if (pk_role_parse(pk_str_of(role_word), &role) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "--role is viewer, responder, approver, admin or hub, not '{}'",
                           pk_str_of(role_word));
    }
    (void)pk_str_copy_cut(pk_str_of(kid), key->kid, sizeof key->kid);
    (void)pk_str_copy_cut(pk_str_of(owner != NULL ? owner : kid), key->owner, sizeof key->owner);
    key->role = (uint8_t)role;
    return 0;
}

int pk_ctl_do_keygen(struct pk_ctl *c) {
    struct pk_key key = {0};
    struct pk_ctl_private_key private_key = {{0}, {0}};
    char public_path[PATH_BYTES], private_path[PATH_BYTES], text[PATH_BYTES * 2 + 128];
    struct pk_buf b;
    struct pk_json_writer w;
    int exit_code = take_names(c, &key);
    exit_code = exit_code != 0 ? exit_code : path_of(c, ".key", public_path);
    exit_code = exit_code != 0 ? exit_code : path_of(c, ".private", private_path);
    if (exit_code != 0) {
        return exit_code;
    }
    if (c->is_dry_run) {
        pk_ctl_text_puts(&c->out, "would write ");
        pk_ctl_text_put_safe(&c->out, pk_str_of(private_path), false);
        pk_ctl_text_puts(&c->out, " and ");
        pk_ctl_text_put_safe(&c->out, pk_str_of(public_path), false);
        pk_ctl_text_putc(&c->out, '\n');
        return 0;
    }
    memcpy(private_key.kid, key.kid, sizeof private_key.kid);
    const int err = c->port.crypto.es256_keygen(c->port.crypto.ctx, private_key.bytes, key.public_key);
    if (err != PK_OK) {
        return pk_ctl_fail(c, err, "cannot make a key: {}", pk_str_of(pk_err_text(err)));
    }
    exit_code = make_files(c, &key, &private_key, public_path, private_path);
    explicit_bzero(&private_key, sizeof private_key);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "kid", key.kid);
    pk_jw_cstr(&w, "private", private_path);
    pk_jw_cstr(&w, "public", public_path);
    pk_jw_object_end(&w);
    pk_ctl_show(c, c->command->view, b.is_cut ? pk_str_of("{}") : pk_buf_str(&b));
    return 0;
}
