/* What differs between versions of libcurl, from 7.68 on; nowhere else is a version looked at.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the folder port.
 */
#ifndef ACME_CURL_COMPAT_H
#define ACME_CURL_COMPAT_H

#include <curl/curl.h>

/** Lets @a easy speak https and nothing else. */
CURLcode acme_curl__https_only(CURL *easy);

/** Lets @a easy speak http and https and nothing else. */
CURLcode acme_curl__http_only(CURL *easy);

/** Lets removing @a easy not wait for a resolver that hangs, where libcurl knows how. */
void acme_curl__quick_exit(CURL *easy);

/** Nonzero if @a code says that a proxy answered a CONNECT or a handshake with an error. */
int acme_curl__is_proxy_error(CURLcode code);

#endif
