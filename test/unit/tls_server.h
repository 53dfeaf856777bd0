/* A small HTTPS server on loopback for tests, with a certificate of its own making.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One thread accepts, one serves each connection; all end in tls_server_stop. The path of the
 * request says what is answered:
 *
 *   /ok          200, "hello", Retry-After and two Link headers
 *   /echo        200, the request's head and body as it came
 *   /status/N    status N, no body
 *   /chunks      200, "one two" in chunks, with a trailer
 *   /large       200, a body that never ends, in chunks
 *   /announced   200, a Content-Length of 10 MB
 *   /headers     200, headers that never end
 *   /redirect    302 to /ok
 *   /hang        nothing, until the client goes
 *   /cut         half a body, then the end
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

typedef struct tls_server_t tls_server_t;

/** What its certificate says. */
typedef struct {
    const char *name; /**< the only DNS name in it, NULL: 127.0.0.1 */
    long not_before;  /**< seconds from now */
    long not_after;
} tls_server_certificate_t;

/** Starts it at a free port of 127.0.0.1; its certificate is written to @a pem_file. */
tls_server_t *tls_server_start(const tls_server_certificate_t *certificate, const char *pem_file);

int tls_server_port(const tls_server_t *server);

/** The number of connections it accepted. */
int tls_server_connections(const tls_server_t *server);

void tls_server_stop(tls_server_t *server);

#endif
