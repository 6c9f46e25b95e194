/* Doctor on what lies around the agent: file permissions, process access, disk space, folders it writes to,
 * sources that should be sending (REQUIREMENTS S2-47). Runs with the rights of whoever asks. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_conf.h"
#include "ctl/pk_ctl_findings.h"

enum { FREE_WARNING_PERCENT = 10, FREE_ERROR_BYTES = 4 * 1024 * 1024, ARGS_BYTES = 256 };

struct trouble {
    struct pk_ctl_text words;
    uint32_t looked_at;
};

static void say(struct trouble *t, const char *path, const char *what) {
    pk_ctl_text_puts(&t->words, t->words.n > 0 ? "; " : "");
    pk_ctl_text_put_safe(&t->words, pk_str_of(path), false);
    pk_ctl_text_puts(&t->words, what);
}

static void tell(struct pk_ctl_findings *f, struct trouble *t, const char *check, enum pk_ctl_verdict bad,
                 const char *fine, const char *cure) {
    if (t->words.n > 0) {
        pk_ctl_findings_add(f, check, bad, pk_ctl_text_str(&t->words), cure);
    } else {
        pk_ctl_findings_say(f, check, PK_CTL_FINE, fine, "");
    }
    pk_ctl_text_free(&t->words);
}

/* ---- permissions ---- */

/* What the agent and the supervisor believe must be only root's to write. */
static void check_guarded(struct trouble *t, const char *path) {
    struct stat st;
    if (path[0] == '\0' || stat(path, &st) != 0) {
        if (path[0] != '\0' && errno != ENOENT) {
            say(t, path, " cannot be looked at");
        }
        return;
    }
    t->looked_at++;
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0) {
        say(t, path, " may be changed by others");
    }
    if (st.st_uid != 0) {
        say(t, path, " does not belong to root");
    }
}

static void check_secret(struct trouble *t, const char *path) {
    struct stat st;
    if (path[0] == '\0') {
        return;
    }
    if (stat(path, &st) != 0) {
        say(t, path, errno == ENOENT ? " is not there" : " cannot be looked at");
        return;
    }
    t->looked_at++;
    if ((st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
        say(t, path, " is a private key that others may read or change");
    }
}

static void check_permissions(struct pk_ctl_findings *f, const struct pk_ctl_conf *conf) {
    struct trouble t = {.looked_at = 0};
    check_guarded(&t, conf->file);
    check_guarded(&t, conf->actions);
    check_guarded(&t, conf->rules);
    check_guarded(&t, conf->keys);
    check_secret(&t, conf->tls_keys[0]);
    check_secret(&t, conf->tls_keys[1]);
    tell(f, &t, "file permissions", PK_CTL_WARNING, "configuration, actions, rules and keys are guarded",
         "chown root and chmod go-w; private keys: mode 0640, group of the agent");
}

/* ---- folders ---- */

static bool may_write(const struct stat *st, uid_t uid, gid_t gid) {
    if (uid == 0) {
        return true;
    }
    if (st->st_uid == uid) {
        return (st->st_mode & S_IWUSR) != 0;
    }
    return st->st_gid == gid ? (st->st_mode & S_IWGRP) != 0 : (st->st_mode & S_IWOTH) != 0;
}

static bool find_ids(const struct pk_ctl_conf *conf, uid_t *out_uid, gid_t *out_gid) {
    const struct passwd *user = getpwnam(conf->user);
    if (user == NULL) {
        return false;
    }
    *out_uid = user->pw_uid;
    *out_gid = user->pw_gid;
    const struct group *group = getgrnam(conf->group);
    *out_gid = group != NULL ? group->gr_gid : *out_gid;
    return group != NULL;
}

static void check_folders(struct pk_ctl_findings *f, const struct pk_ctl_conf *conf) {
    struct trouble t = {.looked_at = 0};
    struct stat st;
    struct statvfs fs;
    uid_t uid = 0;
    gid_t gid = 0;
    if (!find_ids(conf, &uid, &gid)) {
        say(&t, conf->user, ": there is no such user or group");
    }
    if (stat(conf->state, &st) != 0 || !S_ISDIR(st.st_mode)) {
        say(&t, conf->state, " is not there or may not be looked at");
    } else if (!may_write(&st, uid, gid)) {
        say(&t, conf->state, " may not be written by the agent's user");
    }
    const char *const folders[] = {conf->state, conf->run, "/tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (statvfs(folders[i], &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0) {
            say(&t, folders[i], " is on a file system that is read-only");
        }
    }
    tell(f, &t, "folders writable", PK_CTL_ERROR, "state, run and temporary folders can be written",
         "give the state folder to the agent's user; mount the file system read-write");
}

static void check_space(struct pk_ctl_findings *f, const struct pk_ctl_conf *conf) {
    struct statvfs fs;
    struct pk_ctl_text words = {0};
    if (statvfs(conf->state, &fs) != 0 || fs.f_blocks == 0) {
        return;
    }
    const uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    const uint64_t percent = (uint64_t)fs.f_bavail * 100u / fs.f_blocks;
    pk_ctl_text_put_u64(&words, free_bytes / (1024u * 1024u));
    pk_ctl_text_puts(&words, " MiB free (");
    pk_ctl_text_put_u64(&words, percent);
    pk_ctl_text_puts(&words, " %) where ");
    pk_ctl_text_put_safe(&words, pk_str_of(conf->state), false);
    pk_ctl_text_puts(&words, " is");
    const bool is_full = free_bytes < FREE_ERROR_BYTES;
    const bool is_low = is_full || percent < FREE_WARNING_PERCENT;
    pk_ctl_findings_add(f, "disk space",
                        is_full  ? PK_CTL_ERROR
                        : is_low ? PK_CTL_WARNING
                                 : PK_CTL_FINE,
                        pk_ctl_text_str(&words),
                        is_low ? "remove or rotate logs, lower [store] map, or move [paths] state" : "");
    pk_ctl_text_free(&words);
}

