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
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_proof.h"
#include "acme/acme_store.h"

/** Whether the CA would find what it looks for. */
typedef struct {
    int is_met;
    const char *why;   /**< if not: what is wrong, a phrase */
    const char *name;  /**< where the record stands, or ought to */
    const char *value; /**< what stands there; if it is not met, what ought to be added */
    apr_time_t until;  /**< if met: when that ends; 0: never */
} acme_prospect_t;

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
    /** What is published and not withdrawn (acme_proof_t *), whichever process did it: the engine
     * withdraws what no run claims. NULL: nothing of this type ever stays behind. */
    acme_err_t *(*list)(apr_array_header_t **proofs, void *baton, apr_pool_t *pool);
    /** Looks, before a challenge is chosen, whether it can be met by what others have published:
     * *prospect is NULL as long as that is not known; *poll_at is when to ask again. Asked once more
     * after that, it looks anew. NULL: all that is needed is published by `publish`. */
    acme_err_t *(*foresee)(acme_prospect_t **prospect, apr_time_t *poll_at, void *baton,
                           const acme_proof_t *proof, apr_pool_t *pool);
};

/** http-01: a sealed record under challenges/http-01/<token>, read by acme_responder. */
acme_solver_t *acme_solver_http_create(const acme_store_t *store, apr_pool_t *pool);

/** tls-alpn-01: a sealed record under challenges/tls-alpn-01/<identifier>, read by acme_responder. */
acme_solver_t *acme_solver_tls_alpn_create(const acme_store_t *store, apr_pool_t *pool);

/** The name of the record of a tls-alpn-01 proof for @a identifier. */
char *acme_solver_tls_alpn_name(const acme_identifier_t *identifier, apr_pool_t *pool);

#endif
