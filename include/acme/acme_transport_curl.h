/* The transport over libcurl's multi interface: HTTP/2, many exchanges, one thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * curl_global_init must have run in this process before (child_init; never in the parent).
 */
#ifndef ACME_TRANSPORT_CURL_H
#define ACME_TRANSPORT_CURL_H

#include <apr_pools.h>

#include "acme/acme_err.h"
#include "acme/acme_transport.h"

/** Largest body of an answer, largest sum of its headers. */
#define ACME_TRANSPORT_BODY_MAX (1024 * 1024)
#define ACME_TRANSPORT_HEADERS_MAX (64 * 1024)

typedef struct {
    const char *user_agent;               /**< "mod_acme/VERSION …", see acme_transport_curl_user_agent */
    apr_interval_time_t connect_timeout;  /**< 30 s is usual */
    apr_interval_time_t exchange_timeout; /**< of the whole exchange; some CAs are slow: 5 minutes */
    int max_connections;                  /**< per host */
} acme_transport_curl_config_t;

/** A transport that lives in @a pool; exchanges still under way are dropped with it. */
acme_err_t *acme_transport_curl_create(acme_transport_t **transport,
                                       const acme_transport_curl_config_t *config,
                                       apr_pool_t *pool);

/** "mod_acme/0.1.0 (Apache/2.4.71) libcurl/7.88.1 OpenSSL/3.0.22": ASCII, at most 200 bytes. */
char *acme_transport_curl_user_agent(const char *server, apr_pool_t *pool);

#endif
