/* What the server knows about its domains, as JSON for the status handler.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Read from facts (live/, job.json, order.json) when asked; field names are those of mod_md's
 * md-status where the thing is the same, times are RFC 3339. Any thread.
 */
#ifndef ACME_STATUS_H
#define ACME_STATUS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_bell.h"
#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_store.h"

/** What only the host knows; every member may be NULL. */
typedef struct {
    const char *version;       /**< of mod_acme */
    const char *activation;    /**< "live", "graceful", "manual" */
    const char *store_trouble; /**< the sentence why no engine runs, or NULL */
} acme_status_host_t;

/** {"version", "managed-domains":[…]} for all @a domains, or the object of @a only alone. A secret,
 * a token or a path of the store is never in it; the value of a DNS record that is to be set by hand is
 * none of these. */
char *acme_status_json(const apr_array_header_t *domains, const acme_domain_t *only,
                       const acme_store_t *store, const acme_bell_t *bell,
                       const acme_status_host_t *host, const acme_env_t *env, apr_pool_t *pool);

#endif
