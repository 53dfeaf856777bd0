/* How requests travel: the interface between the engine and whatever does HTTPS.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An exchange is one request and its answer. The engine begins it and later hears of it, from inside
 * acme_transport_pump, through its `done` function, exactly once, unless it is cancelled before. All
 * calls come from the engine's thread but acme_transport_wakeup, which any thread may call.
 *
 * A provider verifies TLS always, speaks https only (but where an exchange says that it is plain), follows no redirects, bounds the size of header
 * and body and the time of everything, and sends User-Agent and Accept-Language (RFC 8555 section
 * 6.1) by itself.
 */
#ifndef ACME_TRANSPORT_H
#define ACME_TRANSPORT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_err.h"

typedef struct acme_exchange_t acme_exchange_t;
typedef struct acme_transport_t acme_transport_t;

/** How to get to a CA. */
typedef struct {
    const char *ca_certificate_file; /**< PEM bundle that verifies the CA's server; NULL: the system's */
    const char *proxy;               /**< URL of an HTTP proxy, or NULL: none (not the environment's) */
} acme_route_t;

typedef enum { ACME_METHOD_GET, ACME_METHOD_HEAD, ACME_METHOD_POST } acme_method_t;

struct acme_exchange_t {
    apr_pool_t *pool; /**< of the exchange: request and answer live in it */
    acme_method_t method;
    const char *url;
    const char *body; /**< POST: application/jose+json; else NULL */
    const acme_route_t *route;
    int is_plain; /**< a look at what the world sees: http only, and nobody verifies who answers */
    void (*done)(acme_exchange_t *exchange);
    void *baton; /**< of whoever waits for done */

    acme_err_t *err;      /**< no answer: class NETWORK (or CLOCK: the CA's certificate is not yet valid) */
    int status;           /**< HTTP status */
    apr_table_t *headers; /**< of the answer; names compare without case; several values stay apart */
    const char *answer;   /**< the body, NUL-terminated; "" if none */
    apr_size_t answer_len;

    void *provider_data; /**< of the transport */
};

struct acme_transport_t {
    void *baton;
    /** Takes the exchange until done or cancel. */
    void (*begin)(void *baton, acme_exchange_t *exchange);
    /** Forgets it; done is not called. */
    void (*cancel)(void *baton, acme_exchange_t *exchange);
    /** Moves bytes and calls done for what ended; waits at most @a wait for something to happen. */
    void (*pump)(void *baton, apr_interval_time_t wait);
    /** Ends a wait in pump, now or the next one. Any thread. */
    void (*wakeup)(void *baton);
};

void acme_transport_begin(acme_transport_t *transport, acme_exchange_t *exchange);
void acme_transport_cancel(acme_transport_t *transport, acme_exchange_t *exchange);
void acme_transport_pump(acme_transport_t *transport, apr_interval_time_t wait);
void acme_transport_wakeup(acme_transport_t *transport);

/** The first value of a header of the answer, or NULL. */
const char *acme_exchange_header(const acme_exchange_t *exchange, const char *name);

/** When the answer allows the next request (Retry-After in either form), 0 if it does not say. */
apr_time_t acme_exchange_retry_at(const acme_exchange_t *exchange, apr_time_t now);

/** Appends the values of @a name to @a values (const char *). */
void acme_exchange_header_values(const acme_exchange_t *exchange, const char *name,
                                 apr_array_header_t *values);

#endif
