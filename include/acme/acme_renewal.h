/* When a domain's certificates are to be renewed, as their CA said, and when to ask it again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * staging/<folder>/renewal.json, a sealed record: for each certificate in use the window that the CA
 * suggested (RFC 9773), the moment in it that was chosen at random, and when to ask again. It survives
 * restarts, so that nobody asks anew and no moment is drawn twice, which would draw it towards the
 * start of the window. Lost, it is asked for again; nothing else depends on it.
 *
 * One thread: the engine's.
 */
#ifndef ACME_RENEWAL_H
#define ACME_RENEWAL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_domain.h"
#include "acme/acme_err.h"
#include "acme/acme_generation.h"
#include "acme/acme_renewal_info.h"
#include "acme/acme_store.h"

/** What is known about one certificate. */
typedef struct {
    const char *certid;          /**< RFC 9773 section 4.1 */
    apr_time_t start;            /**< of the suggested window; 0: the CA has not said yet */
    apr_time_t end;
    apr_time_t at;               /**< the moment chosen in it */
    const char *explanation_url; /**< or NULL */
    apr_time_t next_check;       /**< when to ask (again) */
    int errors;                  /**< failures to ask since the last answer */
    int is_hastened;             /**< a renewal began early in its life since the CA wanted it so */
} acme_renewal_certificate_t;

typedef struct {
    apr_array_header_t *certificates; /**< acme_renewal_certificate_t */
    int hastened;         /**< certificates in a row that the CA wanted replaced early in their life */
    struct json_t *previous; /**< what it was read from, with its pool: unknown members are kept */
} acme_renewal_t;

/** Reads; empty if there is none or it is damaged (which is logged). */
acme_renewal_t *acme_renewal_read(const acme_store_t *store, const char *folder, apr_pool_t *pool);

/** Writes, unsynced: what is lost is asked for again. */
acme_err_t *acme_renewal_write(const acme_store_t *store, const char *folder, const char *name,
                               const acme_renewal_t *renewal, apr_pool_t *scratch_pool);

/** What is known about the certificate with @a certid; NULL if nothing is. Both may be NULL. */
acme_renewal_certificate_t *acme_renewal_find(const acme_renewal_t *renewal, const char *certid);

/** Makes it speak of the certificates in @a facts that one of @a domain's CAs issued, and of no others: those that were
 * replaced are forgotten (and counted in `hastened`), a new one is to be asked about at @a first_check, and so is
 * one whose question lies more than a day behind that. Nonzero if it changed. */
int acme_renewal_follow(acme_renewal_t *renewal, const acme_generation_facts_t *facts,
                        const acme_domain_t *domain, apr_time_t first_check, apr_pool_t *pool);

#endif
