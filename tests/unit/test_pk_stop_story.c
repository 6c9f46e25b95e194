#include "incident/pk_stop_story.h"

#include "base/pk_err.h"

#include <string.h>

#include "support/pk_test.h"

static char the_line[PK_STOP_LINE_BYTES];

static enum pk_stop_trace trace(const char *dump) {
    return pk_stop_trace_of(pk_str_of(dump), the_line);
}

PK_TEST(trace__each_kind_by_the_words_of_the_kernel) {
    CHECK_EQ_INT(trace(""), PK_STOP_TRACE_NONE);
    CHECK_STR(the_line, "");
    CHECK_EQ_INT(trace("Shutdown#1 Part1\n<6>[    9.1] reboot: Restarting system\n"), PK_STOP_TRACE_NONE);
    CHECK_EQ_INT(
        trace("Panic#1 Part1\n<0>[   12.345678] Kernel panic - not syncing: sysrq triggered crash\n"),
        PK_STOP_TRACE_PANIC);
    CHECK_STR(the_line, "Kernel panic - not syncing: sysrq triggered crash");
    CHECK_EQ_INT(
        trace("[    1.0][    T1] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom "
              "is enabled"),
        PK_STOP_TRACE_OOM);
    CHECK_STR(the_line, "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled");
    CHECK_EQ_INT(trace("Kernel panic - not syncing: System is deadlocked on memory\n"), PK_STOP_TRACE_OOM);
    CHECK_EQ_INT(trace("Kernel panic - not syncing: softlockup: hung tasks\n"), PK_STOP_TRACE_LOCKUP);
    CHECK_EQ_INT(trace("Kernel panic - not syncing: Hard LOCKUP\n"), PK_STOP_TRACE_LOCKUP);
    CHECK_EQ_INT(trace("Kernel panic - not syncing: hung_task: blocked tasks\n"), PK_STOP_TRACE_LOCKUP);
    CHECK_EQ_INT(trace("<1>[ 3.0] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"),
                 PK_STOP_TRACE_OOPS);
}

PK_TEST(trace__panic_outweighs_the_oops_around_it) {
    CHECK_EQ_INT(trace("BUG: unable to handle page fault\nOops: 0002 [#1] SMP\n"
                       "Kernel panic - not syncing: Fatal exception\nBUG: scheduling while atomic\n"),
                 PK_STOP_TRACE_PANIC);
    CHECK_STR(the_line, "Kernel panic - not syncing: Fatal exception");
}

PK_TEST(trace__line_of_a_stranger__is_cut_and_printable) {
    char dump[4096];
    memset(dump, 'x', sizeof dump);
    memcpy(dump, "[[[", 3);
    dump[sizeof dump - 1] = '\0';
    CHECK_EQ_INT(trace(dump), PK_STOP_TRACE_NONE);
    memcpy(dump + 3, "Kernel panic - not syncing: ", 28);
    CHECK_EQ_INT(trace(dump), PK_STOP_TRACE_PANIC);
    CHECK(strlen(the_line) < PK_STOP_LINE_BYTES);
    CHECK_EQ_INT(trace("<0>Kernel panic - not syncing: a\tb\x01\xff\n"), PK_STOP_TRACE_PANIC);
    CHECK_STR(the_line, "Kernel panic - not syncing: a?b??");
}

static struct pk_stop_facts rebooted(void) {
    return (struct pk_stop_facts){
        .kernel_boot = 2, .kernel_boot_before = 1, .exit_status = PK_STOP_NO_EXIT, .line = "Kernel panic"};
}
static struct pk_stop_facts same_boot(uint32_t exit_status) {
    struct pk_stop_facts f = rebooted();
    f.kernel_boot_before = 2;
    f.exit_status = exit_status;
    return f;
}

static const char *word_of(const struct pk_stop_facts *f) {
    bool is_machine = false;
    const enum pk_stop stop = pk_stop_of(f, &is_machine);
    CHECK(stop == PK_STOP_UNKNOWN || is_machine == (f->kernel_boot != f->kernel_boot_before));
    return pk_stop_word(stop);
}

PK_TEST(stop__machine__each_cause) {
    struct pk_stop_facts f = rebooted();
    CHECK_STR(word_of(&f), "power");
    f.has_watchdog_fired = true;
    CHECK_STR(word_of(&f), "watchdog");
    f.was_clean = true; /* some boards never forget that it fired once */
    CHECK_STR(word_of(&f), "clean");
    f = rebooted();
    f.trace = PK_STOP_TRACE_PANIC;
    CHECK_STR(word_of(&f), "power"); /* it was told before */
    f.is_trace_new = true;
    CHECK_STR(word_of(&f), "panic");
    f.was_clean = true; /* it broke while it went down */
    CHECK_STR(word_of(&f), "panic");
    f.trace = PK_STOP_TRACE_OOM;
    CHECK_STR(word_of(&f), "oom");
    f.trace = PK_STOP_TRACE_LOCKUP;
    CHECK_STR(word_of(&f), "watchdog");
    f.trace = PK_STOP_TRACE_OOPS; /* it lived on after that one */
    CHECK_STR(word_of(&f), "clean");
    f.was_clean = false;
    CHECK_STR(word_of(&f), "panic");
    f.has_watchdog_fired = true;
    CHECK_STR(word_of(&f), "watchdog");
}

