/* An inquiry: the CA is asked when it wants one certificate to be renewed (RFC 9773 section 4).
 * SPDX-License-Identifier: Apache-2.0
 *
 * What it says goes into renewal.json (acme_renewal.h), in words into log and history where it is news
 * for an administrator. That it does not answer delays nothing: there is always a moment without it.
 */
#ifndef ACME_INQUIRY_H
#define ACME_INQUIRY_H

#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_session.h"
#include "acme/acme_store.h"

typedef struct acme_inquiry_t acme_inquiry_t;

/** What an inquiry needs of its engine. */
typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    void *baton;
    /** It is over, and gone; renewal.json says what is new. The domain is to be looked at at @a look_at:
     * at once if its renewal may have moved, else when the next question is due. Not called from inside
     * of acme_inquiry_begin. */
    void (*ended)(void *baton, const acme_domain_t *domain, apr_time_t look_at);
    void (*store_trouble)(void *baton, const acme_err_t *err);
} acme_inquiry_host_t;

/** Asks @a session about the certificate of @a domain with @a certid. @a host must live as long. */
acme_inquiry_t *acme_inquiry_begin(const acme_inquiry_host_t *host, const acme_domain_t *domain,
                                   acme_session_t *session, const char *certid, apr_pool_t *pool);

#endif
