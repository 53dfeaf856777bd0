/* Do all name servers of a zone say the same of a name? Asked one by one, without a resolver.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the folder port. A CA's resolvers ask any of them, from several places at once; one
 * that is behind, or has lost the zone, makes validations fail now and then.
 */
#ifndef ACME_PREFLIGHT_SERVERS_H
#define ACME_PREFLIGHT_SERVERS_H

#include "acme/acme_dns.h"

typedef struct acme_preflight_servers_t acme_preflight_servers_t;

/** Begins to find and ask the authoritative servers of @a name. Lives in @a pool. */
acme_preflight_servers_t *acme_preflight__servers_begin(const acme_dns_t *dns, const char *name,
                                                        apr_pool_t *pool);

/** Nonzero when all have answered or run out of time; then *finding, a sentence, or NULL if nothing
 * is wrong or nothing can be known. */
int acme_preflight__servers_poll(const char **finding, acme_preflight_servers_t *servers);

#endif
