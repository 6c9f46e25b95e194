#include "port/tool.h"

#include "port/linux/pk_linux.h"
#include "port/mbedtls/pk_crypto.h"

/* Static, because what is handed out points to it for as long as the process lives. */
static struct {
    struct pk_linux_clock clock;
    struct pk_crypto crypto;
    struct pk_port_entropy entropy;
} tool;

void pk_platform_open_tool(struct pk_port_tool *out) {
    pk_linux_clock_open(&tool.clock, &out->clock);
    pk_linux_entropy_open(&tool.entropy);
    out->entropy = tool.entropy;
    pk_crypto_open(&tool.crypto, &tool.entropy, NULL, &out->crypto);
    pk_linux_files_open(&out->files);
}
