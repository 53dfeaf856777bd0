/* The responder: answers challenges on behalf of the engine, in any process.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Only tokens that are ours are answered, or, where that is wanted, any token for a host that is ours;
 * everything else is somebody else's. No file is touched while the bell says that nothing is published.
 * Any thread.
 */
#ifndef ACME_RESPONDER_H
#define ACME_RESPONDER_H

#include <apr_pools.h>

#include "acme/acme_bell.h"
#include "acme/acme_digest.h"
#include "acme/acme_domain.h"
#include "acme/acme_identifier.h"
#include "acme/acme_store.h"
#include "acme/acme_thumbprint_cache.h"

/** The path every http-01 challenge begins with (RFC 8555 section 8.3). */
#define ACME_RESPONDER_HTTP_PREFIX "/.well-known/acme-challenge/"

/** The shortest token that is answered without a record: 128 bits (RFC 8555 section 8.1). */
#define ACME_RESPONDER_STATELESS_MIN 22

/** What answers are made from. */
typedef struct {
    const acme_store_t *store;
    const acme_bell_t *bell;              /**< NULL: the store is always asked */
    const acme_domain_index_t *index;     /**< NULL: hosts are nobody's */
    acme_thumbprint_cache_t *thumbprints; /**< NULL: nothing is answered without a record */
} acme_responder_t;

/** If @a path (of a request to @a host, unescaped) is the prefix and a token of ours, *answer is the
 * key authorization and 1 is returned; 0 otherwise. It is computed from the token and the sealed
 * thumbprint.
 *
 * @a host is the request's, without port, in any case; NULL if it has none. A token that is pending for
 * another domain than the host's is not answered; for a host that is no domain's it is, since whoever
 * stands in front of us may have changed it. With thumbprints every well-formed token of at least
 * ACME_RESPONDER_STATELESS_MIN characters is answered for a host that is a domain's, whoever has the
 * order. */
int acme_responder_http(const char **answer, const acme_responder_t *responder, const char *host,
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
