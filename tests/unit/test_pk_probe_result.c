#include <string.h>

#include "event/pk_probe.h"

#include "support/pk_test.h"

static const struct pk_probe http_row = {.kind = PK_PROBE_HTTP};
static const struct pk_probe page_row = {.kind = PK_PROBE_SCRAPE, .series_count = 2};

static struct pk_ipc_probed sound(const struct pk_probe *row) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    r.kind = row->kind;
    r.is_up = 1;
    r.series_count = row->series_count;
    return r;
}

PK_TEST(result__sound_ones_pass) {
    struct pk_ipc_probed r = sound(&http_row);
    r.status = 200;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_OK);
    r = sound(&page_row);
    r.u.series.value[1] = -1.5;
    r.u.series.found[0] = PK_PROM_SEVERAL;
    CHECK_EQ_INT(pk_probe_result_check(&page_row, &r), PK_OK);
    CHECK_EQ_INT(r.u.series.found[0], PK_PROM_SEVERAL);
    r.error = PK_E_TIMEOUT; /* then it holds words */
    (void)strcpy(r.u.text, "late");
    CHECK_EQ_INT(pk_probe_result_check(&page_row, &r), PK_OK);
    CHECK_STR(r.u.text, "late");
}

PK_TEST(result__what_a_sound_child_never_says_is_refused) {
    struct pk_ipc_probed r = sound(&http_row);
    r.kind = PK_PROBE_TCP;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_E_BAD_MSG);
    r = sound(&http_row);
    r.is_up = 2;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_E_BAD_MSG);
    r = sound(&http_row);
    r.error = 5;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_E_BAD_MSG);
    r = sound(&http_row);
    r.status = 99;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_E_BAD_MSG);
    r = sound(&http_row);
    r.exit_code = -1;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_E_BAD_MSG);
    r = sound(&http_row);
    r.not_after_s = INT64_MAX;
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_E_BAD_MSG);
    r = sound(&page_row);
    r.series_count = 3;
    CHECK_EQ_INT(pk_probe_result_check(&page_row, &r), PK_E_BAD_MSG);
    r = sound(&page_row);
    r.u.series.found[1] = 9;
    CHECK_EQ_INT(pk_probe_result_check(&page_row, &r), PK_E_BAD_MSG);
    r = sound(&page_row);
    r.u.series.value[0] = 1e308 * 10.0;
    CHECK_EQ_INT(pk_probe_result_check(&page_row, &r), PK_E_BAD_MSG);
}

PK_TEST(result__words_of_strangers_become_text) {
    struct pk_ipc_probed r = sound(&http_row);
    memset(r.u.text, 'x', sizeof r.u.text); /* not terminated */
    memcpy(r.u.text, "a\x01\tb\xff\xc3\xa9\n\x7f", 9);
    CHECK_EQ_INT(pk_probe_result_check(&http_row, &r), PK_OK);
    CHECK_EQ_INT(strlen(r.u.text), sizeof r.u.text - 1u);
    CHECK(memcmp(r.u.text, "a  b?\xc3\xa9\n ", 9) == 0);
    CHECK(pk_text_is_utf8(pk_str_of(r.u.text)));
}

PK_TEST(check_words__first_line_and_first_value) {
    static const struct {
        const char *output, *text;
        bool has_value;
        double value;
    } cases[] = {
        {"OK - fine\n", "OK - fine", false, 0},
        {"OK - fine|time=0.012s;1;2;0\nlong text|more=1\n", "OK - fine", true, 0.012},
        {"DISK OK | '/var log'=2643MB;5948;5958;0;5968 /=12%\n", "DISK OK", true, 2643},
        {"WARN|'a=b'=-3.5;1\n", "WARN", true, -3.5},
        {"", "", false, 0},
        {"\n", "", false, 0},
        {"X |\n", "X", false, 0},
        {"X |load\n", "X", false, 0},
        {"X |load=U\n", "X", false, 0},
        {"X |load=1.2.3\n", "X", false, 0},
        {"X |'load=5\n", "X", false, 0},
        {"X |load=-\n", "X", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pk_check_words w;
        pk_check_words(pk_str_of(cases[i].output), &w);
        CHECK(pk_str_eq_c(w.text, cases[i].text));
        CHECK(w.has_value == cases[i].has_value);
        CHECK(!w.has_value || w.value == cases[i].value);
    }
}

PK_TEST(service_count__of_each_manager) {
    uint64_t n = 0;
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_SYSTEMD, pk_str_of("NRestarts=7\n"), &n), PK_OK);
    CHECK_EQ_U64(n, 7);
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_OPENRC, pk_str_of("3\n"), &n), PK_OK);
    CHECK_EQ_U64(n, 3);
    CHECK_EQ_INT(
        pk_service_count(
            PK_MANAGER_PROCD,
            pk_str_of("{\"dropbear\":{\"instances\":{\"instance1\":{\"running\":true,\"pid\": 1234,"), &n),
        PK_OK);
    CHECK_EQ_U64(n, 1234);
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_SYSTEMD, pk_str_of("NRestarts=\n"), &n), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_SYSTEMD, pk_str_of("Failed to connect\n"), &n), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_SYSTEMD, pk_str_of(""), &n), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_OPENRC, pk_str_of("three"), &n), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_PROCD, pk_str_of("{}"), &n), PK_E_BAD_MSG); /* it does not run */
    CHECK_EQ_INT(pk_service_count(PK_MANAGER_PROCD, pk_str_of("\"pid\":99999999999999999999"), &n),
                 PK_E_BAD_MSG);
}

PK_TEST_MAIN(result__sound_ones_pass, result__what_a_sound_child_never_says_is_refused,
             result__words_of_strangers_become_text, check_words__first_line_and_first_value,
             service_count__of_each_manager)
