/* The words and files of the directives about accounts, read without httpd.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Errors are ACME_ERR_INPUT with a sentence that says what may be written; none shows a secret.
 * What is wrong with a file is no error, since the server starts all the same: it is a sentence to
 * warn with, and stands in what was read, for the session that would need it.
 */
#ifndef MOD_ACME_ACCOUNT_H
#define MOD_ACME_ACCOUNT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_account.h"
#include "acme/acme_eab.h"
#include "acme/acme_err.h"

/** ACMEExternalAccountBinding. */
typedef struct {
    acme_eab_t *eab;  /**< without kid: none, or still to be read from `file` */
    const char *file; /**< as written; NULL: there is none */
    const char *alg;  /**< as written; NULL: not written */
} mod_acme_account_binding_t;

/** `KEYID HMAC [alg=HS256|HS384|HS512]`, `FILE [alg=…]`, or `none`. */
acme_err_t *mod_acme_account_parse_binding(mod_acme_account_binding_t *binding,
                                           const apr_array_header_t *words, apr_pool_t *pool);

/** Reads binding->eab from @a path, the absolute form of binding->file. Returns NULL, or a sentence
 * to warn with: it cannot be used (then it is eab->trouble, too), or others can read it. */
const char *mod_acme_account_read_binding(mod_acme_account_binding_t *binding, const char *path,
                                          apr_pool_t *pool);

/** ACMEAccountKeyFile: *key from @a path, which is absolute. Returns NULL, or a sentence to warn
 * with, as above. */
const char *mod_acme_account_read_key(acme_account_key_t **key, const char *path, apr_pool_t *pool);

#endif
