/* The sentences of a preflight: what was met on the way that a CA will go, and what to do about it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Pure functions over what was seen; each returns a sentence, or NULL where nothing is wrong. A
 * sentence says the same as long as the same is wrong, so that it can be told from a new one.
 */
#ifndef ACME_PREFLIGHT_WORDS_H
#define ACME_PREFLIGHT_WORDS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_probe.h"

/** Where this server stands. */
typedef struct {
    const apr_array_header_t *local; /**< const char *: addresses of this machine */
    const char *server; /**< how its answers call it in their header Server; NULL: not known */
    int is_private;     /**< the CA is a private one: it may go where the world cannot */
} acme_preflight_here_t;

/** One address of a name, asked for a token of ours. */
typedef struct {
    const char *name;
    const char *address; /**< as the DNS has it */
    int port;            /**< of the first question, as the CA counts: 80 or 443 */
    const char *url;     /**< of the last question, after redirects; NULL: there were none */
    const char *target;  /**< the address it was sent to then */
    const acme_probe_answer_t *answer; /**< the last */
    int is_ours;                       /**< the answer is the one that only this server can give */
} acme_preflight_visit_t;

/** What an http-01 validation would meet. */
const char *acme_preflight_say_http(const acme_preflight_visit_t *visit,
                                    const acme_preflight_here_t *here, apr_pool_t *pool);

/** What a tls-alpn-01 validation would meet, as far as a question by https tells. */
const char *acme_preflight_say_tls(const acme_preflight_visit_t *visit,
                                   const acme_preflight_here_t *here, apr_pool_t *pool);

/** A redirect to @a location that a CA does not follow, for the reason @a why
 * (acme_redirect_resolve). */
const char *acme_preflight_say_redirect(const acme_preflight_visit_t *visit, const char *location,
                                        const char *why, apr_pool_t *pool);

/** What a look for addresses gave. */
typedef struct {
    int is_heard; /**< there was an answer */
    int rcode;
    int count; /**< of addresses */
} acme_preflight_lookup_t;

/** The two looks for the addresses of @a name. */
const char *acme_preflight_say_addresses(const char *name, const acme_preflight_lookup_t *a,
                                         const acme_preflight_lookup_t *aaaa, apr_pool_t *pool);

/** What one address of an authoritative name server said of a name. */
typedef struct {
    const char *server; /**< its name */
    const char *address;
    int is_heard;     /**< it answered */
    int has_zone;     /**< with authority, and not with a failure */
    const char *said; /**< the addresses of the name, sorted; "": none, or not to be compared */
    int count;        /**< of them */
} acme_preflight_server_t;

/** What the authoritative servers (acme_preflight_server_t) say of @a name. That all of them are
 * silent says something about the way from here only; and many addresses that differ are a load
 * balancer's choice. */
const char *acme_preflight_say_servers(const char *name, const apr_array_header_t *servers,
                                       apr_pool_t *pool);

/** An @a address of @a name to which no public CA goes. */
const char *acme_preflight_say_reserved(const char *name, const char *address, apr_pool_t *pool);

/** A look for CAA records at @a level that has no answer of any use, so no CA may issue for @a name
 * (RFC 8659 section 3). */
const char *acme_preflight_say_caa_failure(const char *name, const char *level,
                                           const acme_preflight_lookup_t *lookup, apr_pool_t *pool);

/** The CAA records at @a level speak against the issuance for @a name: @a why (acme_caa_forbids).
 */
const char *acme_preflight_say_caa(const char *name, const char *level, const char *why,
                                   apr_pool_t *pool);

#endif
