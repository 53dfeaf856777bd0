/* Proofs set by the administrator: what is to be set is shown in the log, and taken as set.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whether the world sees it is asked by whoever waits for that. Each record (or answer of http-01) is
 * a WARNING once in the life of a process, since nothing goes on without it, and a NOTICE when it may
 * be removed.
 */
#ifndef ACME_DNS_UPDATE_MANUAL_H
#define ACME_DNS_UPDATE_MANUAL_H

#include "acme/acme_dns_update.h"
#include "acme/acme_env.h"

/** TXT records, in @a pool; @a env outlives it. */
acme_dns_update_t *acme_dns_update_manual_create(const acme_env_t *env, apr_pool_t *pool);

/** The same for answers of http-01: `name` is the path of the URL. */
acme_dns_update_t *acme_dns_update_manual_http_create(const acme_env_t *env, apr_pool_t *pool);

#endif
