/* The thumbprints of our account keys, for answers without a record (ACMEHttp01Stateless).
 * SPDX-License-Identifier: Apache-2.0
 *
 * A child reads accounts/<ca>/privkey when the cache is made and keeps what follows from it, not
 * the key. No file is touched after that but when the bell says that the engine has read or made an
 * account key, and, where no account is known, at most once a second.
 *
 * Any thread. It uses malloc and a pool with an allocator of its own, never the pools of a child.
 */
#ifndef ACME_THUMBPRINT_CACHE_H
#define ACME_THUMBPRINT_CACHE_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_bell.h"
#include "acme/acme_domain.h"
#include "acme/acme_store.h"

typedef struct acme_thumbprint_cache_t acme_thumbprint_cache_t;

/** A cache for the CAs in @a cas (const acme_ca_t *), which live as long as it, as do @a store and
 * @a bell. Reads one file for each of them. In @a pool. */
acme_thumbprint_cache_t *acme_thumbprint_cache_create(const acme_store_t *store,
                                                      const acme_bell_t *bell,
                                                      const apr_array_header_t *cas,
                                                      apr_pool_t *pool);

/** The thumbprint (RFC 8555 section 8.1) of the account key for @a ca; NULL if there is none, or @a
 * ca is not one of those. It lives as long as the cache. */
const char *acme_thumbprint_cache_find(acme_thumbprint_cache_t *cache, const acme_ca_t *ca);

#endif
