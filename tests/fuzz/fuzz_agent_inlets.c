/* Everything that inlets hand to the agent, through a whole agent that lives on from input to input: the
 * first byte says which inlet, then come datagrams, records or pieces of a stream, each behind two bytes of
 * length. Whatever comes, the agent goes on, and what it took apart is an event, or counted. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_assert.h"
#include "support/gateway_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES = 64, INLETS = 5 };
static const enum pk_inlet_form FORMS[INLETS] = {PK_INLET_FILE, PK_INLET_DATAGRAMS, PK_INLET_DATAGRAMS,
                                                 PK_INLET_RECORDS, PK_INLET_STREAM};
static struct gateway_site site;
static struct gateway gw;
static uint32_t texts[INLETS];
static bool is_started;

static void start(void) {
    const struct gateway_setup setup = {
        .seed = 1,
        .config =
            "[gateway]\nsite = lab\ngateway = @\n[agent]\nclock = trusted\n[sources]\ncpu = 0\nmemory = 0\n"
            "psi = 0\nload = 0\ndisk = 0\nprocess = 0\n[log a]\npath = /a\n[syslog]\nudp = 514\n"
            "[statsd]\nsocket = yes\n[kmsg]\ndevice = yes\n[journal]\ncommand = yes\n",
        .has_no_broker = true};
    gateway_site_init(&site, NULL, NULL, 1);
    gateway_init(&gw, &site, &setup);
    PK_ASSERT(gateway_boot(&gw));
    for (uint32_t i = 0; i < INLETS; i++) {
        const struct pk_ipc_frame f = {
            .version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = PK_IPC_OPEN_INLET + i};
        const int text = pk_sim_text_make(&gw.sim, FORMS[i]);
        PK_ASSERT(text >= 0);
        texts[i] = (uint32_t)text;
        pk_sim_text_pass(&gw.sim, texts[i], f.id);
        PK_ASSERT(pk_sim_ipc_push(&gw.sim, &f, 1) == PK_OK);
    }
    gateway_site_run(&site, 10);
    is_started = true;
}

static void put(uint32_t which, const uint8_t *p, uint32_t n) {
    const bool is_file = FORMS[which] == PK_INLET_FILE;
    if (is_file && gw.sim.texts[texts[which]].n > PK_SIM_TEXT_BYTES / 2u) {
        pk_sim_text_truncate(&gw.sim, texts[which]);
    }
    (void)pk_sim_text_put(&gw.sim, texts[which], p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!is_started) {
        start();
    }
    if (size < 3u) {
        return 0;
    }
    const uint32_t which = data[0] % INLETS;
    size_t at = 1;
    for (uint32_t i = 0; i < PIECES && at + 2u <= size; i++) {
        const size_t wanted = (size_t)data[at] | ((size_t)data[at + 1u] << 8);
        at += 2u;
        const size_t n = wanted < size - at ? wanted : size - at;
        put(which, data + at, (uint32_t)n);
        at += n;
        gateway_site_run(&site, 1);
    }
    gateway_site_run(&site, which == 0 ? 1100 : 2);
    const struct pk_agent_inlet *in = &gw.agent.inlets.rows[which];
    PK_ASSERT(in->event_count + in->bad_count <= in->line_count);
    PK_ASSERT(in->is_open && in->is_up && !in->is_fault);
    PK_ASSERT(gw.agent.intake.sources.foreign_count <= PK_LIMIT_SOURCES_FOREIGN);
    return 0;
}
