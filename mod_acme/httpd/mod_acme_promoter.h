/* The promoter: carries certificates from live/ to root's own copy, and back where they lack.
 * SPDX-License-Identifier: Apache-2.0
 *
 * live/ is written by the run user, so root reads it as if an enemy had written it: what does not
 * open under the seal, does not parse, whose key does not fit, which covers none of the domain's
 * names or has absurd dates is left where it is, with one line in the log. The rest is copied to
 * archive/, synced once for all, and then each link in domains/ is moved by one rename. Killed
 * anywhere, domains/ points to a whole generation.
 *
 * The other way: what is in domains/ and newer than live/ (a restored backup, a lost secret, a
 * certificate laid there by hand) is given to live/, provided that it is valid.
 *
 * Runs as root in the parent at (re)start, and in short-lived processes while the server runs; not
 * as root it does the same among one user's files.
 */
#ifndef MOD_ACME_PROMOTER_H
#define MOD_ACME_PROMOTER_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_store.h"

/** One pass over @a domains (const acme_domain_t *). Returns the number of domains of which
 * something waits that could not be carried; why is in the log. */
int mod_acme_promoter_run(const acme_store_t *store, const char *base,
                          const apr_array_header_t *domains, apr_pool_t *scratch_pool);

#endif
