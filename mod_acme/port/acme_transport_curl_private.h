/* The transport over libcurl, shared among its files: the transfer and the sentences for its
 * failures. SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the folder port.
 */
#ifndef ACME_TRANSPORT_CURL_PRIVATE_H
#define ACME_TRANSPORT_CURL_PRIVATE_H

#include <curl/curl.h>

#include "acme/acme_text.h"
#include "acme/acme_transport_curl.h"

/** Why our own callbacks ended a transfer. */
typedef enum {
    ACME_TRANSPORT_CURL_UNSTOPPED,
    ACME_TRANSPORT_CURL_BODY_TOO_LARGE,
    ACME_TRANSPORT_CURL_HEADERS_TOO_LARGE
} acme_transport_curl_stop_t;

/** What is known of a transfer that failed. */
typedef struct {
    CURLcode code;
    CURL *easy;
    acme_transport_curl_stop_t stop;
    const char *words; /**< of libcurl, "" if none */
    const acme_exchange_t *exchange;
    const acme_transport_curl_config_t *config;
} acme_transport_curl_failure_t;

/** The error for it: class NETWORK or CLOCK, a sentence without the proxy's credentials. */
acme_err_t *acme_transport_curl__explain(const acme_transport_curl_failure_t *failure,
                                         apr_pool_t *pool);

/** A proxy's URL without user and password, for sentences. */
char *acme_transport_curl__proxy_name(const char *proxy, apr_pool_t *pool);

#endif
