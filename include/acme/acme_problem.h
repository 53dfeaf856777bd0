/* Problem documents: how a CA says that something is wrong (RFC 7807, RFC 8555 section 6.7).
 * SPDX-License-Identifier: Apache-2.0
 *
 * The CA's own words always reach the administrator, cleaned of control characters and cut.
 */
#ifndef ACME_PROBLEM_H
#define ACME_PROBLEM_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>

#include "acme/acme_err.h"

#define ACME_PROBLEM_URN "urn:ietf:params:acme:error:"

typedef struct acme_problem_t {
    const char *type;       /**< whole URN, "about:blank" if absent */
    const char *detail;     /**< clean, at most 1000 bytes, may be "" */
    const char *instance;   /**< URL for a human, or NULL */
    int status;             /**< HTTP status; 0 if absent */
    const char *identifier; /**< of a subproblem: the name it is about, or NULL */
    const apr_array_header_t *subproblems; /**< const acme_problem_t *; at most 100, never nested */
} acme_problem_t;

/** Reads a problem object; never fails: what is missing is empty. */
acme_problem_t *acme_problem_read(const json_t *object, apr_pool_t *pool);

/** Reads the body of an answer with status @a http_status, whatever it is (HTML, nothing): a
 * problem of type about:blank with the status is made where there is no problem document. */
acme_problem_t *acme_problem_parse(const char *body, apr_size_t len, int http_status,
                                   apr_pool_t *pool);

/** Writes it, for a record. The reference is the caller's (json_object_set_new takes it over). */
json_t *acme_problem_json(const acme_problem_t *problem);

/** Nonzero if the type is ACME_PROBLEM_URN followed by @a name. */
int acme_problem_is(const acme_problem_t *problem, const char *name);

/** "rejectedIdentifier: detail (bad.example: detail of the subproblem)", at most 2000 bytes, clean. */
char *acme_problem_text(const acme_problem_t *problem, apr_pool_t *pool);

/** The problem as an error. The class follows the type and status (RFC 8555 section 6.7):
 *   WAIT     rateLimited, 429, and any with @a retry_at set whose status is 503
 *   NETWORK  serverInternal, 5xx, and badNonce (it comes here only after many tries)
 *   GONE     accountDoesNotExist, 404
 *   CONFIG   userActionRequired, externalAccountRequired, badCSR, badPublicKey, badSignatureAlgorithm,
 *            invalidContact, unsupportedContact, rejectedIdentifier, unsupportedIdentifier,
 *            invalidProfile, caa, malformed, accountDeactivated, unauthorized and what is unknown below 500
 *   REFUSED  connection, dns, tls, incorrectResponse, orderNotReady
 * Of a "compound" the worst subproblem counts.
 * @a doing completes the sentence: "while @a doing: ". The sentence ends with advice for the types
 * where an administrator can act, and with what is to be visited (acme_problem_link), which is its link. */
acme_err_t *acme_problem_err(const acme_problem_t *problem, apr_time_t retry_at, const char *doing,
                             apr_pool_t *pool);

/** Nonzero if the CA has paused names after too many failures: a matter of these names alone, and no limit
 * that ends by itself. */
int acme_problem_is_pause(const acme_problem_t *problem);

/** The https URL that somebody must visit before the CA goes on: `instance` of userActionRequired
 * (RFC 8555 section 7.3.3); of rateLimited, where the CA does not say when it ends (@a retry_at 0), `instance`
 * or the first URL in its words: so the largest CA says how to lift the pause of a name. NULL if there is
 * none. Printable ASCII without anything that would end an attribute, at most 500 bytes. */
const char *acme_problem_link(const acme_problem_t *problem, apr_time_t retry_at, apr_pool_t *pool);

/** What to do about a failed validation or refused order, from the type and the well-known words of
 * CAs in the detail, as one sentence; NULL if there is no good advice. */
const char *acme_problem_advice(const acme_problem_t *problem);

#endif
