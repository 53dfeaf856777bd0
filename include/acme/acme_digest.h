/* SHA-256, in the forms that callers want.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_DIGEST_H
#define ACME_DIGEST_H

#include <apr_pools.h>

#define ACME_DIGEST_LEN 32

/** SHA-256 of @a len bytes. */
void acme_digest_sha256(unsigned char digest[ACME_DIGEST_LEN], const void *bytes, apr_size_t len);

/** The same in lower-case hexadecimal. */
char *acme_digest_hex(const void *bytes, apr_size_t len, apr_pool_t *pool);

/** The same in base64url: for a key authorization this is the TXT value of RFC 8555 section 8.4. */
char *acme_digest_base64url(const void *bytes, apr_size_t len, apr_pool_t *pool);

#endif
