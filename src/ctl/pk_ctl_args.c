#include "ctl/pk_ctl_args.h"

#include <string.h>

#include "base/pk_assert.h"

enum { WORDS_MAX = 64 };

struct parse {
    struct pk_ctl_args *args;
    const char *words[WORDS_MAX]; /* what is no option: the command, then positional arguments */
    uint32_t word_count;
    struct pk_buf why;
};

static int complain(struct parse *p, const char *before, struct pk_str what, const char *after) {
    pk_buf_puts(&p->why, before);
    char cut[64];
    (void)pk_str_copy_cut(what, cut, sizeof cut);
    pk_buf_puts(&p->why, cut);
    pk_buf_puts(&p->why, after);
    return PK_E_USAGE;
}

static const struct pk_ctl_option *find_option(enum pk_ctl_command_id command, struct pk_str name) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(command, &count);
    for (uint32_t i = 0; i < count; i++) {
        if ((rows[i].flags & PK_CTL_POSITIONAL) == 0 && pk_ctl_option_is(&rows[i], name)) {
            return &rows[i];
        }
    }
    return NULL;
}

static int unknown_option(struct parse *p, struct pk_str name) {
    char texts[32][24];
    const char *words[32];
    uint32_t n = 0;
    const enum pk_ctl_command_id from[2] = {p->args->command, PK_CTL_GLOBAL};
    for (uint32_t f = 0; f < 2; f++) {
        uint32_t count = 0;
        const struct pk_ctl_option *rows = pk_ctl_options(from[f], &count);
        for (uint32_t i = 0; i < count && n < PK_COUNT_OF(words); i++) {
            if ((rows[i].flags & PK_CTL_POSITIONAL) == 0) {
                (void)pk_str_copy_cut(pk_ctl_option_name(&rows[i]), texts[n], sizeof texts[n]);
                words[n] = texts[n];
                n++;
            }
        }
    }
    const char *near = pk_text_suggest(name, words, n);
    (void)complain(p, "unknown option --", name, "");
    if (near != NULL) {
        return complain(p, "; did you mean --", pk_str_of(near), "?");
    }
    return complain(p, " for '", pk_str_of(pk_ctl_command(p->args->command)->words), "'");
}

static int add(struct parse *p, const struct pk_ctl_option *option, const char *value) {
    struct pk_ctl_args *args = p->args;
    uint64_t number = 0;
    if ((option->flags & PK_CTL_REPEAT) == 0) {
        for (uint32_t i = 0; i < args->count; i++) {
            if (args->values[i].option == option) {
                return complain(p, "--", pk_ctl_option_name(option), " is given twice");
            }
        }
    }
    if (option->kind == PK_CTL_NUMBER && pk_parse_u64(pk_str_of(value), &number) != PK_OK) {
        (void)complain(p, "--", pk_ctl_option_name(option), " takes a whole number, not '");
        return complain(p, "", pk_str_of(value), "'");
    }
    if (!pk_text_is_utf8(pk_str_of(value))) {
        return complain(p, "", pk_ctl_option_name(option), " is not UTF-8");
    }
    if (args->count == PK_CTL_VALUES_MAX) {
        return complain(p, "too many arguments", pk_str_make(NULL, 0), "");
    }
    args->values[args->count++] = (struct pk_ctl_arg){option, value};
    return PK_OK;
}

/* The word behind an option may be its value. The command that was named so far tells; before it, options of
 * all commands agree per name (a test holds them to it), but for --events, whose first meaning is taken. */
static bool takes_value(const struct parse *p, struct pk_str name) {
    enum pk_ctl_command_id command = PK_CTL_GLOBAL;
    uint32_t used = 0;
    if (p->word_count > 0 && pk_ctl_command_find(p->words, p->word_count, &command, &used) == PK_OK) {
        const struct pk_ctl_option *o = find_option(command, name);
        if (o != NULL) {
            return o->kind != PK_CTL_FLAG;
        }
    }
    for (unsigned c = 0; c < PK_CTL_COMMAND_COUNT; c++) {
        const struct pk_ctl_option *o = find_option((enum pk_ctl_command_id)c, name);
        if (o != NULL) {
            return o->kind != PK_CTL_FLAG;
        }
    }
    return false;
}

/* "--name", "--name=value", "-h" to the name and what stands behind '='. */
static bool split_option(const char *word, struct pk_str *out_name, const char **out_value) {
    *out_value = NULL;
    if (word[0] != '-' || word[1] == '\0') {
        return false;
    }
    const char *name = word[1] == '-' ? word + 2 : word + 1;
    const char *equals = strchr(name, '=');
    *out_name = pk_str_make(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
    *out_value = equals != NULL ? equals + 1 : NULL;
    return true;
}

static int collect_words(struct parse *p, int argc, char *const *argv) {
    bool is_over = false;
    struct pk_str name;
    const char *value = NULL;
    for (int i = 0; i < argc; i++) {
        if (!is_over && strcmp(argv[i], "--") == 0) {
            is_over = true;
            continue;
        }
        if (!is_over && split_option(argv[i], &name, &value)) {
            i += value == NULL && takes_value(p, name) ? 1 : 0;
            continue;
        }
        if (p->word_count == WORDS_MAX) {
            return complain(p, "too many arguments", pk_str_make(NULL, 0), "");
        }
        p->words[p->word_count++] = argv[i];
    }
    return PK_OK;
}

static int read_options(struct parse *p, int argc, char *const *argv) {
    struct pk_str name;
    const char *value = NULL;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!split_option(argv[i], &name, &value)) {
            continue;
        }
        const struct pk_ctl_option *o = find_option(p->args->command, name);
        o = o != NULL ? o : find_option(PK_CTL_GLOBAL, name);
        if (o == NULL) {
            return unknown_option(p, name);
        }
        if (o->kind == PK_CTL_FLAG && value != NULL) {
            return complain(p, "--", name, " takes no value");
        }
        if (o->kind != PK_CTL_FLAG && value == NULL) {
            i++;
            if (i >= argc) {
                return complain(p, "--", name, " needs a value");
            }
            value = argv[i];
        }
        const int err = add(p, o, value != NULL ? value : "");
        if (err != PK_OK) {
            return err;
        }
    }
    return PK_OK;
}