/* ---- what is watched ---- */

static bool is_hidden(struct pk_ctl *c) {
    char *text = malloc(64 * 1024);
    bool found = false;
    const int n =
        text != NULL ? c->port.files.read(c->port.files.ctx, "/proc/self/mounts", text, 64 * 1024) : 0;
    struct pk_str rest = pk_str_make(text, n > 0 ? (size_t)n : 0), line;
    while (n > 0 && pk_str_split(&rest, '\n', &line)) {
        struct pk_str left = line, word, where = {0};
        (void)pk_str_split(&left, ' ', &word);
        (void)pk_str_split(&left, ' ', &where);
        found = found || (pk_str_eq_c(where, "/proc") && pk_glob_match(pk_str_of("*hidepid=*"), line) &&
                          !pk_glob_match(pk_str_of("*hidepid=0*"), line) &&
                          !pk_glob_match(pk_str_of("*hidepid=off*"), line));
    }
    free(text);
    return found;
}

static void check_process(struct trouble *t, const struct pk_ctl_watched *w) {
    struct stat st;
    if (w->path[0] == '\0') {
        return;
    }
    if (stat(w->path, &st) != 0) {
        say(t, w->path,
            errno == ENOENT ? " is not there: is that service running, and its pid file there?"
                            : " cannot be looked at");
    } else if ((st.st_mode & S_IROTH) == 0) {
        say(t, w->path, " is a pid file that others may not read");
    }
}

static void check_access(struct pk_ctl *c, struct pk_ctl_findings *f, const struct pk_ctl_conf *conf) {
    struct trouble t = {.looked_at = 0};
    struct stat st;
    for (uint32_t i = 0; i < conf->watched_count; i++) {
        const struct pk_ctl_watched *w = &conf->watched[i];
        if (w->kind == 'p') {
            check_process(&t, w);
        } else if (w->kind == 'd' && w->path[0] != '\0' && stat(w->path, &st) != 0) {
            say(&t, w->path, " is a watched mount that is not there");
        }
    }
    if (is_hidden(c)) {
        say(&t, "/proc", " hides the processes of others (hidepid)");
    }
    tell(f, &t, "process access", PK_CTL_WARNING, "watched processes and mounts can be seen",
         "start the service or correct its section; pid files readable by all; /proc without hidepid");
}

static int has_events(struct pk_ctl *c, const char *source, bool *out) {
    char args[ARGS_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value event;
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "source", source);
    pk_jw_u64(&w, "limit", 1);
    pk_jw_object_end(&w);
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_EVENTS_LIST, pk_buf_str(&b), &result);
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "events").json);
    *out = pk_ctl_walk_next(&walk, &event);
    return exit_code;
}

static int check_sources(struct pk_ctl *c, struct pk_ctl_findings *f, const struct pk_ctl_conf *conf) {
    struct trouble t = {.looked_at = 0};
    int exit_code = 0;
    bool is_there = false;
    for (uint32_t i = 0; i < conf->watched_count && exit_code == 0; i++) {
        exit_code = has_events(c, conf->watched[i].name, &is_there);
        if (exit_code == 0 && !is_there) {
            say(&t, conf->watched[i].name, " has sent nothing that is still in memory");
        }
    }
    if (exit_code == 0) {
        tell(f, &t, "source running", PK_CTL_WARNING, "every configured source has sent something",
             "start the source; picketctl events list --source NAME shows what arrives, [sources] how often "
             "is "
             "measured");
    } else {
        pk_ctl_text_free(&t.words);
    }
    return exit_code;
}

int pk_ctl_doctor_files(struct pk_ctl *c, struct pk_ctl_findings *f) {
    struct pk_ctl_conf conf = {.watched_count = 0};
    struct pk_ctl_text words = {0};
    int exit_code = 0;
    conf.watched = calloc(PK_CTL_CONF_WATCHED_MAX, sizeof conf.watched[0]);
    if (conf.watched == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    pk_ctl_conf_find(c, &conf);
    const int err = pk_ctl_conf_read(c, &conf);
    if (err != PK_OK) {
        pk_ctl_text_put_safe(&words, pk_str_of(conf.file), false);
        pk_ctl_text_puts(&words, ": ");
        pk_ctl_text_puts(&words, pk_err_text(err));
        pk_ctl_text_puts(&words, "; files and folders were not checked");
        pk_ctl_findings_add(f, "files", PK_CTL_WARNING, pk_ctl_text_str(&words),
                            "say --config FILE, as a user who may read it");
    } else {
        check_permissions(f, &conf);
        check_folders(f, &conf);
        check_space(f, &conf);
        check_access(c, f, &conf);
        exit_code = check_sources(c, f, &conf);
    }
    pk_ctl_text_free(&words);
    free(conf.watched);
    return exit_code;
}
