/* External account binding: the proof that it is a customer of the CA who makes the account.
 * SPDX-License-Identifier: Apache-2.0
 *
 * RFC 8555 section 7.3.4.
 * The CA gives its customer a key id and an HMAC key. Both come from the configuration or from a
 * file, and go into the one newAccount request. No sentence in here ever shows the HMAC key.
 */
#ifndef ACME_EAB_H
#define ACME_EAB_H

#include <apr_pools.h>

#include "acme/acme_err.h"
#include "acme/acme_jws.h"
#include "acme/acme_key.h"

/** No file with a binding is longer. */
#define ACME_EAB_FILE_MAX 4096

typedef struct {
    const char *kid;          /**< the key id; NULL: none, or trouble */
    const unsigned char *key; /**< the HMAC key; wiped with its pool */
    apr_size_t key_len;
    acme_jws_mac_alg_t alg;
    const char *trouble; /**< why it cannot be used, a sentence; NULL: it can */
} acme_eab_t;

/** From the words of an administrator. @a hmac is base64url as CAs print it: with padding or
 * without, with '+' and '/' for '-' and '_', with stray bits at the end. ACME_ERR_INPUT if a word
 * is none. */
acme_err_t *acme_eab_make(acme_eab_t **eab, const char *kid, const char *hmac,
                          acme_jws_mac_alg_t alg, apr_pool_t *pool);

/** From a file's text: {"kid":…, "hmac":…} as mod_md reads it, and "alg" where it is not HS256. */
acme_err_t *acme_eab_parse(acme_eab_t **eab, const char *text, apr_size_t len, apr_pool_t *pool);

/** The value of externalAccountBinding: the public part of @a account_key under the shared key, for
 * a request to @a new_account_url. */
acme_err_t *acme_eab_bind(char **binding, const acme_eab_t *eab, const acme_key_t *account_key,
                          const char *new_account_url, apr_pool_t *pool);

#endif
