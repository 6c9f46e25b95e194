#ifndef PK_EXPECT_H
#define PK_EXPECT_H
/* Sources that must report although nobody heard of them yet: their wait begins without an event. Which ones
 * and how often is said in pk_source.expected_ms (event/pk_intern.h); what a source promised itself counts
 * more. The rules concerned are the absence rules that a heartbeat of the source would reach. */
#include "detect/pk_engine.h"

/* The wait of one source begins now. Where it has begun already its start holds, and a changed expected_ms
 * counts from there until the source promises something itself. What fires goes on until it is heard, or
 * until it is no longer due. Nothing to do when expected_ms is 0. */
void pk_expect_begin(struct pk_engine *e, uint16_t source_id, uint64_t now_ms);
/* The same for all sources: after rules were loaded or enabled (pk_engine.h does). */
void pk_expect_begin_all(struct pk_engine *e);
/* Nobody waits for the source any more, until its next heartbeat; what fired for it is CLEARED. PK_OK, or
 * PK_E_FULL: no room for findings, read them and call again. */
PK_MUST_USE int pk_expect_end(struct pk_engine *e, uint16_t source_id, uint64_t now_ms);
#endif
