#include "event/pk_loghead.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_logline line;
static char text[3][128];

static void cut(unsigned i, struct pk_str s) {
    (void)pk_str_copy_cut(s, text[i], sizeof text[i]);
}

static void take(void (*head)(struct pk_str, struct pk_logline *), const char *rest) {
    memset(&line, 0, sizeof line);
    head(pk_str_of(rest), &line);
    cut(0, line.host);
    cut(1, line.program);
    cut(2, line.message);
}

PK_TEST(syslog__has_host_tag_and_text) {
    static const struct {
        const char *rest, *host, *program, *message;
    } ROWS[] = {
        {" combo sshd(pam_unix)[19939]: authentication failure; x", "combo", "sshd",
         "authentication failure; x"},
        {" mac kernel[0]: AirPort: up", "mac", "kernel", "AirPort: up"},
        {" host kernel: [12345.678] usb 1-1: gone", "host", "kernel", "usb 1-1: gone"},
        {" su: bad", "", "su", "bad"},
        {" cron[12]: run", "", "cron", "run"},
        {" combo syslogd 1.4.1: restart.", "combo", "syslogd", "syslogd 1.4.1: restart."},
        {" host last message repeated 3 times", "host", "", "last message repeated 3 times"},
        {" host", "host", "", ""},
        {"", "", "", ""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        take(pk_loghead_syslog, ROWS[i].rest);
        CHECK_STR(text[0], ROWS[i].host);
        CHECK_STR(text[1], ROWS[i].program);
        CHECK_STR(text[2], ROWS[i].message);
    }
    take(pk_loghead_syslog, " daemon.err procd: Instance x crashed");
    CHECK_STR(text[1], "procd");
    CHECK(line.has_severity);
    CHECK_EQ_INT(line.severity, PK_SEV_HIGH);
}

PK_TEST(stamped__finds_level_and_class) {
    static const struct {
        const char *rest, *program, *message;
        int severity; /* -1 = none */
    } ROWS[] = {
        {" - WARN  [SendWorker:188978561024:QuorumCnxManager$SendWorker@688] - Send worker leaving thread",
         "QuorumCnxManager", "Send worker leaving thread", PK_SEV_MEDIUM},
        {" INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created it", "MRAppMaster",
         "Created it", PK_SEV_INFO},
        {" 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1", "DataNode", "PacketResponder 1",
         PK_SEV_INFO},
        {" INFO executor.CoarseGrainedExecutorBackend: Registered", "CoarseGrainedExecutorBackend",
         "Registered", PK_SEV_INFO},
        {", Info                  CBS    Loaded Servicing Stack", "CBS", "Loaded Servicing Stack",
         PK_SEV_INFO},
        {" 25746 INFO nova.osapi_compute.wsgi.server [req-1 2] 10.1 \"GET\"",
         "nova.osapi_compute.wsgi.server", "10.1 \"GET\"", PK_SEV_INFO},
        {" [12] user@db ERROR:  deadlock detected", "postgresql", "deadlock detected", PK_SEV_HIGH},
        {" 0 [ERROR] [MY-010119] [Server] Aborting", "mysqld", "Aborting", PK_SEV_HIGH},
        {" 0 [Warning] InnoDB: slow", "mysqld", "InnoDB: slow", PK_SEV_MEDIUM},
        {" [error] 12#12: *3 connect() failed", "nginx", "*3 connect() failed", PK_SEV_HIGH},
        {" level=error msg=\"it broke\"", "", "msg=\"it broke\"", PK_SEV_HIGH},
        {" stderr F something happened", "", "something happened", -1},
        {"  1702  2395 E WindowManager: gone", "WindowManager", "gone", PK_SEV_HIGH},
        {" R02-M1 RAS KERNEL FATAL data storage interrupt", "", "data storage interrupt", PK_SEV_CRITICAL},
        {"|Step_LSC|30002312|onStand 3579", "Step_LSC", "onStand 3579", -1},
        {" host app[3]: it is up", "app", "it is up", -1},
        {" ERROR 12 --- [exec-1] o.s.web.Foo  : it threw", "Foo", "it threw", PK_SEV_HIGH},
        {" myservice - ERROR - it broke", "", "it broke", PK_SEV_HIGH},
        {" the error in lower case is a word", "", "the error in lower case is a word", -1},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        take(pk_loghead_stamped, ROWS[i].rest);
        CHECK_EQ_INT(line.has_severity ? line.severity : -1, ROWS[i].severity);
        CHECK_STR(text[2], ROWS[i].message);
        if (ROWS[i].program[0] != '\0') {
            CHECK_STR(text[1], ROWS[i].program);
        }
    }
}

PK_TEST(httpd__has_level_and_client) {
    take(pk_loghead_httpd, " [error] [client 192.0.2.7] File does not exist: /x");
    CHECK_STR(text[1], "httpd");
    CHECK_STR(text[2], "[client 192.0.2.7] File does not exist: /x");
    CHECK_EQ_INT(line.severity, PK_SEV_HIGH);
    take(pk_loghead_httpd, " [core:warn] [pid 12:tid 34] AH00098: pid file overwritten");
    CHECK_STR(text[2], "AH00098: pid file overwritten");
    CHECK_EQ_INT(line.severity, PK_SEV_MEDIUM);
}

PK_TEST(level__words) {
    uint8_t severity = 9;
    CHECK(pk_loghead_level(pk_str_of("[crit]"), &severity) && severity == PK_SEV_CRITICAL);
    CHECK(pk_loghead_level(pk_str_of("SEVERE:"), &severity) && severity == PK_SEV_HIGH);
    CHECK(pk_loghead_level(pk_str_of("NOTICE"), &severity) && severity == PK_SEV_LOW);
    CHECK(pk_loghead_level(pk_str_of("level=\"warning\""), &severity) && severity == PK_SEV_MEDIUM);
    CHECK(!pk_loghead_level(pk_str_of("error"), &severity));
    CHECK(!pk_loghead_level(pk_str_of("P1"), &severity));
    CHECK(!pk_loghead_level(pk_str_of("Low"), &severity));
    CHECK(!pk_loghead_level(pk_str_of(""), &severity));
    CHECK_EQ_INT(pk_loghead_syslog_severity(0), PK_SEV_CRITICAL);
    CHECK_EQ_INT(pk_loghead_syslog_severity(3), PK_SEV_HIGH);
    CHECK_EQ_INT(pk_loghead_syslog_severity(7), PK_SEV_INFO);
}

PK_TEST(inner__level_of_a_message) {
    static const struct {
        const char *message;
        int severity;
    } ROWS[] = {
        {"ERROR boom", PK_SEV_HIGH},
        {"FATAL: boom", PK_SEV_CRITICAL},
        {"[error] 9#9: boom", PK_SEV_HIGH},
        {"level=error msg=\"boom\"", PK_SEV_HIGH},
        {"time=\"2026-01-01T00:00:00Z\" level=error msg=\"boom\"", PK_SEV_HIGH},
        {"E0301 10:00:00.000000       9 a.go:1] boom", PK_SEV_HIGH},
        {"I0301 10:00:00.000000       9 a.go:1] ERROR", PK_SEV_INFO},
        {"level=info msg=\"level=error\"", PK_SEV_INFO},
        {"time=1 msg=\"level=error\"", -1},
        {"0 errors", -1},
        {"Error 0", -1},
        {"ERRORS 0", -1},
        {"error", -1},
        {"E0301", -1},
        {"[", -1},
        {"l=", -1},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct pk_logline inner = {.message = pk_str_of(ROWS[i].message)};
        pk_loghead_inner(&inner);
        CHECK_EQ_INT(inner.has_severity ? inner.severity : -1, ROWS[i].severity);
    }
}

PK_TEST_MAIN(inner__level_of_a_message, syslog__has_host_tag_and_text, stamped__finds_level_and_class,
             httpd__has_level_and_client, level__words)
