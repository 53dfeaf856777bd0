/* The responder: answers challenges on behalf of the engine, in any process.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Only tokens that are ours are answered; everything else is somebody else's. No file is touched
 * while the bell says that nothing is published. Any thread.
 */
#ifndef ACME_RESPONDER_H
#define ACME_RESPONDER_H

#include <apr_pools.h>

#include "acme/acme_bell.h"
#include "acme/acme_digest.h"
#include "acme/acme_identifier.h"
#include "acme/acme_store.h"

/** The path every http-01 challenge begins with (RFC 8555 section 8.3). */
#define ACME_RESPONDER_HTTP_PREFIX "/.well-known/acme-challenge/"

/** If @a path (of a request, unescaped) is the prefix and a token of ours, *answer is the key
 * authorization and 1 is returned; 0 otherwise. It is computed from the token and the sealed
 * thumbprint. @a bell may be NULL: then the store is always asked. */
int acme_responder_http(const char **answer, const acme_store_t *store, const acme_bell_t *bell,
                        const char *path, apr_pool_t *pool);

/** What the certificate of a tls-alpn-01 answer is made of. */
typedef struct {
    const acme_identifier_t *identifier;
    unsigned char digest[ACME_DIGEST_LEN]; /**< SHA-256 of the key authorization */
} acme_responder_tls_alpn_t;

/** If a tls-alpn-01 challenge of ours is pending for the server name @a sni (any case; a name in the
 * reverse DNS stands for its address, RFC 8738 section 6), *answer says what to show and 1 is
 * returned; 0 otherwise. @a bell as above. */
int acme_responder_tls_alpn(acme_responder_tls_alpn_t *answer, const acme_store_t *store,
                            const acme_bell_t *bell, const char *sni, apr_pool_t *pool);

#endif
