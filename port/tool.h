#ifndef PK_PORT_TOOL_H
#define PK_PORT_TOOL_H
/* What a program that is not the daemon needs of the platform: no loop, no store, no network. */
#include "port/port.h"

struct pk_port_tool {
    struct pk_port_clock clock;
    struct pk_port_entropy entropy;
    struct pk_port_crypto crypto;
    struct pk_port_files files;
};
/* Fills *out; never fails. One per process. */
void pk_platform_open_tool(struct pk_port_tool *out);
#endif
