/* How this floor meets OpenSSL: its errors as sentences, its objects owned by pools.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Only for mod_acme/crypto. mod_ssl judges its connections by the thread's error queue, so no
 * function of this floor may leave anything in it.
 */
#ifndef ACME_OPENSSL_H
#define ACME_OPENSSL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "acme/acme_err.h"
#include "acme/acme_key.h"

/** A new error: the text, then ": " and OpenSSL's reason where it gave one. Empties the queue. */
acme_err_t *acme_openssl__err(apr_pool_t *pool, acme_err_class_t errclass, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* Each hands an object over to @a pool, which frees it. To be called right after it was made;
 * NULL is allowed and does nothing. */
void acme_openssl__own_pkey(EVP_PKEY *pkey, apr_pool_t *pool);
void acme_openssl__own_x509(X509 *certificate, apr_pool_t *pool);
void acme_openssl__own_x509s(STACK_OF(X509) * certificates, apr_pool_t *pool);
void acme_openssl__own_names(GENERAL_NAMES *names, apr_pool_t *pool);
void acme_openssl__own_bio(BIO *bio, apr_pool_t *pool);

/** Wipes @a len bytes when @a pool goes. */
void acme_openssl__wipe_later(void *bytes, apr_size_t len, apr_pool_t *pool);

/** @a identifiers (array of `const acme_identifier_t *`) as subjectAltName; *names is @a pool's. */
acme_err_t *acme_openssl__names(GENERAL_NAMES **names, const apr_array_header_t *identifiers,
                                apr_pool_t *pool);

/** What kind of key @a pkey is, public or private. Returns 0, or -1 if it is none of ours. */
int acme_key__classify(acme_key_spec_t *spec, const EVP_PKEY *pkey);

#endif
