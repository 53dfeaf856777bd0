/* Renewal information: when the CA would like a certificate to be renewed (RFC 9773).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_RENEWAL_INFO_H
#define ACME_RENEWAL_INFO_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_err.h"

/** RFC 9773 section 4.2: suggestedWindow and what explains it. */
typedef struct {
    apr_time_t start;
    apr_time_t end;              /**< after start */
    const char *explanation_url; /**< for people, clean text; or NULL */
} acme_renewal_info_t;

/** Reads the answer to a request for renewal information. ACME_ERR_INPUT if it has no window, or one that
 * does not end after it starts. Everything is copied to @a pool. */
acme_err_t *acme_renewal_info_parse(acme_renewal_info_t **info, const char *body, apr_size_t len,
                                    apr_pool_t *pool);

/** The URL to ask for the certificate with @a certid (RFC 9773 section 4.1, acme_chain_certid), given the
 * directory's renewalInfo. */
char *acme_renewal_info_url(const char *base, const char *certid, apr_pool_t *pool);

#endif
