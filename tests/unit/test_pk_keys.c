#include "report/pk_keys.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static struct pk_keys keys;
static struct pk_diag diag;
#define PUBLIC "ZvzzOYldc9gv1R6CnnbeHhlmQenM04_SkHrjwfezBtsYro-7WPesqd4OiRv_yvt4sYOAhW6RX-Zkxn1uuFOUVg"

PK_TEST(keys__file__is_read_and_written_back) {
    char text[400], again[400];
    struct pk_buf b;
    pk_keys_init(&keys);
    CHECK_EQ_INT(pk_keys_parse(&keys, pk_golden("keys/alice.key", text, sizeof text), "alice.key", &diag),
                 PK_OK);
    CHECK_EQ_U64(keys.count, 1);
    CHECK_STR(keys.items[0].kid, "alice");
    CHECK_STR(keys.items[0].owner, "alice");
    CHECK_EQ_INT(keys.items[0].role, PK_ROLE_APPROVER);
    CHECK_EQ_INT(keys.items[0].public_key[0], 0x66);
    CHECK_EQ_INT(keys.items[0].public_key[63], 0x56);
    pk_buf_init(&b, again, sizeof again);
    pk_keys_write(&b, &keys.items[0]);
    CHECK_STR(again, text);
    CHECK_EQ_INT(
        pk_keys_parse(&keys,
                      pk_str_of("[key b.2@x]\nowner=bob # the new one\npublic=" PUBLIC "\nrole=Admin\n"),
                      "b.key", &diag),
        PK_OK);
    CHECK_EQ_INT(pk_keys_find(&keys, pk_str_of("b.2@x")), 1);
    CHECK_STR(keys.items[1].owner, "bob");
    CHECK_EQ_INT(pk_keys_find(&keys, pk_str_of("b.2@")), PK_E_UNKNOWN_KEY);
    CHECK_EQ_INT(pk_keys_find(&keys, pk_str_of("")), PK_E_UNKNOWN_KEY);
    pk_buf_init(&b, again, sizeof again);
    pk_keys_write(&b, &keys.items[1]);
    CHECK_STR(again, "[key b.2@x]\nrole   = admin\npublic = " PUBLIC "\nowner  = bob\n");
}

PK_TEST(keys__bad_file__says_where_and_why) {
    static const struct {
        const char *text, *message;
        uint32_t line, column;
    } CASES[] = {
        {"role = admin\n", "a value before the first [key NAME]", 1, 1},
        {"[user x]\n", "unknown section [user], only [key NAME] is known here", 1, 1},
        {"[key a/b]\n", "'a/b' is not a key name: letters, digits and _ - . : @, at most 32", 1, 1},
        {"[key]\n", "'' is not a key name: letters, digits and _ - . : @, at most 32", 1, 1},
        {"[key a]\nrole=root\n", "unknown role 'root': viewer, responder, approver, admin or hub", 2, 6},
        {"[key a]\nrole=none\n", "unknown role 'none': viewer, responder, approver, admin or hub", 2, 6},
        {"[key a]\npublic=AAAA\n", "public is not base64url of 64 bytes (X and Y of a P-256 key)", 2, 8},
        {"[key a]\npublic=" PUBLIC "AA\n", "public is not base64url of 64 bytes (X and Y of a P-256 key)", 2,
         8},
        {"[key a]\ncolour=red\n", "unknown key 'colour': role, public, owner or uid", 2, 1},
        {"[key a]\nowner=a b\n", "'a b' is not an owner name: letters, digits and _ - . : @, at most 32", 2,
         7},
        {"[key a]\nuid=root\n", "uid is the number of a user", 2, 5},
        {"[key a]\nuid=4294967295\n", "uid is the number of a user", 2, 5},
        {"[key a]\nrole=hub\nuid=7\npublic=" PUBLIC "\n[key b]\nrole=hub\nuid=7\npublic=" PUBLIC "\n",
         "its uid is that of owner 'a' already", 5, 1},
        {"[key a]\npublic=" PUBLIC "\n", "the key has no role", 1, 1},
        {"[key a]\nrole=hub\n", "the key has no public part", 1, 1},
        {"\n[key a]\nrole=hub\npublic=" PUBLIC "\n[key a]\n", "key 'a' is given twice", 5, 1},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        pk_keys_init(&keys);
        CHECK_EQ_INT(pk_keys_parse(&keys, pk_str_of(CASES[i].text), "x.key", &diag), PK_E_CONFIG);
        CHECK_STR(diag.message, CASES[i].message);
        CHECK_STR(diag.file, "x.key");
        CHECK_EQ_U64(diag.line, CASES[i].line);
        CHECK_EQ_U64(diag.column, CASES[i].column);
    }
    CHECK_EQ_INT(pk_keys_parse(&keys, pk_str_of("[key"), "x.key", &diag), PK_E_CONFIG);
    CHECK(diag.line == 1 && diag.message[0] != '\0');
}

