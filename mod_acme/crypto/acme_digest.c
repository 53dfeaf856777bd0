/* SHA-256 through OpenSSL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_digest.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "acme/acme_text.h"

/* see acme_digest.h */
void acme_digest_sha256(unsigned char digest[ACME_DIGEST_LEN], const void *bytes, apr_size_t len)
{
    /* Fails only without memory. Going on with anything but the digest would be a lie on which
     * signatures and seals rely. */
    if (EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) != 1) {
        abort();
    }
}

/* see acme_digest.h */
char *acme_digest_hex(const void *bytes, apr_size_t len, apr_pool_t *pool)
{
    unsigned char digest[ACME_DIGEST_LEN];
    acme_digest_sha256(digest, bytes, len);
    return acme_text_hex(digest, sizeof(digest), pool);
}

/* see acme_digest.h */
char *acme_digest_base64url(const void *bytes, apr_size_t len, apr_pool_t *pool)
{
    unsigned char digest[ACME_DIGEST_LEN];
    acme_digest_sha256(digest, bytes, len);
    return acme_text_base64url(digest, sizeof(digest), pool);
}
