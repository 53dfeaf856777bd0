/* Our account at a CA: request, answer and record (RFC 8555 sections 7.1.2 and 7.3).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_ACCOUNT_H
#define ACME_ACCOUNT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_err.h"
#include "acme/acme_key.h"

typedef enum {
    ACME_ACCOUNT_VALID,
    ACME_ACCOUNT_DEACTIVATED,
    ACME_ACCOUNT_REVOKED
} acme_account_status_t;

typedef struct {
    acme_account_status_t status; /**< absent in an answer counts as valid */
    const char *url;              /**< its Location: the kid; NULL before it is known */
    const char *ca_url;           /**< directory URL it belongs to */
    const apr_array_header_t *contacts; /**< const char *, "mailto:…" */
    int terms_agreed;

    /* what the record knows beyond the CA */
    const char *thumbprint; /**< of its key; NULL: not known, as in records of mod_md */
    const apr_array_header_t *asked;  /**< contacts that the CA was last asked to keep */
    const apr_array_header_t *remade; /**< apr_time_t: when it was made anew, the last few; or NULL */
    apr_time_t deactivated; /**< when its closing was asked for by the administrator; 0: never */
} acme_account_t;

/** An account key that the administrator brings (ACMEAccountKeyFile): for several servers with one
 * account, and for those that keep nothing. */
typedef struct {
    const char *file;      /**< NULL: none, we make our own */
    const acme_key_t *key; /**< NULL: none, or trouble */
    const char *thumbprint; /**< of the key: any thread may read it, the key may only one */
    const char *trouble;   /**< why it cannot be used, a sentence; NULL: it can */
} acme_account_key_t;

/** No more of `remade` is kept. */
#define ACME_ACCOUNT_REMADE_MAX 8

/** Payload of newAccount. @a contacts may be empty; @a binding is that of acme_eab_bind, or NULL. */
char *acme_account_request(const apr_array_header_t *contacts, int terms_agreed,
                           const char *binding, apr_pool_t *pool);

/** Payload of the newAccount that only looks the key up (RFC 8555 section 7.3.1). */
char *acme_account_lookup_request(apr_pool_t *pool);

/** Payload that changes the contacts (RFC 8555 section 7.3.2). */
char *acme_account_update_request(const apr_array_header_t *contacts, apr_pool_t *pool);

/** Reads the account object of an answer; @a location is its Location header (NULL for answers
 * without). ACME_ERR_INPUT if the Location is unusable or the status is unknown. */
acme_err_t *acme_account_parse(acme_account_t **account, const char *body, apr_size_t len,
                               const char *location, const char *ca_url, apr_pool_t *pool);

/** Payload that closes the account for ever (RFC 8555 section 7.3.6). */
char *acme_account_deactivate_request(apr_pool_t *pool);

/** Payload of the inner JWS that changes the key of account @a url from @a old_jwk (RFC 8555
 * section 7.3.5). */
char *acme_account_key_change_request(const char *url, const char *old_jwk, apr_pool_t *pool);

/** The stored form (account.json: names as mod_md's) and back. Unknown members of @a previous (the
 * text read before, NULL if none) are kept. */
char *acme_account_write(const acme_account_t *account, const char *previous, apr_pool_t *pool);
acme_err_t *acme_account_read(acme_account_t **account, const char *text, apr_size_t len,
                              apr_pool_t *pool);

#endif
