/* A domain is its set of names, not its first: what is stored under another name is taken over.
 * SPDX-License-Identifier: Apache-2.0
 *
 * When an administrator renames a domain, joins two or writes its names in another order, its folder
 * has another name, but what is in use would still do. A configured domain without anything in live/
 * takes over the certificates of a domain that is no longer configured, if they cover all its names
 * with all its key types and come from its CA; with them comes the back-off. Nothing is ordered, and
 * no visitor sees a placeholder.
 *
 * Called by the parent when the configuration was read, before promotion; by no one else.
 */
#ifndef ACME_ADOPT_H
#define ACME_ADOPT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_env.h"
#include "acme/acme_store.h"

/** Takes over what can be for @a domains (const acme_domain_t *). Each is a NOTICE; troubles are
 * logged and passed over. Costs nothing if every domain has something in live/, else one reading of
 * the folders that no domain has. Returns how many domains took something over. */
int acme_adopt(const apr_array_header_t *domains, const acme_store_t *store, const acme_env_t *env,
               apr_pool_t *scratch_pool);

#endif
