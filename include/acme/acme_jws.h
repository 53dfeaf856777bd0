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

/** MACs for what is signed by a shared key; the words are RFC 7518's, section 3.2. */
typedef enum { ACME_JWS_HS256, ACME_JWS_HS384, ACME_JWS_HS512 } acme_jws_mac_alg_t;

typedef struct {
    acme_jws_mac_alg_t alg;
    const unsigned char *key;
    apr_size_t key_len;  /**< above 0 */
    const char *kid;     /**< who shares the key */
    const char *url;     /**< exactly the URL of the request around it */
    const char *payload; /**< JSON text */
} acme_jws_mac_t;

/** A JWS under a shared key, without nonce: the inner one of RFC 8555 section 7.3.4. */
acme_err_t *acme_jws_mac(char **body, const acme_jws_mac_t *jws, apr_pool_t *pool);

/** "HS256", "HS384" or "HS512", and back (any case): 0 or -1. */
const char *acme_jws_mac_name(acme_jws_mac_alg_t alg);
int acme_jws_mac_parse(acme_jws_mac_alg_t *alg, const char *name);

/** "ES256", "ES384" or "RS256". */
const char *acme_jws_alg(const acme_key_t *key);

/** An ECDSA signature in DER as the fixed-length R || S of RFC 7518 section 3.4; @a size is the
 * length of one coordinate (32 or 48), @a raw has room for two. */
acme_err_t *acme_jws_ecdsa_raw(unsigned char *raw, apr_size_t size, const unsigned char *der,
                               apr_size_t der_len, apr_pool_t *pool);

#endif
