/* An authorization: the CA's leave to use one identifier (RFC 8555 section 7.1.4).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_AUTHORIZATION_H
#define ACME_AUTHORIZATION_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_challenge.h"
#include "acme/acme_err.h"
#include "acme/acme_identifier.h"

typedef enum {
    ACME_AUTHORIZATION_PENDING,
    ACME_AUTHORIZATION_VALID,
    ACME_AUTHORIZATION_INVALID,
    ACME_AUTHORIZATION_DEACTIVATED,
    ACME_AUTHORIZATION_EXPIRED,
    ACME_AUTHORIZATION_REVOKED,
    ACME_AUTHORIZATION_UNKNOWN
} acme_authorization_status_t;

typedef struct acme_authorization_t {
    acme_authorization_status_t status;
    const acme_identifier_t *identifier; /**< never with "*."; is_wildcard from the object's member */
    apr_time_t expires;                  /**< 0 if not said */
    const apr_array_header_t *challenges; /**< const acme_challenge_t *, in the CA's order */
} acme_authorization_t;

/** Reads an authorization object; at most 50 challenges. For a wildcard authorization
 * identifier->value is the base name and identifier->is_wildcard is set. */
acme_err_t *acme_authorization_parse(acme_authorization_t **authorization, const char *body,
                                     apr_size_t len, apr_pool_t *pool);

/** Payload that gives a pending authorization back (RFC 8555 section 7.5.2). */
const char *acme_authorization_deactivate_request(void);

/** The first challenge of @a type, or NULL. */
const acme_challenge_t *acme_authorization_challenge(const acme_authorization_t *authorization,
                                                     const char *type);

const char *acme_authorization_status_name(acme_authorization_status_t status);

#endif
