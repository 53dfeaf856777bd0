/* Wishes: what root wants the running engine to do, one file each in requests/.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   {"version":1, "asked":TIME, "wish":"account-rollover", "ca":…}      a new key for the account
 *   {"version":1, "asked":TIME, "wish":"account-deactivate", "ca":…}    the account is closed for
 * ever
 *   {"version":1, "asked":TIME, "wish":"revoke", "domain":…, "reason":…,
 * "key":"account"|"certificate", "certificates":[…]} what is in use is revoked
 *
 * A CA is named by its directory URL, its name or its folder; a domain by its name. Reason, key and
 * certificates (SHA-256 fingerprints) may be left out: unspecified, the account's, all in use. What
 * is revoked is replaced at once.
 *
 * The records are sealed, so that only root (and who has the secret) can wish, and a day old at
 * most, so that none can be brought back later. A file goes when its wish is fulfilled, or cannot
 * be; whoever wrote it sees that, and log and status say which. Until then it is done again after a
 * crash: every wish may be fulfilled twice. Trouble on the way is waited out.
 *
 * One thread: the engine's.
 */
#ifndef ACME_WISH_H
#define ACME_WISH_H

#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_session.h"
#include "acme/acme_store.h"

typedef struct acme_wishes_t acme_wishes_t;

/** What wishes need of their engine. */
typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    const apr_array_header_t *domains; /**< const acme_domain_t * */
    apr_interval_time_t retry_delay;
    void *baton;
    /** The session with the CA of that URL, name or folder; NULL if there is none. */
    acme_session_t *(*session)(void *baton, const char *ca);
    /** Something that the domain depends on has changed: it is to be looked at. */
    void (*look)(void *baton, const acme_domain_t *domain);
    void (*store_trouble)(void *baton, const acme_err_t *err);
} acme_wish_host_t;

/** Reads nothing yet. @a host must live as long. */
acme_wishes_t *acme_wishes_create(const acme_wish_host_t *host, apr_pool_t *pool);

/** Looks for new wishes, once a second at most, and begins what can be begun. */
void acme_wishes_tick(acme_wishes_t *wishes);

/** When a wish in trouble is to be tried again; 0: none is. */
apr_time_t acme_wishes_next(const acme_wishes_t *wishes);

#endif
