#ifndef PK_STATSD_H
#define PK_STATSD_H
/* Lines of statsd, "name:value|type|@rate|#source:x", as events: type = name, value, source. Input is
 * hostile. Form: the statsd metric export of Etsy with the tags of DogStatsD.
 *
 * g: the value. A sign in front ("+3") would be relative to a value that is not kept here: refused, but for
 *    negative values, which are taken as such.
 * c: the value divided by the rate: that many since the last line.
 * ms, h, d: one measurement (ms: of milliseconds).
 * s (sets) and others: refused. */
#include "event/pk_event_json.h"

enum pk_statsd_refusal {
    PK_STATSD_OK,
    PK_STATSD_FORM,  /* not name:value|type */
    PK_STATSD_NAME,  /* name or source is not one of ours even after its odd bytes became '_' */
    PK_STATSD_VALUE, /* not a number, or relative */
    PK_STATSD_TYPE,  /* sets, and what nobody knows */
    PK_STATSD_RATE,  /* not in (0, 1] */
    PK_STATSD_COUNT
};
const char *pk_statsd_refusal_text(enum pk_statsd_refusal r);

/* One line without its end. Fills *out whole when PK_STATSD_OK. Source: tag "source:x", else "host:x", else
 * fallback_source. A tag "severity:x" is taken; others become metadata, as many as there is room for. */
PK_MUST_USE enum pk_statsd_refusal pk_statsd_parse(struct pk_str line, const char *fallback_source,
                                                   struct pk_event_in *out);
#endif