PK_TEST(stop__only_picketd__each_cause) {
    struct pk_stop_facts f = same_boot(PK_STOP_NO_EXIT);
    CHECK_STR(word_of(&f), "killed");
    f.was_clean = true;
    CHECK_STR(word_of(&f), "clean");
    f = same_boot(9);
    CHECK_STR(word_of(&f), "killed");
    f.oom_kill_count = 1;
    CHECK_STR(word_of(&f), "oom");
    f.was_hung = true;
    CHECK_STR(word_of(&f), "watchdog");
    f = same_boot(11);
    CHECK_STR(word_of(&f), "crash");
    f = same_boot(6 | 0x80); /* with a core */
    CHECK_STR(word_of(&f), "crash");
    f = same_boot(31);
    CHECK_STR(word_of(&f), "crash");
    f = same_boot(15);
    CHECK_STR(word_of(&f), "killed");
    f = same_boot(0x100); /* exit 1 */
    CHECK_STR(word_of(&f), "killed");
    f = same_boot((uint32_t)PK_EXIT_STORE << 8);
    CHECK_STR(word_of(&f), "store");
    f.was_clean = true;
    CHECK_STR(word_of(&f), "clean");
    f = same_boot(0x100);
    f.trace = PK_STOP_TRACE_PANIC; /* of a boot before this one */
    f.is_trace_new = f.has_watchdog_fired = true;
    CHECK_STR(word_of(&f), "killed");
}

PK_TEST(stop__nothing_known__is_no_story) {
    struct pk_stop_facts f = rebooted();
    f.kernel_boot_before = 0;
    CHECK_STR(word_of(&f), "unknown");
    f = rebooted();
    f.kernel_boot = 0;
    CHECK_STR(word_of(&f), "unknown");
}

PK_TEST(stop__worth_an_incident) {
    const bool expected[PK_STOP_COUNT] = {
        [PK_STOP_WATCHDOG] = true, [PK_STOP_PANIC] = true, [PK_STOP_OOM] = true,
        [PK_STOP_POWER] = true,    [PK_STOP_CRASH] = true, [PK_STOP_STORE] = true};
    for (uint32_t i = 0; i < PK_STOP_COUNT; i++) {
        CHECK_EQ_INT(pk_stop_is_unexpected((enum pk_stop)i), expected[i]);
    }
}

static const char *story(const struct pk_stop_facts *f) {
    static char text[PK_STOP_STORY_BYTES];
    struct pk_buf b;
    bool is_machine = false;
    const enum pk_stop stop = pk_stop_of(f, &is_machine);
    pk_buf_init(&b, text, sizeof text);
    pk_stop_story(f, stop, is_machine, &b);
    return text;
}

PK_TEST(story__says_what_it_stands_on) {
    struct pk_stop_facts f = rebooted();
    f.alive_wall_ms = 1790000000000;
    CHECK_STR(story(&f), "power: no clean stop, and neither kernel nor watchdog left a word; alive after "
                         "2026-09-21T14:13:20.000Z");
    f.trace = PK_STOP_TRACE_PANIC;
    f.is_trace_new = f.has_watchdog_fired = true;
    CHECK_STR(story(&f), "panic: the kernel broke; kernel: Kernel panic; boot status: reset by the watchdog; "
                         "alive after 2026-09-21T14:13:20.000Z");
    f = same_boot(9);
    f.oom_kill_count = 2;
    CHECK_STR(story(&f), "oom: the kernel killed picketd for want of memory; wait status 9; kills for memory "
                         "meanwhile: 2");
    f.was_clean = true;
    CHECK_STR(story(&f), "clean: picketd was stopped in order, the machine ran on");
    f = same_boot((uint32_t)PK_EXIT_STORE << 8);
    CHECK_STR(story(&f), "store: its file could not be written, and picketd started again to open it anew; "
                         "wait status 18944");
    f.kernel_boot_before = 0;
    CHECK_STR(story(&f), "unknown: nothing is known of a run before");
}

PK_TEST(story__longest__fits) {
    char line[PK_STOP_LINE_BYTES];
    memset(line, 'k', sizeof line);
    line[sizeof line - 1] = '\0';
    struct pk_stop_facts f = rebooted();
    f.trace = PK_STOP_TRACE_OOM;
    f.is_trace_new = f.has_watchdog_fired = true;
    f.line = line;
    f.alive_wall_ms = 1790000000000;
    const char *text = story(&f);
    CHECK(strlen(text) < PK_STOP_STORY_BYTES);
    CHECK(strstr(text, line) != NULL);
}

PK_TEST_MAIN(trace__each_kind_by_the_words_of_the_kernel, trace__panic_outweighs_the_oops_around_it,
             trace__line_of_a_stranger__is_cut_and_printable, stop__machine__each_cause,
             stop__only_picketd__each_cause, stop__nothing_known__is_no_story, stop__worth_an_incident,
             story__says_what_it_stands_on, story__longest__fits)
