/* Does everybody see the record? Asks all authoritative servers of a zone for one TXT value.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One look is one round of questions; whoever waits for a record looks again after a while. Polled;
 * one thread.
 */
#ifndef ACME_DNS_LOOK_H
#define ACME_DNS_LOOK_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_dns.h"
#include "acme/acme_dns_place.h"

/** What a round has shown. A server counts by what its addresses say together: it lacks the value
 * if one of them does; it shows it if one does and no other lacks it (an address that this host has
 * no route to is nothing against it); else it is silent: no answer, or none with authority. */
typedef struct {
    int showing;
    int lacking;
    int silent;
    int foreign;         /**< other TXT values at the name, at the server that has the most */
    const apr_array_header_t *others; /**< const char *: such values, each once, the first few */
    const char *waiting; /**< the servers that do not show it, in words; NULL if all do */
} acme_dns_sight_t;

typedef struct acme_dns_look_t acme_dns_look_t;

/** Asks the servers (acme_dns_server_t, may be forgotten afterwards) for the TXT records at @a
 * name; if
 * @a servers is NULL, the resolver. Lives in @a pool. */
acme_dns_look_t *acme_dns_look_begin(const acme_dns_t *dns, const char *name, const char *value,
                                     const apr_array_header_t *servers, apr_pool_t *pool);

/** Nonzero if the value @a text of a TXT record is what is looked for. */
typedef int acme_dns_look_fn(void *baton, const char *text);

/** The same for whatever @a matches finds right, since not every value is known to the byte. */
acme_dns_look_t *acme_dns_look_begin_any(const acme_dns_t *dns, const char *name,
                                         acme_dns_look_fn *matches, void *baton,
                                         const apr_array_header_t *servers, apr_pool_t *pool);

/** Nonzero when all have answered or run out of time; then *sight, in the look's pool. */
int acme_dns_look_poll(acme_dns_sight_t *sight, acme_dns_look_t *look);

#endif
