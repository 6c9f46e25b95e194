#ifndef PK_TOPIC_H
#define PK_TOPIC_H
/* Topic names of WIRE "Topics": built and taken apart here only. Root is picket/v1/{site}/{gateway}/. */
#include "base/pk_text.h"

enum pk_topic_kind {
    PK_TOPIC_STATUS,
    PK_TOPIC_SUMMARY,
    PK_TOPIC_INCIDENT, /* a = incident id */
    PK_TOPIC_APPROVAL, /* a = approval id */
    PK_TOPIC_REPLY,    /* a = jti */
    PK_TOPIC_CMD,      /* a = command name; site and gateway may be "all" */
    PK_TOPIC_ACK,
    PK_TOPIC_CAPSULE, /* a = incident id, b = decimal chunk number */
    PK_TOPIC_EVENT,   /* a = event type */
    PK_TOPIC_IN,      /* a = source, b = event type */
    PK_TOPIC_HOME,    /* state for Home Assistant (wire/pk_shown.h) */
    PK_TOPIC_KIND_COUNT
};

enum {
    PK_TOPIC_BYTES = 224,    /* longest topic (in/ with two names of 64) and its terminator fit */
    PK_TOPIC_ID_BYTES = 32,  /* site, gateway */
    PK_TOPIC_NAME_BYTES = 64 /* event source and type, incident and approval id, jti, command */
};

struct pk_topic {
    enum pk_topic_kind kind;
    struct pk_str site, gateway, a, b; /* into the input */
};

/* Appends the topic to *out. PK_OK; PK_E_BAD_FIELD: site, gateway, a or b is not of the form its kind asks
 * for (wildcards, '/', empty, too long); PK_E_TOO_BIG: *out is too small. On an error *out is as before.
 * Parts a kind does not have must be empty. */
PK_MUST_USE int pk_topic_build(struct pk_buf *out, const struct pk_topic *topic);
/* The reverse. PK_OK; PK_E_NOT_FOUND: not one of ours (another root, version or kind); PK_E_BAD_FIELD: ours,
 * but a part is not of its form or there are too few or many levels. Slices point into `text`. */
PK_MUST_USE int pk_topic_parse(struct pk_str text, struct pk_topic *out);

/* What an agent subscribes to. The count is fixed; index < PK_TOPIC_FILTER_COUNT. */
enum pk_topic_filter {
    PK_TOPIC_FILTER_CMD,      /* picket/v1/{site}/{gateway}/cmd/+ */
    PK_TOPIC_FILTER_CMD_SITE, /* picket/v1/{site}/all/cmd/+ */
    PK_TOPIC_FILTER_CMD_ALL,  /* picket/v1/all/all/cmd/+ */
    PK_TOPIC_FILTER_ACK,      /* picket/v1/{site}/{gateway}/ack */
    PK_TOPIC_FILTER_IN,       /* picket/v1/{site}/{gateway}/in/+/+ */
    PK_TOPIC_FILTER_COUNT
};
/* PK_OK, PK_E_BAD_FIELD, PK_E_TOO_BIG as above. */
PK_MUST_USE int pk_topic_filter_build(struct pk_buf *out, enum pk_topic_filter filter, struct pk_str site,
                                      struct pk_str gateway);

bool pk_topic_is_id(struct pk_str s);   /* [A-Za-z0-9_-]{1,32} */
bool pk_topic_is_name(struct pk_str s); /* [A-Za-z0-9_.:@-]{1,64} */
#endif
