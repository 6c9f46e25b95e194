/* Keys that come and go by signed command, kept over restarts (ADR 0072). */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_base64.h"
#include "base/pk_batch.h"
#include "report/pk_key_changes.h"

enum { KEY_OP_BYTES = PK_KEY_CHANGE_BYTES + 64, SIGNERS_TO_ADD = 2 };

static int store_change(struct pk_agent *a, uint32_t slot) {
    uint8_t bytes[PK_KEY_CHANGE_BYTES];
    struct pk_record_key key;
    pk_record_key_key(&key, (uint8_t)slot);
    const uint32_t n = pk_key_changes_pack(&a->key_changes, slot, bytes, sizeof bytes);
    return pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                        pk_str_make((const char *)bytes, n));
}

int pk_agent_keys_restore(struct pk_agent *a, struct pk_str key, struct pk_str value) {
    const int err = pk_key_changes_restore(&a->key_changes, (uint8_t)key.p[1], value);
    if (err < 0) {
        /* It may have been a revocation. */
        pk_agent_log(a, PK_LOG_ERROR,
                     "a stored change of the command keys cannot be read: no key is obeyed until `picketctl "
                     "keys revoke KID` on the gateway says which is not to be");
    }
    return err;
}

void pk_agent_keys_tell(struct pk_agent *a) {
    if (pk_key_changes_is_distrusted(&a->key_changes)) {
        pk_agent_report_damage(
            a, "command_keys",
            "A stored revocation of a command key cannot be read: no signed command is obeyed "
            "until root on the gateway says picketctl keys revoke KID");
    }
}

void pk_agent_keys_apply(struct pk_agent *a, struct pk_keys *keys) {
    if (pk_key_changes_apply(&a->key_changes, keys) > 0) {
        pk_agent_log(a, PK_LOG_ERROR, "command keys that were added find no room beside those of the files");
    }
}

static int key_of(struct pk_agent *a, const struct pk_request *q, struct pk_key *out) {
    enum pk_role role;
    const struct pk_str kid = pk_args_text(&q->args, "kid"), owner = pk_args_text(&q->args, "owner");
    *out = (struct pk_key){0};
    if (!pk_keys_is_name(kid)) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "kid: letters, digits and _ - . : @, at most 32");
    }
    if (owner.n > 0 && !pk_keys_is_name(owner)) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "owner: letters, digits and _ - . : @, at most 32");
    }
    if (pk_role_parse(pk_args_text(&q->args, "role"), &role) != PK_OK) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "role: viewer, responder, approver, admin or hub");
    }
    if (pk_base64url_decode(pk_args_text(&q->args, "public"), out->public_key, sizeof out->public_key) !=
        PK_ES256_PUBLIC_BYTES) {
        return pk_agent_fail(a, PK_E_BAD_FIELD,
                             "public is not base64url of 64 bytes (X and Y of a P-256 key)");
    }
    out->role = (uint8_t)role;
    (void)pk_str_copy_cut(kid, out->kid, sizeof out->kid);
    (void)pk_str_copy_cut(owner.n > 0 ? owner : kid, out->owner, sizeof out->owner);
    return PK_OK;
}

static void note(struct pk_agent *a, const char *kid, const char *role) {
    struct pk_buf b;
    pk_buf_init(&b, a->rule_note, sizeof a->rule_note);
    pk_buf_puts(&b, kid);
    if (role[0] != '\0') {
        pk_buf_puts(&b, " as ");
        pk_buf_puts(&b, role);
    }
}

static int answer(struct pk_agent *a, struct pk_json_writer *w, int slot, const char *kid) {
    const int err = store_change(a, (uint32_t)slot);
    PK_ASSERT(err == PK_OK); /* room was checked */
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "kid", kid);
    pk_jw_u64(w, "keys", a->keys[a->keys_index].count);
    pk_jw_object_end(w);
    return PK_OK;
}

