/* The preflights of an engine: which domains are looked at, and what becomes of the findings.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A domain is looked at beside the run that orders for it, once the CA has told who it is. What is
 * found goes into the domain's history (acme_job.h), and to the log as a WARNING, once a day for
 * each sentence. Nothing here ever holds a run up; a look that has not begun when its run ends is
 * forgotten, one that has is forgotten if the run went well.
 *
 * One thread: the engine's.
 */
#ifndef ACME_PREFLIGHT_DESK_H
#define ACME_PREFLIGHT_DESK_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_preflight.h"
#include "acme/acme_session.h"
#include "acme/acme_store.h"

/** The type of its entries in a job's history. */
#define ACME_PREFLIGHT_NOTE "preflight"

typedef struct acme_preflight_desk_t acme_preflight_desk_t;

typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    const acme_preflight_t *preflight; /**< NULL: nothing is ever looked at */
    void *baton;
    /** @a count tokens more (or fewer) are published; called before the first is and after the
     * last. */
    void (*published)(void *baton, int count);
} acme_preflight_desk_config_t;

acme_preflight_desk_t *acme_preflight_desk_create(const acme_preflight_desk_config_t *config,
                                                  apr_pool_t *pool);

/** A run for @a domain begins: @a identifiers (copied as they are, they belong to the domain) are
 * to be looked at. @a is_thorough: one has failed before. */
void acme_preflight_desk_want(acme_preflight_desk_t *desk, const acme_domain_t *domain,
                              acme_session_t *session, const apr_array_header_t *identifiers,
                              int is_thorough);

/** The run for @a domain has ended. */
void acme_preflight_desk_ended(acme_preflight_desk_t *desk, const acme_domain_t *domain,
                               int has_failed);

/** Moves what is looked at, and notes what was found. */
void acme_preflight_desk_tick(acme_preflight_desk_t *desk);

/** When to tick again; 0: nothing is out. */
apr_time_t acme_preflight_desk_next(const acme_preflight_desk_t *desk);

/** Drops everything. */
void acme_preflight_desk_stop(acme_preflight_desk_t *desk);

#endif
