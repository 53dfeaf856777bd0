/* A budget: what may still be ordered from a CA before its limits are reached.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each limit (acme_limits_t) is a bucket of tokens for each thing that it counts: the account, a registered
 * domain, an exact set of names. A bucket refills evenly, and here five per cent slower than the CA says:
 * we count before the CA does, and shall not come back before it. A bucket is kept as the moment at
 * which it will be full again; a full one is not kept at all.
 *
 * A tenth of the tokens of the account and of each registered domain is for what is urgent: names that came
 * with the last reload, since whoever wrote them is waiting, and certificates in use that are about to end. A
 * backlog is not in their way.
 *
 * An order takes its names' tokens when it is planned and gives them back if nothing was issued, and it
 * takes the account's when it is sent. All of that is accounts/<ca>/budget.json, a sealed record that is
 * written before the order is sent: no restart makes us believe in tokens that are spent.
 *
 * One thread: the engine's.
 */
#ifndef ACME_BUDGET_H
#define ACME_BUDGET_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_domain.h"
#include "acme/acme_err.h"
#include "acme/acme_store.h"

typedef struct acme_budget_t acme_budget_t;

/** One bucket of the names; good as long as its budget. */
typedef struct acme_bucket_t acme_bucket_t;

/** What an order counts for. */
typedef enum {
    ACME_CLAIM_FULL,    /**< every limit */
    ACME_CLAIM_RENEWAL, /**< its exact set of names alone: there is a certificate for just that */
    ACME_CLAIM_NONE     /**< nothing: it replaces one inside the window that its CA suggested */
} acme_claim_t;

/** More buckets of one CA, or more than the store takes, are not remembered over a restart. */
#define ACME_BUDGET_BUCKETS_MAX 10000

/** A full budget in @a pool. @a limits lives as long. @a registered_domain: as in acme_engine_config_t. */
acme_budget_t *acme_budget_create(const acme_limits_t *limits,
                                  const char *(*registered_domain)(const char *, apr_pool_t *),
                                  apr_pool_t *pool);

/** How many orders may be sent now; INT_MAX without a limit. @a is_urgent: as said above. */
int acme_budget_orders(const acme_budget_t *budget, int is_urgent, apr_time_t now);

/** When the next order may be sent; 0: now. */
apr_time_t acme_budget_order_at(const acme_budget_t *budget, int is_urgent, apr_time_t now);

/** An order is sent that counts for the account; the CA has not even looked at one that was. */
void acme_budget_take_order(acme_budget_t *budget, apr_time_t now);
void acme_budget_give_order_back(acme_budget_t *budget, apr_time_t now);

/** When an order for @a identifiers (const acme_identifier_t *) may be planned, as far as their own limits
 * go; 0: now. Else *held is the bucket that it waits for the longest. */
apr_time_t acme_budget_names_at(acme_bucket_t **held, acme_budget_t *budget, acme_claim_t claim,
                                const apr_array_header_t *identifiers, int is_urgent,
                                apr_time_t now, apr_pool_t *scratch_pool);

/** An order for them is planned; nothing was issued for one that was. */
void acme_budget_take_names(acme_budget_t *budget, acme_claim_t claim,
                            const apr_array_header_t *identifiers, apr_time_t now,
                            apr_pool_t *scratch_pool);
void acme_budget_give_names_back(acme_budget_t *budget, acme_claim_t claim,
                                 const apr_array_header_t *identifiers, apr_time_t now,
                                 apr_pool_t *scratch_pool);

/** @a count (1 or -1) more wait for this bucket. */
void acme_bucket_hold(acme_bucket_t *bucket, int count);

/** When @a orders more that count for the account will have been sent, and all that wait for buckets;
 * 0: now. */
apr_time_t acme_budget_done_at(const acme_budget_t *budget, int orders, apr_time_t now);

/** The wall clock went back by @a span. */
void acme_budget_set_back(acme_budget_t *budget, apr_interval_time_t span);

/** Reads what was spent before, from @a path; nothing if there is no such record. A moment further ahead than
 * a bucket takes to fill is not believed. */
acme_err_t *acme_budget_read(acme_budget_t *budget, const acme_store_t *store, const char *path,
                             apr_time_t now, apr_pool_t *scratch_pool);

/** Writes it if it has changed since it was read or written. */
acme_err_t *acme_budget_write(acme_budget_t *budget, const acme_store_t *store, const char *path,
                              apr_time_t now, apr_pool_t *scratch_pool);

#endif
