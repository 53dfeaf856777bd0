/* A solver makes the proof of one challenge type visible to the CA, and takes it away again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * publish (once for each proof in the life of a process), poll `visible` until it is, tell the CA; in
 * the end poll `withdraw` until it is gone. A solver never waits: what takes time is polled. After a
 * crash the next process publishes again, or only withdraws: neither does harm.
 */
#ifndef ACME_SOLVER_H
#define ACME_SOLVER_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_identifier.h"
#include "acme/acme_store.h"

/** What is to be proved. All of it is in the record of the run, so that withdraw works after a crash. */
typedef struct {
    const char *type;                    /**< challenge type */
    const acme_identifier_t *identifier; /**< without "*." */
    const char *token;
    const char *thumbprint; /**< of the account key (RFC 8555 section 8.1) */
} acme_proof_t;

typedef struct acme_solver_t acme_solver_t;
struct acme_solver_t {
    const char *type;
    void *baton;
    /** Starts to make it visible. All proofs of an order are published before one is waited for. */
    acme_err_t *(*publish)(void *baton, const acme_proof_t *proof, apr_pool_t *pool);
    /** *is_visible; if not, *poll_at is when to ask again. */
    acme_err_t *(*visible)(int *is_visible, apr_time_t *poll_at, void *baton,
                           const acme_proof_t *proof, apr_pool_t *pool);
    /** Begins to take it away, or goes on with it: *is_gone; if not, *poll_at is when to call again. What
     * is not there is gone. After an error it is not called again: what is left is the next sweep's. */
    acme_err_t *(*withdraw)(int *is_gone, apr_time_t *poll_at, void *baton,
                            const acme_proof_t *proof, apr_pool_t *pool);
};

/** http-01: a sealed record under challenges/http-01/<token>, read by acme_responder. */
acme_solver_t *acme_solver_http_create(const acme_store_t *store, apr_pool_t *pool);

#endif
