/* The preflight: looks, beside an order, at what the CA will meet when it validates the names.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It only advises: an order neither waits for it nor is kept from anything by it, and what it finds
 * are sentences for the administrator. It asks the DNS for all addresses and the CAA records of
 * each name, and fetches a token of its own from each address by the way of http-01 (redirects
 * included), and by https where tls-alpn-01 counts; the answer tells whether this server is there
 * or another.
 *
 *     look = acme_preflight_begin(preflight, &request, pool);
 *     …
 *     acme_preflight_tick(preflight);
 *     is_over = acme_preflight_poll(&findings, preflight, look);
 *
 * A look is bounded in time, and few are out at once: the others wait. A look whose pool goes is
 * dropped. One thread: the engine's.
 */
#ifndef ACME_PREFLIGHT_H
#define ACME_PREFLIGHT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_identifier.h"

/** What is to be looked at. */
typedef struct {
    const apr_array_header_t *identifiers;     /**< const acme_identifier_t * */
    const apr_array_header_t *challenge_types; /**< const char *: those the domain may use */
    const apr_array_header_t *caa_identities;  /**< const char *: the CA's names in CAA records */
    const struct acme_http01_t *http01; /**< who answers http-01 (acme_http01.h); NULL: we do */
    const char *thumbprint; /**< of the account key: whoever answers with it does too; or NULL */
    const char *account;    /**< URL of the account at the CA */
    int is_private;         /**< the CA is a private one */
    int is_thorough;        /**< an order has failed: ask the authoritative name servers too */
} acme_preflight_request_t;

typedef struct acme_preflight_look_t acme_preflight_look_t; /**< the provider's */

typedef struct {
    void *baton;
    /** see acme_preflight_begin */
    acme_preflight_look_t *(*begin)(void *baton, const acme_preflight_request_t *request,
                                    apr_pool_t *pool);
    /** see acme_preflight_is_waiting */
    int (*is_waiting)(void *baton, const acme_preflight_look_t *look);
    /** see acme_preflight_tick */
    void (*tick)(void *baton);
    /** see acme_preflight_poll */
    int (*poll)(const apr_array_header_t **findings, void *baton, acme_preflight_look_t *look);
} acme_preflight_t;

/** Begins to look, or to wait for a turn. *request is copied, what it points to lives as long as
 * @a pool, which holds the look. */
acme_preflight_look_t *acme_preflight_begin(const acme_preflight_t *preflight,
                                            const acme_preflight_request_t *request,
                                            apr_pool_t *pool);

/** Nonzero as long as nothing was asked for @a look yet. */
int acme_preflight_is_waiting(const acme_preflight_t *preflight, const acme_preflight_look_t *look);

/** Moves what is out; once for all looks, before they are polled. */
void acme_preflight_tick(const acme_preflight_t *preflight);

/** Goes on with @a look; nonzero when it is over. *findings (const char *, clean sentences, in the
 * look's pool) are those that were not told before. */
int acme_preflight_poll(const apr_array_header_t **findings, const acme_preflight_t *preflight,
                        acme_preflight_look_t *look);

#endif
