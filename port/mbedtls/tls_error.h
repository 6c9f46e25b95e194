#ifndef PK_TLS_ERROR_H
#define PK_TLS_ERROR_H
/* What mbedTLS reports, in words for people. */
#include "base/pk_text.h"

/* flags: of mbedtls_ssl_get_verify_result. */
void pk_tls_verify_text(struct pk_buf *b, uint32_t flags, const char *server_name);
void pk_tls_alert_text(struct pk_buf *b, uint8_t alert);
void pk_tls_code_text(struct pk_buf *b, int code);
bool pk_tls_is_no_memory(int code);
#endif
