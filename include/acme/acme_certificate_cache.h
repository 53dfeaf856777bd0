/* The certificates a child serves: loaded at first use, changed when the bell rings.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Slots are striped over ACME_CERTIFICATE_CACHE_STRIPES locks that are held only to take or exchange a
 * reference; no file is read, nothing decrypted or parsed under one. A thread that misses loads
 * beside the others, and the newest wins. Memory is malloc's, references are counted; eviction by
 * clock bit keeps at most `capacity` domains. A domain never goes back to an older generation than
 * it has served. Any thread.
 */
#ifndef ACME_CERTIFICATE_CACHE_H
#define ACME_CERTIFICATE_CACHE_H

#include <apr_pools.h>
#include <openssl/x509.h>

#include "acme/acme_bell.h"
#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_store.h"

#define ACME_CERTIFICATE_CACHE_STRIPES 64

/** Certificates ready for a handshake: one per OpenSSL slot. Immutable; counted references. */
typedef struct {
    apr_uint64_t number; /**< generation */
    int count;
    struct {
        X509 *leaf;
        EVP_PKEY *key;
        STACK_OF(X509) * issuers;
    } certificates[2];
} acme_loaded_t;

typedef struct acme_certificate_cache_t acme_certificate_cache_t;

/** A cache over @a domains domains. Made in each child; freed with @a pool (no thread may use it then). */
acme_certificate_cache_t *acme_certificate_cache_create(const acme_store_t *store,
                                                        const acme_bell_t *bell, int domains,
                                                        int capacity, const acme_env_t *env,
                                                        apr_pool_t *pool);

/** From now on certificates with must-staple wait: a TLS module staples only what it has loaded itself,
 * and browsers refuse them without. @a loaded (by the domain's index, outlives the cache): the
 * generation it has loaded; newer ones that have must-staple are not given, as long as what is given
 * instead is valid. Before the first take. */
void acme_certificate_cache_hold_back(acme_certificate_cache_t *cache, const apr_uint64_t *loaded);

/** What counts now for @a domain, with a reference that the caller gives back; NULL if there is
 * nothing (yet). When a newer generation cannot be loaded the one before is served, one line is
 * logged per generation, and it is tried again after a second. */
const acme_loaded_t *acme_certificate_cache_take(acme_certificate_cache_t *cache,
                                                 const acme_domain_t *domain);
void acme_certificate_cache_give_back(const acme_loaded_t *loaded);

#endif
