/* Answers in the translate-name phase: challenges of ours, and 503 where only the placeholder is.
 * SPDX-License-Identifier: Apache-2.0
 *
 * http-01 (RFC 8555 section 8.3) is answered before Alias, Rewrite, ProxyPass and access control,
 * on every host and port, for tokens that are ours; anything else is left to others. A request over
 * TLS on a host that has nothing but the placeholder certificate gets 503 with Retry-After and a
 * plain page (ACMEPlaceholder unavailable): a visitor must not take the placeholder for the site.
 * The status page is answered all the same.
 */
#ifndef MOD_ACME_ANSWER_H
#define MOD_ACME_ANSWER_H

#include <httpd.h>

/** For ap_hook_translate_name, APR_HOOK_REALLY_FIRST. */
int mod_acme_answer_challenge(request_rec *r);

/** For ap_hook_translate_name, after the one above. */
int mod_acme_answer_unavailable(request_rec *r);

#endif