static int add_key(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_key key;
    if (q->is_remote && q->signer_count < SIGNERS_TO_ADD) {
        return pk_agent_fail(a, PK_E_DENIED, "a new key needs the signatures of two admins");
    }
    const int err = key_of(a, q, &key);
    if (err < 0) {
        return err;
    }
    const int slot = pk_key_changes_add(&a->key_changes, &a->keys[a->keys_index], &key);
    if (slot < 0) {
        return pk_agent_fail(a, slot,
                             slot == PK_E_CONFLICT
                                 ? "there is or was a key of this name: a new key needs a new one"
                                 : "no room for a further key (PK_LIMIT_KEYS_PUBLIC, PK_LIMIT_KEY_CHANGES)");
    }
    note(a, key.kid, pk_role_word((enum pk_role)key.role));
    pk_agent_log1(a, PK_LOG_NOTICE, "a command key was added", pk_str_of(key.kid));
    return answer(a, w, slot, key.kid);
}

/* What was allowed with a key that is not trusted any more is not allowed any more. */
static void end_standings_of(struct pk_agent *a, const char *owner) {
    struct pk_standings *t = &a->respond.standings;
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        const struct pk_standing *s = &t->rows[i];
        const bool is_his = strcmp(s->by[0], owner) == 0 || strcmp(s->by[1], owner) == 0;
        if (s->number != 0 && is_his && pk_standings_end(t, s->number) == PK_OK) {
            pk_agent_log1(a, PK_LOG_WARNING, "a standing order ended with the key that gave it",
                          pk_str_of(s->action));
        }
    }
}

static int revoke_key(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    char kid[PK_JWS_KID_BYTES];
    char owner[PK_JWS_KID_BYTES] = "";
    (void)pk_str_copy_cut(pk_args_text(&q->args, "kid"), kid, sizeof kid);
    const int index = pk_keys_find(&a->keys[a->keys_index], pk_str_of(kid));
    if (index >= 0) {
        (void)pk_str_copy_cut(pk_str_of(a->keys[a->keys_index].items[index].owner), owner, sizeof owner);
    }
    const struct pk_key_right right = {
        .is_remote = q->is_remote, .people_count = q->signer_count, .person = pk_str_of(q->people[0])};
    const int slot = pk_key_changes_revoke(&a->key_changes, &a->keys[a->keys_index], pk_str_of(kid), &right);
    if (slot < 0) {
        return pk_agent_fail(
            a, slot,
            slot == PK_E_UNKNOWN_KEY ? "there is no such key here"
            : slot == PK_E_CONFLICT
                ? "it is the last key of an admin: add another one first, or revoke it on the gateway"
            : slot == PK_E_DENIED ? "it is the key of another admin: that needs the signatures of two admins"
                                  : "no room for a further change (PK_LIMIT_KEY_CHANGES); the last two "
                                    "places need two signatures");
    }
    note(a, kid, "");
    pk_agent_log1(a, PK_LOG_WARNING, "a command key was revoked", pk_str_of(kid));
    if (owner[0] != '\0') {
        end_standings_of(a, owner);
    }
    return answer(a, w, slot, kid);
}

int pk_agent_keys_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    if (!pk_agent_batch_has_room(a, KEY_OP_BYTES + PK_RECORD_LOG_BYTES)) {
        return pk_agent_fail(a, PK_E_BUSY, "the store is behind; try again");
    }
    return q->cmd == PK_CMD_KEYS_ADD ? add_key(a, q, w) : revoke_key(a, q, w);
}

int pk_agent_keys_list(const struct pk_agent *a, struct pk_json_writer *w) {
    const struct pk_keys *keys = &a->keys[a->keys_index];
    pk_jw_object(w, "result");
    pk_jw_array(w, "keys");
    for (uint32_t i = 0; i < keys->count; i++) {
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "kid", keys->items[i].kid);
        pk_jw_cstr(w, "role", pk_role_word((enum pk_role)keys->items[i].role));
        pk_jw_cstr(w, "owner", keys->items[i].owner);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "distrusted", keys->is_distrusted);
    pk_jw_array(w, "revoked");
    for (uint32_t i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        if (a->key_changes.items[i].is_revoked) {
            pk_jw_cstr(w, NULL, a->key_changes.items[i].key.kid);
        }
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    return PK_OK;
}
