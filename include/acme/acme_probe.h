/* Probes: one GET each, sent to a given address, answered by whoever is there.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A CA that validates http-01 fetches a URL from an address and believes nobody on the way. So does
 * a probe: it verifies no certificate, follows no redirect, uses no proxy, sends no credentials,
 * and its answers, bounded, are never used for anything but sentences. Nothing of what an ACME
 * transport may rely on holds here, and therefore the two share nothing.
 *
 *     acme_probe_t *probe = acme_probe_begin(prober, "http://example.org/x", "192.0.2.1", 80,
 * pool); … acme_prober_pump(prober); const acme_probe_answer_t *answer; if
 * (acme_probe_poll(&answer, prober, probe)) { … }
 *
 * Never waits. A probe whose pool goes is dropped. One thread: the engine's.
 */
#ifndef ACME_PROBE_H
#define ACME_PROBE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_err.h"

typedef enum {
    ACME_PROBE_ANSWERED,    /**< there is a status */
    ACME_PROBE_REFUSED,     /**< nobody listens, or a packet filter says so */
    ACME_PROBE_TIMEOUT,     /**< no connection in time */
    ACME_PROBE_UNREACHABLE, /**< this machine knows no way there */
    ACME_PROBE_MUTE,        /**< a connection, but no answer in time or none at all */
    ACME_PROBE_NO_TLS,      /**< the handshake failed */
    ACME_PROBE_NO_HTTP,     /**< something else than HTTP was answered */
    ACME_PROBE_FAILED       /**< something here went wrong: it says nothing about the address */
} acme_probe_end_t;

/** Beyond these an answer is cut off. */
#define ACME_PROBE_BODY_MAX 512
#define ACME_PROBE_HEADERS_MAX 16384

typedef struct {
    acme_probe_end_t end;
    /* with ACME_PROBE_ANSWERED: */
    int status;
    const char *body;     /**< the first bytes of it, up to a NUL */
    const char *location; /**< of the header, or NULL */
    const char *server;   /**< of the header, clean; or NULL */
    const char *via; /**< who says to be in between (Via, or the name of a CDN), clean; or NULL */
} acme_probe_answer_t;

typedef struct acme_probe_t acme_probe_t; /**< the provider's */

typedef struct {
    void *baton;
    /** see acme_probe_begin */
    acme_probe_t *(*begin)(void *baton, const char *url, const char *address, int port,
                           apr_pool_t *pool);
    /** see acme_prober_pump */
    void (*pump)(void *baton);
    /** see acme_probe_poll */
    int (*poll)(const acme_probe_answer_t **answer, void *baton, acme_probe_t *probe);
} acme_prober_t;

/** Fetches @a url (http or https, a name or a literal address as host), from @a address at @a port
 * whatever the URL says of it. The probe and its answer live in @a pool. */
acme_probe_t *acme_probe_begin(const acme_prober_t *prober, const char *url, const char *address,
                               int port, apr_pool_t *pool);

/** Moves the bytes of all probes that are out. */
void acme_prober_pump(const acme_prober_t *prober);

/** Nonzero when the probe is over; then *answer is never NULL. */
int acme_probe_poll(const acme_probe_answer_t **answer, const acme_prober_t *prober,
                    acme_probe_t *probe);

typedef struct {
    const char *user_agent;
    apr_interval_time_t connect_timeout;
    apr_interval_time_t timeout; /**< of a whole probe, from when it is sent */
    int max_probes;              /**< at once; others wait for their turn */
} acme_prober_config_t;

/** Probes over a multi handle of libcurl of their own; lives in @a pool. curl_global_init must have
 * run. ACME_ERR_INTERNAL if libcurl has no memory. */
acme_err_t *acme_prober_create(acme_prober_t **prober, const acme_prober_config_t *config,
                               apr_pool_t *pool);

#endif
