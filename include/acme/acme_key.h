/* Private keys: made, kept, told apart, and shown to a CA as a JWK.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A key lives in a pool and is wiped with it. It may be used by one thread at a time; it is never
 * changed after it was made.
 */
#ifndef ACME_KEY_H
#define ACME_KEY_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <openssl/evp.h>

#include "acme/acme_err.h"

typedef enum { ACME_KEY_P256, ACME_KEY_P384, ACME_KEY_RSA } acme_key_type_t;

/** What kind of key is wanted. */
typedef struct {
    acme_key_type_t type;
    int bits; /**< RSA: 2048 to 4096 in steps of 8; else 0 */
} acme_key_spec_t;

typedef struct acme_key_t acme_key_t;

/** Makes a new key. Costs 0.1 ms (EC) to a second (RSA 4096). */
acme_err_t *acme_key_generate(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool);

/** Wraps @a pkey (a reference is taken). ACME_ERR_INPUT if it is of no kind above. */
acme_err_t *acme_key_from_pkey(acme_key_t **key, EVP_PKEY *pkey, apr_pool_t *pool);

/** Reads the traditional DER that acme_key_der writes; its type must be @a type's. */
acme_err_t *acme_key_from_der(acme_key_t **key, acme_key_type_t type, const unsigned char *der,
                              apr_size_t len, apr_pool_t *pool);

/** Reads a PEM private key without pass phrase (PKCS#8 or traditional). */
acme_err_t *acme_key_from_pem(acme_key_t **key, const char *pem, apr_size_t len, apr_pool_t *pool);

/** Traditional DER (RFC 5915, PKCS#1); wiped when @a pool goes. */
acme_err_t *acme_key_der(unsigned char **der, apr_size_t *len, const acme_key_t *key,
                         apr_pool_t *pool);

/** PKCS#8 PEM without pass phrase; wiped when @a pool goes. */
acme_err_t *acme_key_pem(char **pem, const acme_key_t *key, apr_pool_t *pool);

EVP_PKEY *acme_key_pkey(const acme_key_t *key);
void acme_key_spec(acme_key_spec_t *spec, const acme_key_t *key);

/** The public key as JWK with members in the order of RFC 7638 section 3.2, no white space. */
acme_err_t *acme_key_jwk(char **json, const acme_key_t *key, apr_pool_t *pool);

/** RFC 7638 thumbprint, SHA-256, base64url: 43 characters. */
acme_err_t *acme_key_thumbprint(char **thumbprint, const acme_key_t *key, apr_pool_t *pool);

/* Words for kinds of keys. */

/** Reads the words of a directive ("Default", "RSA", "RSA 3072", "RSA3072", "P-256", "secp384r1",
 * "prime256v1", any case), from argv[*i] on, moving *i past what was read. Default is P-256. */
acme_err_t *acme_key_spec_parse(acme_key_spec_t *spec, const char *const *argv, int argc, int *i,
                                apr_pool_t *pool);

/** "P-256", "P-384", "RSA 2048". */
const char *acme_key_spec_text(const acme_key_spec_t *spec, apr_pool_t *pool);

/** What stands before ".pem" in a file name: "" for RSA, ".p-256", ".p-384". */
const char *acme_key_type_suffix(acme_key_type_t type);

/** "rsa", "p-256", "p-384": how stored records and the status page name a type. */
const char *acme_key_type_name(acme_key_type_t type);

/** The inverse of acme_key_type_name; 0 or -1. */
int acme_key_type_parse(acme_key_type_t *type, const char *name);

/** Nonzero if OpenSSL keeps keys of both types in the same certificate slot. */
int acme_key_type_same_slot(acme_key_type_t a, acme_key_type_t b);

#endif
