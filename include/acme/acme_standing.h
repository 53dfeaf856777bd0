/* What is known of the standing records (dns-persist-01) of a domain's names: which is missing,
 * which ends. SPDX-License-Identifier: Apache-2.0
 *
 * staging/<folder>/standing.json, a sealed record, written by the engine whenever a look at the DNS
 * shows something new, read by the status page. A record that is not as it should be is logged once
 * for each reason, and again after a day, with the line to add to the zone; one that ends within
 * ACME_STANDING_WARN once a day.
 */
#ifndef ACME_STANDING_H
#define ACME_STANDING_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <jansson.h>

#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_solver.h"
#include "acme/acme_store.h"

/** A record that ends sooner is warned of. */
#define ACME_STANDING_WARN (30 * ACME_TIME_DAY)

typedef struct {
    const char *identifier; /**< as it is ordered: "*.example.org" */
    const char *name;       /**< of the record */
    const char *value;      /**< what stands there, or, with `why`, what ought to be added */
    const char *why;        /**< what is wrong, a phrase; NULL: it stands */
    apr_time_t until;       /**< when it ends; 0: never */
    apr_time_t seen_at;     /**< when that was found out */
    apr_time_t logged_at;   /**< when it was last spoken of; 0: not yet */
} acme_standing_t;

/** All that is known of the names that @a domain has now: acme_standing_t, may be empty. What
 * cannot be read is as if it were not there, with a line in the log. */
apr_array_header_t *acme_standing_list(const acme_store_t *store, const acme_domain_t *domain,
                                       apr_pool_t *pool);

/** Takes in what a look has shown for @a identifier (as it is ordered), and says it if it is news.
 */
acme_err_t *acme_standing_hear(const acme_store_t *store, const acme_domain_t *domain,
                               const char *identifier, const acme_prospect_t *prospect,
                               apr_pool_t *pool);

/** @a identifier was proved by @a type: where @a domain likes that better than dns-persist-01, a
 * record that is missing for it need not be told of any longer. */
acme_err_t *acme_standing_settle(const acme_store_t *store, const acme_domain_t *domain,
                                 const char *identifier, const char *type, apr_pool_t *pool);

/** Nonzero if @a standing is there and ends soon, or has ended. */
int acme_standing_is_ending(const acme_standing_t *standing, apr_time_t now);

/** The first record that ends soon and was not spoken of for a day, or NULL: it is to be looked at
 * again, since it may have been prolonged. */
const acme_standing_t *acme_standing_ending(const apr_array_header_t *standings, apr_time_t now);

/** What such a look is about, made from what stands there; NULL if that makes no sense. */
const acme_proof_t *acme_standing_proof(const acme_standing_t *standing, apr_pool_t *pool);

#endif
