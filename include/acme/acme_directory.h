/* The directory: where a CA's resources are and what it demands (RFC 8555 section 7.1.1).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_DIRECTORY_H
#define ACME_DIRECTORY_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"

typedef struct acme_directory_t {
    const char *new_nonce;   /**< always there */
    const char *new_account; /**< always there */
    const char *new_order;   /**< always there */
    const char *new_authz;   /**< or NULL */
    const char *revoke_cert; /**< or NULL */
    const char *key_change;  /**< or NULL */
    const char *renewal_info; /**< RFC 9773, or NULL */
    const char *terms_of_service; /**< or NULL; any URL */
    const char *website;          /**< or NULL */
    const apr_array_header_t *caa_identities; /**< const char *, may be empty */
    const apr_array_header_t *profiles;       /**< const char *: names, may be empty */
    const apr_array_header_t *issuer_domain_names; /**< const char *: dns-persist-01 (draft -02) */
    const char *account_hash_prefix; /**< before the hash in its records, or NULL */
    int external_account_required;
} acme_directory_t;

/** Reads the answer to GET @a url. ACME_ERR_INPUT with a sentence if it is no ACME directory (HTML,
 * an ACMEv1 directory, a resource that is not https); everything in it is copied to @a pool. */
acme_err_t *acme_directory_parse(acme_directory_t **directory, const char *body, apr_size_t len,
                                 const char *url, apr_pool_t *pool);

#endif
