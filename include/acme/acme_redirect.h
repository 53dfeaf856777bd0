/* Redirects as a CA follows them when it validates http-01: where one leads, and which it refuses.
 * SPDX-License-Identifier: Apache-2.0
 *
 * RFC 8555 section 8.3 lets a CA follow redirects. What the public ones agree on: 301, 302, 307 and
 * 308, ten at most, to http and https on their own ports 80 and 443. Pure functions.
 */
#ifndef ACME_REDIRECT_H
#define ACME_REDIRECT_H

#include <apr_pools.h>

/** No CA follows more of them. */
#define ACME_REDIRECT_MAX 10

/** Where a redirect leads. */
typedef struct {
    const char *url;  /**< whole, at most 2000 bytes */
    const char *host; /**< lower case, no final dot; an address without brackets */
    int is_https;
    int is_address; /**< the host is one */
} acme_redirect_t;

/** Nonzero for a status that a CA follows. */
int acme_redirect_is(int status);

/** Resolves @a location against the URL @a from that it answered. NULL if a CA would follow; then
 * *to. Else why it would not and what to do, as the end of a sentence that began with "… redirects
 * to <location>, ". */
const char *acme_redirect_resolve(acme_redirect_t *to, const char *from, const char *location,
                                  apr_pool_t *pool);

#endif
