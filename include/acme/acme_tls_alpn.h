/* The certificate that answers a tls-alpn-01 challenge (RFC 8737 section 3).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_TLS_ALPN_H
#define ACME_TLS_ALPN_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_digest.h"
#include "acme/acme_err.h"
#include "acme/acme_identifier.h"
#include "acme/acme_key.h"

/** What the CA offers by ALPN, and nothing else (RFC 8737 section 6.2). */
#define ACME_TLS_ALPN_PROTOCOL "acme-tls/1"

/** A self-signed certificate of @a key with exactly one subjectAltName, @a identifier, and the critical
 * extension acmeIdentifier over @a digest, the SHA-256 of the key authorization. Valid for a day around
 * @a now. PEM in *pem. */
acme_err_t *acme_tls_alpn_certificate(char **pem, const acme_identifier_t *identifier,
                                      const unsigned char digest[ACME_DIGEST_LEN],
                                      const acme_key_t *key, apr_time_t now, apr_pool_t *pool);

#endif
