/* A line on the control socket, read from both ends. */
#include "base/pk_assert.h"
#include "wire/pk_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pk_control_request request, again;
    struct pk_control_reply reply;
    static char text[140000];
    struct pk_buf b;
    const char *field = NULL;
    uint32_t at_byte = 0;
    const struct pk_str line = pk_str_make((const char *)data, size);
    const int err = pk_control_parse(line, &request, &field, &at_byte);
    PK_ASSERT(field != NULL);
    pk_buf_init(&b, text, sizeof text);
    const struct pk_reply_to to = {.is_socket = true, .id = request.id};
    if (err != PK_OK) {
        pk_reply_error_detail(&b, &to, err, NULL, line);
        PK_ASSERT(!b.is_cut);
        PK_ASSERT(pk_control_reply_parse(pk_str_trim(pk_buf_str(&b)), &reply) == PK_OK);
        PK_ASSERT(reply.id == request.id && !reply.is_ok);
    } else {
        pk_control_write_request(&b, request.id, pk_str_of(request.cmd), request.args);
        PK_ASSERT(!b.is_cut);
        PK_ASSERT(pk_control_parse(pk_str_trim(pk_buf_str(&b)), &again, &field, &at_byte) == PK_OK);
        PK_ASSERT(again.id == request.id && pk_str_eq(again.args, request.args));
    }
    if (pk_control_reply_parse(line, &reply) == PK_OK) {
        PK_ASSERT(reply.message.n <= size && reply.result.n <= size);
    }
    return 0;
}
