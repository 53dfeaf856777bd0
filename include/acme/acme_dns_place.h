/* Where a record belongs: behind all CNAMEs and delegations, its zone and the servers of that zone.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Asked of the resolver: an SOA question for the name gives CNAMEs, zone cut and zone in one answer
 * (RFC 1034 section 4.3.2, RFC 2308 section 2); then the zone's NS, then all their addresses.
 * Polled; one thread.
 */
#ifndef ACME_DNS_PLACE_H
#define ACME_DNS_PLACE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_dns.h"
#include "acme/acme_err.h"

/** One name server, with all its addresses. */
typedef struct {
    const char *name;
    apr_array_header_t *addresses; /**< const char *; may be empty */
} acme_dns_server_t;

typedef struct acme_dns_place_t acme_dns_place_t;

/** Begins to find the place of @a name (in its one form). Lives in @a pool. */
acme_dns_place_t *acme_dns_place_find(const acme_dns_t *dns, const char *name, apr_pool_t *pool);

/** Goes on: *is_done when all is known. ACME_ERR_INPUT, with a sentence, when it cannot be known;
 * then what was found so far still stands. */
acme_err_t *acme_dns_place_poll(int *is_done, acme_dns_place_t *place, apr_pool_t *pool);

/** The name that CNAMEs lead to; the name itself as long as none are known. */
const char *acme_dns_place_name(const acme_dns_place_t *place);

/** The zone that the name is in, or NULL. */
const char *acme_dns_place_zone(const acme_dns_place_t *place);

/** acme_dns_server_t: the zone's authoritative servers; may be empty. */
const apr_array_header_t *acme_dns_place_servers(const acme_dns_place_t *place);

#endif
