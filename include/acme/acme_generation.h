/* A generation: the certificates of one domain that are in use together, with their keys.
 * SPDX-License-Identifier: Apache-2.0
 *
 * live/<folder>/<n> holds generation n, one sealed immutable value: a chain and a key for each key
 * type. live/<folder>/current (a sealed record) says which n counts, and repeats the facts that
 * planning needs, so that nobody parses certificates to know when one ends. Numbers only grow.
 *
 * Written by the engine (or by root when it gives something to live/), read by children and root.
 */
#ifndef ACME_GENERATION_H
#define ACME_GENERATION_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_certificate.h"
#include "acme/acme_err.h"
#include "acme/acme_key.h"
#include "acme/acme_store.h"

/** How many older generations stay in live/ for children that are just loading one. */
#define ACME_GENERATION_KEEP 3

typedef struct {
    acme_key_type_t type;
    const acme_chain_t *chain;
    const acme_key_t *key;
    const char *ca_url;      /**< directory URL it came from, or NULL */
    const char *account_url; /**< the account that ordered it, or NULL */
    const char *profile;     /**< that was ordered (draft-ietf-acme-profiles), or NULL */
    int must_staple;         /**< that was asked for: the chain says whether it was given */
    apr_time_t made;         /**< when we got it; 0: it came otherwise, or is not known */
} acme_generation_certificate_t;

typedef struct {
    apr_uint64_t number;
    apr_time_t made;
    const apr_array_header_t *certificates; /**< acme_generation_certificate_t, not empty, one a type */
} acme_generation_t;

/** What `current` says of one certificate. */
typedef struct {
    acme_key_type_t type;
    apr_time_t not_before;
    apr_time_t not_after;
    const apr_array_header_t *identifiers; /**< const acme_identifier_t * */
    const char *serial;
    const char *sha256;
    const char *issuer_name;
    const char *ca_url;      /**< or NULL */
    const char *account_url; /**< or NULL */
    const char *profile;     /**< or NULL */
    int must_staple;         /**< it was asked for */
    int has_must_staple;     /**< the certificate has it */
    apr_time_t made;         /**< or 0 */
    const char *certid;      /**< RFC 9773 section 4.1, or NULL */
    apr_time_t revoked;      /**< when it was revoked by us; 0: it was not */
} acme_generation_fact_t;

typedef struct {
    apr_uint64_t number;
    apr_time_t made;
    const apr_array_header_t *certificates; /**< acme_generation_fact_t */
} acme_generation_facts_t;

/** The facts of what counts; *facts NULL if the domain has nothing in live/. What would have been made in the
 * future is taken as made when it began to be valid. */
acme_err_t *acme_generation_facts_read(acme_generation_facts_t **facts, const acme_store_t *store,
                                       const char *folder, apr_pool_t *pool);

/** Reads generation @a number whole; *generation NULL if it is not there or does not open. Every
 * chain is parsed and fits its key, or ACME_ERR_INPUT. */
acme_err_t *acme_generation_read(acme_generation_t **generation, const acme_store_t *store,
                                 const char *folder, apr_uint64_t number, apr_pool_t *pool);

/** The number for the next generation: above every one that counts or has a file, so that children
 * which served one never take the next for an older one. 1 if there is none. */
acme_err_t *acme_generation_next(apr_uint64_t *number, const acme_store_t *store,
                                 const char *folder, apr_pool_t *scratch_pool);

/** Writes live/<folder>/<number>, then `current`, then removes those older than
 * ACME_GENERATION_KEEP. A crash between leaves the older one counting. ACME_ERR_INTERNAL if the
 * number is not above the one that counts, if there is no certificate or two of one type;
 * ACME_ERR_INPUT if a chain does not fit its key. */
acme_err_t *acme_generation_write(const acme_store_t *store, const char *folder,
                                  const acme_generation_t *generation, apr_pool_t *scratch_pool);

/** What `current` would say of @a certificate, copied to @a pool but for its names. */
void acme_generation_fact_fill(acme_generation_fact_t *fact,
                               const acme_generation_certificate_t *certificate, apr_pool_t *pool);

/** Notes in `current` that the certificate with fingerprint @a sha256 was revoked at @a when. It stays so
 * for as long as the certificate counts; nothing happens if it does not. */
acme_err_t *acme_generation_revoked(const acme_store_t *store, const char *folder,
                                    const char *sha256, apr_time_t when, apr_pool_t *scratch_pool);

/** The certificate of @a type, or NULL. */
const acme_generation_certificate_t *
acme_generation_certificate(const acme_generation_t *generation, acme_key_type_t type);
const acme_generation_fact_t *acme_generation_fact(const acme_generation_facts_t *facts,
                                                   acme_key_type_t type);

#endif
