/* ACMERateLimits: how many certificates are ordered of a CA in which time.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions; errors are ACME_ERR_INPUT with a sentence that says what may be written.
 */
#ifndef MOD_ACME_LIMITS_H
#define MOD_ACME_LIMITS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_domain.h"
#include "acme/acme_err.h"

/** What was written. */
typedef struct {
    int is_off;         /**< none are kept */
    int percent;        /**< the share of this server, 1 to 100; 0: not written */
    acme_limits_t each; /**< a count of 0: not written */
    const char *file;   /**< where, for messages; the caller's to fill in */
    int line;
} mod_acme_limits_t;

/** Reads @a words (const char *), in any order and none twice: `off` alone, or some of
 *
 *     25%                a share, for several servers with one account
 *     orders=300/3h      orders of the account
 *     domain=50/7d       certificates for names below one registered domain
 *     set=5/7d           certificates for exactly the same names
 */
acme_err_t *mod_acme_limits_parse(mod_acme_limits_t *limits, const apr_array_header_t *words,
                                  apr_pool_t *pool);

/** What holds for a CA with @a built_in limits: each that is written takes the place of one, and
 * the share is of either (at least 1). @a written may be NULL. */
acme_limits_t mod_acme_limits_apply(const acme_limits_t *built_in,
                                    const mod_acme_limits_t *written);

/** Nonzero if both allow the same; if @a limits has any limit. */
int mod_acme_limits_are_same(const acme_limits_t *a, const acme_limits_t *b);
int mod_acme_limits_has_any(const acme_limits_t *limits);

#endif
