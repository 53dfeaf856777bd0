/* An issuance: one run to obtain one certificate, from the order to the new generation.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The steps and moves are the table of acme_step.h. Every move saves the record before anything is
 * asked at the new step, so that the process may die anywhere; whoever finds the record goes on at
 * acme_step_resume(step). A run never waits: it is at rest until an answer comes or its moment is due.
 *
 * Trouble that no name is to blame for is met at the same step: what the network lost is asked again,
 * what the disk refused is written again. What the CA refused ends the run, through EXPLAIN where the
 * CA can say why, and the job of the domain (acme_job.h) says when the next may begin.
 *
 * One thread: the engine's.
 */
#ifndef ACME_ISSUANCE_H
#define ACME_ISSUANCE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_record.h"
#include "acme/acme_session.h"
#include "acme/acme_solver.h"
#include "acme/acme_store.h"

typedef struct acme_issuance_t acme_issuance_t;

/** What a run needs of its engine. */
typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    const apr_array_header_t *solvers; /**< acme_solver_t * */
    acme_err_t *(*generate_key)(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool);
    apr_interval_time_t retry_delay;
    void *baton;
    /** The highest generation of @a domain that children were told of; 0 if none. A new one is higher,
     * also when live/ was lost, since no child goes back. */
    apr_uint64_t (*served)(void *baton, const acme_domain_t *domain);
    /** Generation @a number of @a domain is in live/: ring the bell. */
    void (*staged)(void *baton, const acme_domain_t *domain, apr_uint64_t number);
    /** @a count proofs more (or fewer) are published; called before the first is and after the last. */
    void (*published)(void *baton, int count);
    /** The run wants to act at acme_issuance_due. */
    void (*due)(void *baton, acme_issuance_t *run);
    /** The run is over; its pool may be destroyed when this returns to the engine's loop, not before. */
    void (*ended)(void *baton, acme_issuance_t *run);
    /** The disk refused; it is tried again. Said for the log, which the engine keeps from flooding. */
    void (*store_trouble)(void *baton, const acme_err_t *err);
} acme_issuance_host_t;

/** Begins a run for a certificate of @a spec for @a names (const acme_identifier_t * of the domain: all, or
 * what is left when some are dropped), whose order counts as @a claim says. It acts when acme_issuance_act is called.
 * @a pool belongs to the run until it ended. */
acme_issuance_t *acme_issuance_begin(const acme_issuance_host_t *host, const acme_domain_t *domain,
                                     acme_session_t *session, const acme_key_spec_t *spec,
                                     const apr_array_header_t *names, acme_claim_t claim,
                                     apr_pool_t *pool);

/** Goes on with what a record says (@a record lives in @a pool). A record that does not fit the domain
 * any more is cleaned away, which counts as no failure. */
acme_issuance_t *acme_issuance_resume(const acme_issuance_host_t *host, const acme_domain_t *domain,
                                      acme_session_t *session, acme_record_t *record,
                                      apr_pool_t *pool);

/** Does what is due at the present step. */
void acme_issuance_act(acme_issuance_t *run);

/** The moment to act; 0 while an answer is awaited. */
apr_time_t acme_issuance_due(const acme_issuance_t *run);

const acme_domain_t *acme_issuance_domain(const acme_issuance_t *run);
const acme_record_t *acme_issuance_record(const acme_issuance_t *run);
apr_pool_t *acme_issuance_pool(const acme_issuance_t *run);

/** The session with the CA that the run orders from. */
acme_session_t *acme_issuance_session(const acme_issuance_t *run);

/** Gives the order up, unless its certificate is here: what was published is taken back, and the job stays
 * as it is. The run ends as others do. */
void acme_issuance_abandon(acme_issuance_t *run);

/** Drops what the run has asked; its record stays. */
void acme_issuance_stop(acme_issuance_t *run);

#endif
