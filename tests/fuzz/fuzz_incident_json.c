/* An incident read from anywhere: what is accepted is written, packed and read again without a loss. */
#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_incident_json.h"
#include "wire/pk_record_incident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pk_incident_doc doc, again;
    static struct pk_incident unpacked;
    static char text[65536], text2[65536];
    static uint8_t packed[PK_RECORD_INCIDENT_BYTES_MAX];
    const char *field = NULL;
    if (pk_incident_json_read(data, (uint32_t)size, &doc, &field) != PK_OK) {
        PK_ASSERT(field != NULL);
        return 0;
    }
    struct pk_buf b, b2;
    struct pk_json_writer w;
    const struct pk_incident_view view = {.site = pk_str_of(doc.site),
                                          .gateway = pk_str_of(doc.gateway),
                                          .boot = doc.boot,
                                          .seq = doc.seq,
                                          .with_aliases = true};
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_incident_json_write(&w, NULL, &doc.incident, &view);
    PK_ASSERT(!b.is_cut);
    PK_ASSERT(pk_incident_json_read(text, b.n, &again, &field) == PK_OK);
    pk_buf_init(&b2, text2, sizeof text2);
    pk_jw_init(&w, &b2);
    pk_incident_json_write(&w, NULL, &again.incident, &view);
    PK_ASSERT(pk_str_eq(pk_buf_str(&b), pk_buf_str(&b2)));
    const uint32_t n = pk_record_incident_pack(&doc.incident, packed, sizeof packed);
    PK_ASSERT(n > 0);
    PK_ASSERT(pk_record_incident_unpack(pk_str_make((const char *)packed, n), &unpacked) == PK_OK);
    PK_ASSERT(strcmp(unpacked.title, doc.incident.title) == 0);
    return 0;
}
