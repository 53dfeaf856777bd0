/* The certificate signing request of finalize (RFC 8555 section 7.4).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_CSR_H
#define ACME_CSR_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"
#include "acme/acme_key.h"

/** base64url of a DER PKCS#10 with an empty subject and all @a identifiers (array of
 * `const acme_identifier_t *`, not empty) as subjectAltName, signed by @a key with SHA-256. With
 * @a must_staple it asks for the TLS feature status_request, too (RFC 7633 section 4.1). */
acme_err_t *acme_csr_make(char **csr, const apr_array_header_t *identifiers, int must_staple,
                          const acme_key_t *key, apr_pool_t *pool);

#endif
