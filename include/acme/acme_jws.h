/* Signed requests: JWS in flattened JSON serialization.
 * SPDX-License-Identifier: Apache-2.0
 *
 * RFC 8555 section 6.2: every POST to a CA is a JWS with a protected header of alg, nonce, url and
 * either jwk or kid. ES256, ES384 and RS256 follow from the key.
 */
#ifndef ACME_JWS_H
#define ACME_JWS_H

#include <apr_pools.h>

#include "acme/acme_err.h"
#include "acme/acme_key.h"

typedef struct {
    const acme_key_t *key;
    const char *kid;     /**< account URL; NULL: the public key goes in as "jwk" */
    const char *nonce;   /**< NULL: none (inner JWS) */
    const char *url;     /**< exactly the URL of the request */
    const char *payload; /**< JSON text, or "" for POST-as-GET (RFC 8555 section 6.3) */
} acme_jws_t;

/** The request body. */
acme_err_t *acme_jws_sign(char **body, const acme_jws_t *jws, apr_pool_t *pool);

/** "ES256", "ES384" or "RS256". */
const char *acme_jws_alg(const acme_key_t *key);

/** An ECDSA signature in DER as the fixed-length R || S of RFC 7518 section 3.4; @a size is the
 * length of one coordinate (32 or 48), @a raw has room for two. */
acme_err_t *acme_jws_ecdsa_raw(unsigned char *raw, apr_size_t size, const unsigned char *der,
                               apr_size_t der_len, apr_pool_t *pool);

#endif
