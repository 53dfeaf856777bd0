/* A server without a server: the engine with a fake CA, disk and clock, process after process.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     engine_world_t *w = engine_world_create(pool);
 *     engine_world_domain(w, "a.test www.a.test");
 *     engine_world_start(w);
 *     engine_world_pass(w, ACME_TIME_MINUTE);
 *     assert_int_equal(1, engine_world_number(w, 0));
 */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include <apr_pools.h>

#include "acme/acme_bell.h"
#include "acme/acme_domain.h"
#include "acme/acme_engine.h"
#include "acme/acme_generation.h"
#include "acme/acme_job.h"
#include "acme/acme_seal.h"
#include "unit/fake_ca.h"
#include "unit/fake_env.h"
#include "unit/fake_store.h"

typedef struct {
    apr_pool_t *pool;
    fake_env_t *world;
    fake_store_t *disk;
    fake_ca_t *ca;
    acme_seal_t *seal;
    acme_ca_t ca_config;
    apr_array_header_t *domains; /* const acme_domain_t *; may be changed before a start */
    apr_interval_time_t retry_delay;
    apr_interval_time_t check_interval;
    int max_in_flight;
    int max_runs; /* 0: as many as it takes by itself */
    /** Makes keys; NULL: acme_key_generate. */
    acme_err_t *(*generate_key)(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool);
    acme_solver_t *more_solvers; /* one more beside http-01, whose proofs the CA believes; or NULL */
    int fails_http;              /* the CA never finds an http-01 answer */
    const acme_preflight_t *preflight; /* or NULL */

    int is_interrupted;

    int process; /* 0: none runs */
    apr_pool_t *process_pool;
    acme_store_t *store;
    acme_bell_t *bell;
    acme_engine_t *engine;
} engine_world_t;

/** A CA that agrees to everything and an empty disk. */
engine_world_t *engine_world_create(apr_pool_t *pool);

/** Adds a domain with @a names (separated by spaces): P-256, http-01, 33 % and 10 % windows. */
acme_domain_t *engine_world_domain(engine_world_t *w, const char *names);

/** A new process starts its engine. */
void engine_world_start(engine_world_t *w);

/** The process is gone, with whatever it had in hand. */
void engine_world_die(engine_world_t *w);

/** Ticks for @a span of fake time, jumping from event to event. When something that is called in a tick
 * has set is_interrupted, it ends after that tick. */
void engine_world_pass(engine_world_t *w, apr_interval_time_t span);

/** The generation that counts for domain @a index; 0: none. */
apr_uint64_t engine_world_number(engine_world_t *w, int index);

/** Its facts, NULL if there are none. */
acme_generation_facts_t *engine_world_facts(engine_world_t *w, int index);

/** The job of a domain. */
acme_job_t *engine_world_job(engine_world_t *w, int index);

#endif
