/* Why an exchange got no answer, as a sentence with what the administrator can do about it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include <apr_strings.h>
#include <openssl/x509_vfy.h>

#include "acme/acme_time.h"
#include "acme_curl_compat.h"
#include "acme_transport_curl_private.h"

#define SHOWN_MAX 300

/* see acme_transport_curl_private.h */
char *acme_transport_curl__proxy_name(const char *proxy, apr_pool_t *pool)
{
    const char *scheme_end = strstr(proxy, "://");
    const char *rest = scheme_end != NULL ? scheme_end + 3 : proxy;
    const char *at = strrchr(rest, '@');
    char *name = apr_pstrcat(pool, apr_pstrmemdup(pool, proxy, (apr_size_t)(rest - proxy)),
                             at != NULL ? at + 1 : rest, NULL);
    return acme_text_clean(name, SHOWN_MAX, pool);
}

/* libcurl quotes the whole proxy URL in some of its messages; where it could, ours are shorter. */
static const char *words_of(const acme_transport_curl_failure_t *failure, apr_pool_t *pool)
{
    static const char prefix[] = "SSL certificate problem: ";
    const char *proxy = failure->exchange->route != NULL ? failure->exchange->route->proxy : NULL;
    const char *words = failure->words;
    if (words[0] == '\0' || (proxy != NULL && strchr(proxy, '@') != NULL)) {
        words = curl_easy_strerror(failure->code);
    }
    if (strncmp(words, prefix, strlen(prefix)) == 0) {
        words += strlen(prefix);
    }
    return acme_text_clean(words, SHOWN_MAX, pool);
}

static const char *way(const acme_transport_curl_failure_t *failure, apr_pool_t *pool)
{
    const acme_route_t *route = failure->exchange->route;
    if (route == NULL || route->proxy == NULL) {
        return "";
    }
    return apr_psprintf(pool, " through the proxy %s",
                        acme_transport_curl__proxy_name(route->proxy, pool));
}

static acme_err_t *explain_certificate(const acme_transport_curl_failure_t *failure,
                                       const char *url, const char *through, const char *words,
                                       apr_pool_t *pool)
{
    long result = X509_V_OK;
    (void)curl_easy_getinfo(failure->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    if (result == X509_V_ERR_CERT_NOT_YET_VALID) {
        return acme_err_make(
            pool, ACME_ERR_CLOCK,
            "the certificate of %s%s is not yet valid: this machine's clock seems to "
            "be behind; set it right (NTP)",
            url, through);
    }
    if (result == X509_V_ERR_CERT_HAS_EXPIRED) {
        return acme_err_make(
            pool, ACME_ERR_NETWORK,
            "the certificate of %s%s has expired, or this machine's clock is ahead", url, through);
    }
    /* the chain is well, or libcurl left it unsaid: it looks at the name before it keeps the result
     */
    if (result == X509_V_OK || result == X509_V_ERR_UNSPECIFIED) {
        return acme_err_make(pool, ACME_ERR_NETWORK,
                             "the certificate of %s%s is for another host: %s; check the URL in "
                             "ACMECertificateAuthority",
                             url, through, words);
    }
    return acme_err_make(pool, ACME_ERR_NETWORK,
                         "the certificate of %s%s is not trusted: %s; if that CA has a root of its "
                         "own, name it with ACMECACertificateFile",
                         url, through, words);
}

static acme_err_t *explain_timeout(const acme_transport_curl_failure_t *failure, const char *url,
                                   const char *through, apr_pool_t *pool)
{
    curl_off_t connected = 0; /* also told of a connection that was there before */
    (void)curl_easy_getinfo(failure->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (connected == 0) {
        return acme_err_make(pool, ACME_ERR_NETWORK,
                             "no connection to %s%s within %s: is a firewall between?", url,
                             through, acme_time_span_words(failure->config->connect_timeout, pool));
    }
    return acme_err_make(pool, ACME_ERR_NETWORK, "%s did not answer%s within %s", url, through,
                         acme_time_span_words(failure->config->exchange_timeout, pool));
}

static acme_err_t *explain_connect(const acme_transport_curl_failure_t *failure, const char *url,
                                   const char *through, apr_pool_t *pool)
{
    long number = 0;
    (void)curl_easy_getinfo(failure->easy, CURLINFO_OS_ERRNO, &number);
    if (number != 0) {
        return acme_err_system(pool, ACME_ERR_NETWORK, APR_FROM_OS_ERROR((int)number),
                               "cannot connect to %s%s", url, through);
    }
    return acme_err_make(pool, ACME_ERR_NETWORK, "cannot connect to %s%s: %s", url, through,
                         words_of(failure, pool));
}

static acme_err_t *explain_stop(const acme_transport_curl_failure_t *failure, const char *url,
                                apr_pool_t *pool)
{
    if (failure->stop == ACME_TRANSPORT_CURL_HEADERS_TOO_LARGE) {
        return acme_err_make(pool, ACME_ERR_NETWORK,
                             "the answer of %s has more than %d bytes of headers", url,
                             ACME_TRANSPORT_HEADERS_MAX);
    }
    return acme_err_make(pool, ACME_ERR_NETWORK,
                         "the answer of %s is longer than %d bytes: this is no ACME server", url,
                         ACME_TRANSPORT_BODY_MAX);
}

/* see acme_transport_curl_private.h */
acme_err_t *acme_transport_curl__explain(const acme_transport_curl_failure_t *failure,
                                         apr_pool_t *pool)
{
    const acme_route_t *route = failure->exchange->route;
    const char *url = acme_text_clean(failure->exchange->url, SHOWN_MAX, pool);
    const char *words = words_of(failure, pool);
    const char *through = way(failure, pool);
    if (failure->stop != ACME_TRANSPORT_CURL_UNSTOPPED ||
        failure->code == CURLE_FILESIZE_EXCEEDED) {
        return explain_stop(failure, url, pool);
    }
    if (acme_curl__is_proxy_error(failure->code)) {
        return acme_err_make(pool, ACME_ERR_NETWORK, "cannot reach %s%s: %s; check ACMEHttpProxy",
                             url, through, words);
    }
    switch (failure->code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return acme_err_make(pool, ACME_ERR_NETWORK, "%s is not an https URL and is not asked",
                             url);
    case CURLE_COULDNT_RESOLVE_HOST:
        return acme_err_make(pool, ACME_ERR_NETWORK,
                             "cannot reach %s: DNS does not know that host, or does not answer",
                             url);
    case CURLE_COULDNT_CONNECT:
        return explain_connect(failure, url, through, pool);
    case CURLE_OPERATION_TIMEDOUT:
        return explain_timeout(failure, url, through, pool);
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_certificate(failure, url, through, words, pool);
    case CURLE_SSL_CACERT_BADFILE:
        return acme_err_make(pool, ACME_ERR_NETWORK,
                             "cannot check the certificate of %s: %s is not readable as PEM "
                             "certificates; check ACMECACertificateFile",
                             url,
                             route != NULL && route->ca_certificate_file != NULL
                                 ? route->ca_certificate_file
                                 : "the system's list of CAs");
    case CURLE_SSL_CONNECT_ERROR:
        return acme_err_make(pool, ACME_ERR_NETWORK, "no TLS connection to %s%s: %s", url, through,
                             words);
    default:
        return acme_err_make(pool, ACME_ERR_NETWORK, "no answer of %s%s: %s", url, through, words);
    }
}
