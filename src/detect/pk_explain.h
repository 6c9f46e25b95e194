#ifndef PK_EXPLAIN_H
#define PK_EXPLAIN_H
/* What the engine knows, in words: implements pk_engine_explain, pk_engine_rule_state and pk_rule_state_word
 * of pk_engine.h. */
#include "detect/pk_engine.h"
#endif
