/* Probes for tests: what is met at which address.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     fake_prober_t *world = fake_prober_create(pool);
 *     fake_prober_is_ours(world, "192.0.2.1", 80, store);
 *     fake_prober_answers(world, "192.0.2.2", 80, 404, "nginx", NULL);
 *
 * An answer comes at the second poll. Nobody else listens anywhere: connection refused.
 */
#ifndef FAKE_PROBER_H
#define FAKE_PROBER_H

#include <apr_pools.h>

#include "acme/acme_probe.h"
#include "acme/acme_store.h"

typedef struct fake_prober_t fake_prober_t;

fake_prober_t *fake_prober_create(apr_pool_t *pool);

/** What the code under test is handed. */
const acme_prober_t *fake_prober(fake_prober_t *world);

/** Behind @a address and @a port is a server that answers the tokens in @a store, as "us". */
void fake_prober_is_ours(fake_prober_t *world, const char *address, int port,
                         const acme_store_t *store);

/** The same, with a front that calls itself @a server and says @a via. */
void fake_prober_is_front(fake_prober_t *world, const char *address, int port,
                          const acme_store_t *store, const char *server, const char *via);

/** A server that answers every token with @a thumbprint. */
void fake_prober_is_sister(fake_prober_t *world, const char *address, int port,
                           const char *thumbprint);

/** Somebody else, who redirects to @a location if it is not NULL. */
void fake_prober_answers(fake_prober_t *world, const char *address, int port, int status,
                         const char *server, const char *location);

/** No answer. */
void fake_prober_ends(fake_prober_t *world, const char *address, int port, acme_probe_end_t end);

/** Nothing ever ends there. */
void fake_prober_hangs(fake_prober_t *world, const char *address, int port);

/** How many probes were begun. */
int fake_prober_begun(const fake_prober_t *world);

/** The URL of the last of them. */
const char *fake_prober_url(const fake_prober_t *world);

#endif
