#include "ctl/pk_ctl_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/pk_test.h"

static struct pk_ctl ctl;
static struct pk_ctl_watched watched[PK_CTL_CONF_WATCHED_MAX];
static char dir[] = "/tmp/picketctl-conf-XXXXXX";

static void remove_file(const char *name) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)remove(path);
}

PK_TEST(conf__values_over_defaults) {
    struct pk_ctl_conf conf = {.watched = watched};
    char conf_d[128];
    REQUIRE(mkdtemp(dir) != NULL);
    pk_platform_open_tool(&ctl.port);
    pk_test_put_file(
        dir, "picketd.conf",
        "[gateway]\nsite = lab\n[paths]\nstate = /a # why\n[agent]\nuser = \"me\"\n[disk root]\npath = "
        "/\n[process web]\npidfile = /w.pid\n[heartbeat press]\ninterval = 3s\n[broker site]\nkey = "
        "/k1\n[broker central]\nkey = /k2\n");
    (void)snprintf(conf_d, sizeof conf_d, "%s/conf.d", dir);
    REQUIRE(mkdir(conf_d, 0755) == 0);
    pk_test_put_file(dir, "conf.d/90.conf", "[paths]\nrun = /r\nstate = /b\n");
    (void)snprintf(conf.file, sizeof conf.file, "%s/picketd.conf", dir);
    CHECK_EQ_INT(pk_ctl_conf_read(&ctl, &conf), PK_OK);
    CHECK_STR(conf.state, "/b");
    CHECK_STR(conf.run, "/r");
    CHECK_STR(conf.rules, "/etc/picket/rules.d");
    CHECK_STR(conf.user, "me");
    CHECK_STR(conf.group, "picket");
    CHECK_STR(conf.tls_keys[0], "/k1");
    CHECK_STR(conf.tls_keys[1], "/k2");
    CHECK_EQ_INT(conf.watched_count, 3);
    CHECK_STR(watched[0].path, "/");
    CHECK_STR(watched[1].name, "web");
    CHECK_STR(watched[1].path, "/w.pid");
    CHECK_EQ_INT(watched[2].kind, 'h');
    remove_file("conf.d/90.conf");
    remove_file("conf.d");
    remove_file("picketd.conf");
    CHECK_EQ_INT(pk_ctl_conf_read(&ctl, &conf), PK_E_NOT_FOUND);
    (void)rmdir(dir);
}

PK_TEST(conf__where_it_is) {
    struct pk_ctl_conf conf = {.watched = watched};
    pk_platform_open_tool(&ctl.port);
    ctl.args.count = 0;
    ctl.socket_path = "/nonexistent/control.sock";
    pk_ctl_conf_find(&ctl, &conf);
    CHECK_STR(conf.file, "/etc/picket/picketd.conf");
    ctl.socket_path = "no-slash";
    pk_ctl_conf_find(&ctl, &conf);
    CHECK_STR(conf.file, "/etc/picket/picketd.conf");
}

PK_TEST_MAIN(conf__values_over_defaults, conf__where_it_is)
