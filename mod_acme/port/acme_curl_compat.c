/* What differs between versions of libcurl, from 7.68 on; nowhere else is a version looked at.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_curl_compat.h"

#if LIBCURL_VERSION_NUM >= 0x075500

/* see acme_curl_compat.h */
CURLcode acme_curl__https_only(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
}

/* see acme_curl_compat.h */
CURLcode acme_curl__http_only(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
}

#else

/* see acme_curl_compat.h */
CURLcode acme_curl__https_only(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
}

/* see acme_curl_compat.h */
CURLcode acme_curl__http_only(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
}

#endif

#if LIBCURL_VERSION_NUM >= 0x075700

/* see acme_curl_compat.h */
void acme_curl__quick_exit(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* an older library at run time waits */
}

#else

/* see acme_curl_compat.h */
void acme_curl__quick_exit(CURL *easy)
{
    (void)easy;
}

#endif

#if LIBCURL_VERSION_NUM >= 0x074900

/* see acme_curl_compat.h */
int acme_curl__is_proxy_error(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY;
}

#else

/* see acme_curl_compat.h */
int acme_curl__is_proxy_error(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_PROXY;
}

#endif
