/* Revocation: what a CA is told to take a certificate back (RFC 8555 section 7.6).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_REVOCATION_H
#define ACME_REVOCATION_H

#include <apr_pools.h>

/** The number of a reason that a subscriber may give (RFC 5280 section 5.3.1), from its word in any
 * case: unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation. 0 or -1.
 */
int acme_revocation_reason_parse(int *reason, const char *word);

/** The words above, for a sentence. */
const char *acme_revocation_reasons(apr_pool_t *pool);

/** Payload of revokeCert for the certificate @a der. The reason `unspecified` is not written, as
 * RFC 5280 wants it. */
char *acme_revocation_request(const unsigned char *der, apr_size_t len, int reason,
                              apr_pool_t *pool);

#endif
