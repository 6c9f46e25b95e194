#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static const struct ctl_rig_step STEPS[] = {SAMPLE_STEPS};
enum { STEP_COUNT = sizeof STEPS / sizeof STEPS[0] };

static int run(const char *words) {
    return ctl_rig_once(&rig, STEPS, STEP_COUNT, words);
}

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

static char path[256];

static const char *in_dir(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", rig.dir, name);
    return path;
}

static void write_file(const char *name, const char *text, mode_t mode) {
    pk_test_put_file(rig.dir, name, text);
    (void)chmod(in_dir(name), mode);
}

/* A gateway in the rig's folder; `pid_file` and `state` are names in it. */
static void doctor(const char *state, const char *pid_file, mode_t key_mode) {
    char conf[1024], words[256];
    ctl_rig_begin(&rig, STEPS, STEP_COUNT);
    (void)snprintf(
        conf, sizeof conf,
        "[paths]\nstate = %s/%s\nrun = %s\n[agent]\nuser = root\ngroup = root\n[broker central]\nkey = "
        "%s/tls.key\n[process api]\npidfile = %s/%s\n[heartbeat press]\ninterval = 30s\n",
        rig.dir, state, rig.dir, rig.dir, rig.dir, pid_file);
    write_file("picketd.conf", conf, 0644);
    write_file("tls.key", "x", key_mode);
    write_file("api.pid", "1", 0644);
    (void)snprintf(words, sizeof words, "doctor --config %s/picketd.conf --format table", rig.dir);
    (void)ctl_rig_run(&rig, words);
    (void)unlink(in_dir("picketd.conf"));
    (void)unlink(in_dir("tls.key"));
    (void)unlink(in_dir("api.pid"));
    ctl_rig_end(&rig);
}

PK_TEST(doctor_files__a_healthy_gateway) {
    doctor(".", "api.pid", 0640);
    CHECK(said("OK  folders writable: "));
    CHECK(said("  disk space: ") && said(" MiB free ("));
    CHECK(said("  process access: watched processes and mounts can be seen\n"));
    CHECK(!said("is a private key that others may read"));
}

PK_TEST(doctor_files__what_is_wrong_is_named_with_its_cure) {
    doctor("gone", "gone.pid", 0644);
    CHECK(said("tls.key is a private key that others may read or change"));
    CHECK(said("ERROR  folders writable: ") && said("/gone is not there or may not be looked at"));
    CHECK(said("WARNING  process access: ") && said("is that service running"));
    CHECK(said("WARNING  source running: press has sent nothing that is still in memory\n"));
    CHECK(said("private keys: mode 0640"));
}

PK_TEST(doctor_files__without_a_configuration) {
    CHECK_EQ_INT(run("doctor --config /nonexistent/picketd.conf --format table"), 0);
    CHECK(said("WARNING  files: /nonexistent/picketd.conf: ") && said("files and folders were not checked"));
}

PK_TEST_MAIN(doctor_files__a_healthy_gateway, doctor_files__what_is_wrong_is_named_with_its_cure,
             doctor_files__without_a_configuration)