PK_TEST(keys__uid__names_the_person) {
    char again[400];
    struct pk_buf b;
    pk_keys_init(&keys);
    CHECK_EQ_INT(pk_keys_parse(&keys,
                               pk_str_of("[key a1]\nowner=ann\nuid=0\nrole=admin\npublic=" PUBLIC
                                         "\n[key a2]\nowner=ann\nuid=0\nrole=admin\npublic=" PUBLIC
                                         "\n[key b]\nrole=admin\npublic=" PUBLIC "\n"),
                               "x.key", &diag),
                 PK_OK);
    CHECK_STR(pk_keys_person(&keys, 0), "ann");
    CHECK(pk_keys_person(&keys, 1000) == NULL);
    pk_buf_init(&b, again, sizeof again);
    pk_keys_write(&b, &keys.items[0]);
    CHECK_STR(again, "[key a1]\nrole   = admin\npublic = " PUBLIC "\nowner  = ann\nuid    = 0\n");
}

PK_TEST(keys__too_many__is_refused) {
    pk_keys_init(&keys);
    for (uint32_t i = 0; i <= PK_LIMIT_KEYS_PUBLIC; i++) {
        char text[200];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, "[key k");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\nrole=viewer\npublic=" PUBLIC "\n");
        const int err = pk_keys_parse(&keys, pk_buf_str(&b), "x.key", &diag);
        CHECK_EQ_INT(err, i < PK_LIMIT_KEYS_PUBLIC ? PK_OK : PK_E_CONFIG);
    }
    CHECK_EQ_U64(keys.count, PK_LIMIT_KEYS_PUBLIC);
}

/* A folder of two files; the second one as the test wants it. */
struct folder {
    int list_result, read_result;
};

static int list(void *ctx, const char *dir, const char *suffix, pk_file_name *each, void *arg) {
    const struct folder *f = ctx;
    CHECK_STR(dir, "/etc/picket/keys");
    CHECK_STR(suffix, ".key");
    if (f->list_result >= 0) {
        each(arg, "a.key");
        each(arg, "b.key");
    }
    return f->list_result;
}

static int read_file(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    const struct folder *f = ctx;
    static const char A[] = "[key a]\nrole=viewer\npublic=" PUBLIC "\n";
    static const char B[] = "[key b]\nrole=hub\npublic=" PUBLIC "\n";
    const char *text = strcmp(path, "/etc/picket/keys/a.key") == 0 ? A : B;
    if (text == B && f->read_result < 0) {
        return f->read_result;
    }
    CHECK(strlen(text) <= cap_bytes);
    memcpy(out, text, strlen(text));
    return (int)strlen(text);
}

PK_TEST(keys__folder__is_read_whole_or_not_at_all) {
    char scratch[1024];
    struct folder folder = {.list_result = 2};
    const struct pk_port_files files = {.ctx = &folder, .read = read_file, .list = list};
    CHECK_EQ_INT(pk_keys_load(&keys, &files, "/etc/picket/keys", scratch, sizeof scratch, &diag), PK_OK);
    CHECK_EQ_U64(keys.count, 2);
    CHECK_EQ_INT(keys.items[1].role, PK_ROLE_HUB);
    folder.read_result = PK_E_DENIED;
    CHECK_EQ_INT(pk_keys_load(&keys, &files, "/etc/picket/keys", scratch, sizeof scratch, &diag),
                 PK_E_CONFIG);
    CHECK_STR(diag.file, "/etc/picket/keys/b.key");
    CHECK_STR(diag.message, "not allowed");
    folder.list_result = PK_E_NOT_FOUND;
    CHECK_EQ_INT(pk_keys_load(&keys, &files, "/etc/picket/keys", scratch, sizeof scratch, &diag), PK_OK);
    CHECK_EQ_U64(keys.count, 0);
    folder.list_result = PK_E_FULL;
    CHECK_EQ_INT(pk_keys_load(&keys, &files, "/etc/picket/keys", scratch, sizeof scratch, &diag),
                 PK_E_CONFIG);
}

PK_TEST_MAIN(keys__file__is_read_and_written_back, keys__bad_file__says_where_and_why,
             keys__uid__names_the_person, keys__too_many__is_refused,
             keys__folder__is_read_whole_or_not_at_all)
