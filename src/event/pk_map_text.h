#ifndef PK_MAP_TEXT_H
#define PK_MAP_TEXT_H
/* The small languages of mapping rows: templates "hall-{1}.{name|none}" and words "up -> 1, * -> 0". */
#include "event/pk_payload.h"

/* Where the fields of a template come from. */
struct pk_map_input {
    struct pk_str topic;
    const struct pk_str *captures;
    uint32_t capture_count;
    const struct pk_payload *payload;
    bool may_cut; /* a field that is too long is shortened; else PK_E_TOO_BIG */
};

/* Fills a template into out, terminated. A default stands for what is missing or empty. A literal before a
 * field that is empty is left out: "{1}.{2}" of "a" and "" is "a". Its length; PK_E_NOT_FOUND: a field
 * without default is missing, named in *out_field; PK_E_TOO_BIG. */
PK_MUST_USE int pk_map_text_fill(struct pk_str template, const struct pk_map_input *in, char *out,
                                 size_t cap_bytes, struct pk_str *out_field);
/* Whether a template can be filled at all: braces in pairs, fields that are a number up to capture_count,
 * topic, payload or a path. *out_why else. */
bool pk_map_text_is_template(struct pk_str template, uint32_t capture_count, const char **out_why);
/* What stands for a word in "a -> b, c -> d, * -> e"; the word itself when nothing does. Any case. */
struct pk_str pk_map_text_word(struct pk_str words, struct pk_str word);
/* Whether words are of that form. */
bool pk_map_text_is_words(struct pk_str words);
#endif
