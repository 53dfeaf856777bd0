/* The names that were configured before: they tell which domains came with a reload.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Kept with the process, since everything else of a configuration goes when it is read anew; even
 * the module is unloaded in between. Not over a restart of the process: then nobody knows what is
 * new, and nothing is. The parent only. No httpd in here.
 */
#ifndef MOD_ACME_KNOWN_H
#define MOD_ACME_KNOWN_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>

/** The names of the configuration that was kept last in @a process, the pool of the process; until
 * the next is kept. NULL: there was none. */
apr_hash_t *mod_acme_known_names(apr_pool_t *process);

/** Nonzero if none of @a identifiers (const acme_identifier_t *) is in @a names; 0 where that is
 * NULL. */
int mod_acme_known_is_new(apr_hash_t *names, const apr_array_header_t *identifiers);

/** Keeps the names of @a domains (const acme_domain_t *) in place of those before. */
void mod_acme_known_keep(const apr_array_header_t *domains, apr_pool_t *process);

#endif
