/* A challenge: one way to prove control of an identifier (RFC 8555 section 7.1.5 and 8).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_CHALLENGE_H
#define ACME_CHALLENGE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <jansson.h>

#include "acme/acme_err.h"
#include "acme/acme_problem.h"

typedef enum {
    ACME_CHALLENGE_PENDING,
    ACME_CHALLENGE_PROCESSING,
    ACME_CHALLENGE_VALID,
    ACME_CHALLENGE_INVALID
} acme_challenge_status_t;

typedef struct {
    const char *type; /**< "http-01", … */
    const char *url;
    acme_challenge_status_t status;
    const char *token; /**< only [A-Za-z0-9_-], 16 to 128 characters; NULL if absent or not so */
    const acme_problem_t *error; /**< why it is invalid, or NULL */
    const char *validation;      /**< clean words on where the CA looked (validationRecord), or NULL */
    /* of dns-persist-01, which has no token (draft-ietf-acme-dns-persist): */
    const apr_array_header_t *issuers; /**< const char *: names a record may be for; empty: none usable */
    const char *account_uri;           /**< what the CA calls our account in a record, or NULL */
    int has_account_hash; /**< draft -02: the record has a hash in place of the account's URL */
} acme_challenge_t;

/** Reads a challenge object; NULL if it has no type or no usable URL (it is then ignored). */
acme_challenge_t *acme_challenge_read(const json_t *object, apr_pool_t *pool);

/** Nonzero if @a token is [A-Za-z0-9_-]{16,128}; @a len bytes, no NUL needed. */
int acme_challenge_token_ok(const char *token, apr_size_t len);

/** token "." thumbprint (RFC 8555 section 8.1). */
char *acme_challenge_key_authorization(const char *token, const char *thumbprint, apr_pool_t *pool);

#endif
