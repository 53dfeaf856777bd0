/* The engine: all domains, sessions and runs of one process, and the tick.
 * SPDX-License-Identifier: Apache-2.0
 *
 * acme_engine_tick moves everything that can move and says when it wants to be called again. It
 * never waits but inside the transport's pump, at most as long as the caller allows, and only while
 * an exchange is out. One thread at a time; the store's lock must be held (acme_store_lock).
 *
 * Order of calls: create, tick …, stop. Stopping writes nothing and may be left out: whatever is
 * under way is in the records and goes on with the next engine.
 */
#ifndef ACME_ENGINE_H
#define ACME_ENGINE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_bell.h"
#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_generation.h"
#include "acme/acme_key.h"
#include "acme/acme_preflight.h"
#include "acme/acme_solver.h"
#include "acme/acme_store.h"
#include "acme/acme_transport.h"

typedef struct acme_engine_t acme_engine_t;

typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    acme_transport_t *transport;
    const apr_array_header_t *solvers; /**< acme_solver_t *: one per challenge type that works here */
    const apr_array_header_t *domains; /**< const acme_domain_t * */
    /** What serves a domain (by its index) that we have no certificate for, and is as good as one of
     * ours; NULL, or an entry NULL: nothing. */
    const acme_generation_facts_t *const *statics;
    acme_bell_t *bell;                 /**< NULL: nobody listens */
    const acme_preflight_t *preflight; /**< NULL: nothing is looked at beforehand */
    /** The registered domain of a DNS name (in @a pool), by the Public Suffix List; NULL if it has none.
     * NULL: limits by registered domain are not kept. */
    const char *(*registered_domain)(const char *name, apr_pool_t *pool);
    /** Makes keys; NULL: acme_key_generate. */
    acme_err_t *(*generate_key)(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool);
    apr_interval_time_t retry_delay;    /**< ACMERetryDelay */
    apr_interval_time_t check_interval; /**< ACMECheckInterval */
    int retry_failover;                 /**< ACMERetryFailover: errors before the next CA; 0: 13 */
    int max_in_flight;                  /**< requests to one CA at once; 0: 16 */
    int max_runs;                       /**< orders open at one CA at once, twice as many near an end; 0: 500 */
} acme_engine_config_t;

/** An engine in @a pool, which it uses until it is destroyed. Reads nothing yet. */
acme_engine_t *acme_engine_create(const acme_engine_config_t *config, apr_pool_t *pool);

/** Does what is due, waiting for answers at most @a wait. Returns the moment of the next due work. */
apr_time_t acme_engine_tick(acme_engine_t *engine, apr_interval_time_t wait);

/** Nonzero while an exchange is out, or something is due at once. */
int acme_engine_is_busy(const acme_engine_t *engine);

/** Begins nothing more, and waits at most @a patience for the answers to new orders that are under way,
 * so that the next engine does not order again what the CA has just made. For the end of a process that
 * is asked to go; only acme_engine_stop may follow. */
void acme_engine_drain(acme_engine_t *engine, apr_interval_time_t patience);

/** Drops what is out. */
void acme_engine_stop(acme_engine_t *engine);

#endif
