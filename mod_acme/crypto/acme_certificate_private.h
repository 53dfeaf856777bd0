/* What self-signed certificates have in common.
 * SPDX-License-Identifier: Apache-2.0
 *
 * begin, add extensions, sign. Only for mod_acme/crypto.
 */
#ifndef ACME_CERTIFICATE_PRIVATE_H
#define ACME_CERTIFICATE_PRIVATE_H

#include "acme/acme_certificate.h"
#include "acme/acme_identifier.h"

/** A certificate of @a key for @a identifier as the only subjectAltName, with @a subject as CN of
 * subject and issuer, valid from a day before @a now until @a lifetime after it; not signed yet. It is
 * @a pool's. */
acme_err_t *acme_certificate__begin(X509 **certificate, const acme_key_t *key, const char *subject,
                                    const acme_identifier_t *identifier, apr_time_t now,
                                    apr_interval_time_t lifetime, apr_pool_t *pool);

/** Signs @a certificate with @a key and writes it as PEM. */
acme_err_t *acme_certificate__sign(char **pem, X509 *certificate, const acme_key_t *key,
                                   apr_pool_t *pool);

#endif
