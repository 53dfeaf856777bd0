/* Resolves and judges the target of a redirect; libcurl takes the URLs apart.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_redirect.h"

#include <string.h>

#include <apr_strings.h>
#include <curl/curl.h>

#include "acme/acme_identifier.h"
#include "acme/acme_text.h"

#define URL_MAX 2000

/* see acme_redirect.h */
int acme_redirect_is(int status)
{
    return status == 301 || status == 302 || status == 307 || status == 308;
}

/* A part of a URL, copied; NULL if it has none. */
static const char *part(CURLU *url, CURLUPart which, unsigned flags, apr_pool_t *pool)
{
    char *text = NULL;
    const char *copy = NULL;
    if (curl_url_get(url, which, &text, flags) == CURLUE_OK && text != NULL) {
        copy = apr_pstrdup(pool, text);
    }
    curl_free(text);
    return copy;
}

/* "Redirect / https://example.org" makes the host "example.org.well-known" of what follows. */
static int lacks_slash(const char *host)
{
    static const char tail[] = ".well-known";
    apr_size_t len = strlen(host);
    return len >= sizeof tail && strcmp(host + len - (sizeof tail - 1), tail) == 0;
}

static const char *judge_host(acme_redirect_t *to, const char *host, apr_pool_t *pool)
{
    acme_identifier_t *identifier;
    if (acme_identifier_parse(&identifier, host, pool) != NULL || identifier->is_wildcard) {
        return "whose host no CA accepts; mend the redirect";
    }
    to->host = identifier->value;
    to->is_address = identifier->type == ACME_IDENTIFIER_IP;
    if (lacks_slash(to->host)) {
        return "whose host is wrong: the target in the directive Redirect lacks its final '/'";
    }
    return NULL;
}

static const char *judge(acme_redirect_t *to, CURLU *url, apr_pool_t *pool)
{
    const char *scheme = part(url, CURLUPART_SCHEME, 0, pool);
    to->is_https = scheme != NULL && acme_text_equal_nocase(scheme, "https");
    if (scheme == NULL || (!to->is_https && !acme_text_equal_nocase(scheme, "http"))) {
        return "and a CA follows to http and https only";
    }
    const char *port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, pool);
    if (port == NULL || strcmp(port, to->is_https ? "443" : "80") != 0) {
        return "and a CA follows to the ports 80 (http) and 443 (https) only; leave the port out";
    }
    if (part(url, CURLUPART_USER, 0, pool) != NULL) {
        return "and a CA follows to no URL with a user in it";
    }
    to->url = part(url, CURLUPART_URL, 0, pool);
    const char *host = part(url, CURLUPART_HOST, 0, pool);
    if (to->url == NULL || host == NULL || strlen(to->url) > URL_MAX) {
        return "which is too long or no URL; mend the redirect";
    }
    return judge_host(to, host, pool);
}

/* see acme_redirect.h */
const char *acme_redirect_resolve(acme_redirect_t *to, const char *from, const char *location,
                                  apr_pool_t *pool)
{
    *to = (acme_redirect_t){0};
    CURLU *url = curl_url();
    if (url == NULL) {
        return "and there is no memory to see where that is";
    }
    const char *why = "which is no URL; mend the redirect";
    if (curl_url_set(url, CURLUPART_URL, from, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
        why = judge(to, url, pool);
    }
    curl_url_cleanup(url);
    return why;
}
