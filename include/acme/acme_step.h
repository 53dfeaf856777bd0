/* The steps of an issuance and the moves between them: the table, and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 *
 *  step        asks               hears                may go to
 *  ORDER       newOrder           order                AUTHORIZE CLEAN
 *  AUTHORIZE   authorizations     authorizations       PUBLISH POLL EXPLAIN CLEAN
 *  PUBLISH     solvers            -                    RESPOND CLEAN
 *  RESPOND     challenges         challenges           POLL EXPLAIN
 *  POLL        order              order                FINALIZE DOWNLOAD EXPLAIN CLEAN
 *  FINALIZE    finalize (CSR)     order                POLL EXPLAIN
 *  DOWNLOAD    certificate        chain                STAGE CLEAN
 *  STAGE       store              -                    CLEAN
 *  EXPLAIN     authorizations     why it failed        CLEAN
 *  CLEAN       solvers, store     -                    (end)
 *
 * A rehearsal (an order at the test environment of a CA) is over at POLL, when its names are
 * validated.
 *
 * Staying at a step (polling, waiting for a solver, trying again what the network lost) is no move.
 */
#ifndef ACME_STEP_H
#define ACME_STEP_H

typedef enum {
    ACME_STEP_ORDER,
    ACME_STEP_AUTHORIZE,
    ACME_STEP_PUBLISH,
    ACME_STEP_RESPOND,
    ACME_STEP_POLL,
    ACME_STEP_FINALIZE,
    ACME_STEP_DOWNLOAD,
    ACME_STEP_STAGE,
    ACME_STEP_EXPLAIN,
    ACME_STEP_CLEAN
} acme_step_t;

#define ACME_STEP_COUNT (ACME_STEP_CLEAN + 1)

/** "ORDER" …, as records and log lines name it. */
const char *acme_step_name(acme_step_t step);

/** The inverse; 0 or -1. */
int acme_step_parse(acme_step_t *step, const char *name);

/** Nonzero if the table allows to move from @a from to @a to. */
int acme_step_may_go(acme_step_t from, acme_step_t to);

/** Where a run goes on whose process died at @a step: at the step that finds out from the CA how far
 * the order is. Doing it again does no harm. */
acme_step_t acme_step_resume(acme_step_t step);

#endif