static int join_rest(struct parse *p, const struct pk_ctl_option *option, uint32_t from) {
    struct pk_buf b;
    pk_buf_init(&b, p->args->rest, sizeof p->args->rest);
    for (uint32_t i = from; i < p->word_count; i++) {
        pk_buf_puts(&b, i > from ? " " : "");
        pk_buf_puts(&b, p->words[i]);
    }
    return b.is_cut ? complain(p, "", pk_ctl_option_name(option), " is too long")
                    : add(p, option, p->args->rest);
}

static int read_positionals(struct parse *p, uint32_t at) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(p->args->command, &count);
    for (uint32_t i = 0; i < count && at < p->word_count; i++) {
        int err = PK_OK;
        if ((rows[i].flags & PK_CTL_POSITIONAL) == 0) {
            continue;
        }
        if ((rows[i].flags & PK_CTL_REST) != 0) {
            err = join_rest(p, &rows[i], at);
            at = p->word_count;
        } else {
            do {
                err = add(p, &rows[i], p->words[at++]);
            } while (err == PK_OK && (rows[i].flags & PK_CTL_REPEAT) != 0 && at < p->word_count);
        }
        if (err != PK_OK) {
            return err;
        }
    }
    return at < p->word_count ? complain(p, "unexpected argument '", pk_str_of(p->words[at]), "'") : PK_OK;
}

static int check_required(struct parse *p) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(p->args->command, &count);
    for (uint32_t i = 0; i < count; i++) {
        bool is_given = (rows[i].flags & PK_CTL_REQUIRED) == 0;
        for (uint32_t k = 0; k < p->args->count; k++) {
            is_given = is_given || p->args->values[k].option == &rows[i];
        }
        if (is_given) {
            continue;
        }
        const bool is_positional = (rows[i].flags & PK_CTL_POSITIONAL) != 0;
        (void)complain(p, "'", pk_str_of(pk_ctl_command(p->args->command)->words), "' needs ");
        return complain(p, is_positional ? "" : "--",
                        is_positional ? pk_str_of(rows[i].placeholder) : pk_ctl_option_name(&rows[i]), "");
    }
    return PK_OK;
}

static int find_command(struct parse *p, int argc, char *const *argv, uint32_t *out_used) {
    *out_used = 0;
    if (p->word_count > 0) {
        if (pk_ctl_command_find(p->words, p->word_count, &p->args->command, out_used) == PK_OK) {
            return PK_OK;
        }
        const char *near = pk_ctl_command_suggest(p->words, p->word_count);
        (void)complain(p, "unknown command '", pk_str_of(p->words[0]), "");
        (void)complain(p, p->word_count > 1 ? " " : "", pk_str_of(p->word_count > 1 ? p->words[1] : ""), "'");
        if (near != NULL) {
            (void)complain(p, "; did you mean '", pk_str_of(near), "'?");
        }
        return PK_E_UNKNOWN_CMD;
    }
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            p->args->command = PK_CTL_VERSION;
            return PK_OK;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            p->args->command = PK_CTL_HELP;
            return PK_OK;
        }
    }
    return complain(p, "no command", pk_str_make(NULL, 0), "");
}

int pk_ctl_args_parse(struct pk_ctl_args *args, int argc, char *const *argv, char why[PK_CTL_WHY_BYTES]) {
    struct parse p = {.args = args};
    uint32_t used = 0;
    pk_buf_init(&p.why, why, PK_CTL_WHY_BYTES);
    args->count = 0;
    args->command = PK_CTL_HELP;
    int err = collect_words(&p, argc, argv);
    if (err == PK_OK) {
        err = find_command(&p, argc, argv, &used);
    }
    if (err != PK_OK || args->command == PK_CTL_VERSION) {
        return err;
    }
    err = read_options(&p, argc, argv);
    if (err == PK_OK) {
        err = read_positionals(&p, used);
    }
    if (err == PK_OK && !pk_ctl_args_has(args, "help")) {
        err = check_required(&p);
    }
    return err;
}

const char *pk_ctl_args_text(const struct pk_ctl_args *args, const char *name) {
    for (uint32_t i = 0; i < args->count; i++) {
        if (pk_str_eq_c(pk_ctl_option_name(args->values[i].option), name)) {
            return args->values[i].value;
        }
    }
    return NULL;
}

bool pk_ctl_args_has(const struct pk_ctl_args *args, const char *name) {
    return pk_ctl_args_text(args, name) != NULL;
}

uint64_t pk_ctl_args_u64(const struct pk_ctl_args *args, const char *name, uint64_t fallback) {
    const char *text = pk_ctl_args_text(args, name);
    uint64_t number = fallback;
    return text != NULL && pk_parse_u64(pk_str_of(text), &number) == PK_OK ? number : fallback;
}
