/* http-01: the token as a sealed record in the store, for the children to answer with.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The record says what the answer is made of, never the answer itself; acme_responder reads it.
 */
#include "acme_solver_record.h"

static const char *name_of(const acme_proof_t *proof, apr_pool_t *pool)
{
    (void)pool;
    return proof->token;
}

/* see acme_solver.h */
acme_solver_t *acme_solver_http_create(const acme_store_t *store, apr_pool_t *pool)
{
    return acme_solver__record_create("http-01", name_of, store, pool);
}
