/* A TSIG key (RFC 8945) as administrators have it: BIND's key file, or one line.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plain records; no error ever quotes the secret.
 */
#ifndef ACME_TSIG_KEY_H
#define ACME_TSIG_KEY_H

#include <apr_pools.h>

#include "acme/acme_err.h"

/** The longest key file that is read. */
#define ACME_TSIG_KEY_MAX 4096

typedef struct {
    const char *name;      /**< "acme-key", without final dot */
    const char *algorithm; /**< "hmac-sha256" */
    const char *secret;    /**< base64, as in the file */
} acme_tsig_key_t;

/** Reads the content of a key file: `key "NAME" { algorithm hmac-sha256; secret "BASE64"; };` as
 * tsig-keygen writes it (comments of named.conf allowed), or one line `[ALGORITHM:]NAME:BASE64` as
 * nsupdate -y takes it (hmac-sha256 without ALGORITHM). ACME_ERR_INPUT with a sentence otherwise:
 * unknown algorithm (hmac-md5 is refused), no name, no base64, more than one key. */
acme_err_t *acme_tsig_key_parse(acme_tsig_key_t **key, const char *text, apr_size_t len,
                                apr_pool_t *pool);

#endif
