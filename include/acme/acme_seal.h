/* The seal: what the run user can write is believed only if it opens.
 * SPDX-License-Identifier: Apache-2.0
 *
 * From the store's secret (32 bytes, known to root and to the server's processes) one key per
 * label is derived with HKDF-SHA256. Two forms are sealed with it:
 *
 *   a secret   AES-256-GCM: "ACMESEAL1" 12 bytes nonce, ciphertext, 16 bytes tag
 *   a record   readable JSON object whose last member is "seal", an HMAC-SHA256 (base64url) over
 *              everything before that member
 *
 * Both bind the place (the path in the store), so that a value moved elsewhere does not open.
 *
 * A seal is made once and never changed: any thread of any process may use it.
 */
#ifndef ACME_SEAL_H
#define ACME_SEAL_H

#include <apr_pools.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"

#define ACME_SEAL_SECRET_LEN 32

typedef struct acme_seal_t acme_seal_t;

/** A seal from the store's secret, which is copied and wiped with @a pool. */
acme_seal_t *acme_seal_create(const unsigned char secret[ACME_SEAL_SECRET_LEN], apr_pool_t *pool);

/** Encrypts @a plain for @a label (the folder, e.g. "live") and @a place. The nonce is random. */
acme_err_t *acme_seal_close_secret(char **sealed, apr_size_t *sealed_len, const acme_seal_t *seal,
                                   const char *label, const char *place, const char *plain,
                                   apr_size_t plain_len, const acme_env_t *env, apr_pool_t *pool);

/** The inverse. ACME_ERR_INPUT if it was not sealed by this secret for this label and place.
 * *plain is NUL-terminated beyond its length and wiped when @a pool goes. */
acme_err_t *acme_seal_open_secret(char **plain, apr_size_t *plain_len, const acme_seal_t *seal,
                                  const char *label, const char *place, const char *sealed,
                                  apr_size_t sealed_len, apr_pool_t *pool);

/** Adds the "seal" member to @a json, which must be a JSON object as text ending in '}'. */
acme_err_t *acme_seal_close_record(char **sealed, apr_size_t *sealed_len, const acme_seal_t *seal,
                                   const char *label, const char *place, const char *json,
                                   apr_size_t json_len, apr_pool_t *pool);

/** Checks the seal and gives the object without it, byte for byte as it was closed. */
acme_err_t *acme_seal_open_record(char **json, apr_size_t *json_len, const acme_seal_t *seal,
                                  const char *label, const char *place, const char *sealed,
                                  apr_size_t sealed_len, apr_pool_t *pool);

#endif
