/* Proofs that an engine before us left published, and that no run claims.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_engine_private.h"

#include <string.h>

static int lists(const acme_solver_t *solver)
{
    return solver->list != NULL;
}

static acme_solver_t *solver_at(const acme_engine_t *engine, int i)
{
    return APR_ARRAY_IDX(engine->config.solvers, i, acme_solver_t *);
}

/* Nonzero also when it cannot be told: children go on looking then. */
static int has_published(acme_solver_t *solver, apr_pool_t *pool)
{
    apr_array_header_t *proofs;
    return lists(solver) &&
           (solver->list(&proofs, solver->baton, pool) != NULL || proofs->nelts > 0);
}

void acme_engine__find_leftovers(acme_engine_t *engine)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    for (int i = 0; i < engine->config.solvers->nelts && !engine->has_leftovers; ++i) {
        engine->has_leftovers = has_published(solver_at(engine, i), pool);
    }
    if (engine->has_leftovers) {
        acme_engine__published(engine, 1);
    }
    apr_pool_destroy(pool);
}

static int is_claimed_by(const acme_record_t *record, const acme_proof_t *proof)
{
    for (int i = 0; i < record->authorizations->nelts; ++i) {
        const acme_record_authorization_t *authorization =
            APR_ARRAY_IDX(record->authorizations, i, acme_record_authorization_t *);
        if (authorization->token != NULL && authorization->challenge_type != NULL &&
            strcmp(authorization->token, proof->token) == 0 &&
            strcmp(authorization->challenge_type, proof->type) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_claimed(const acme_engine_t *engine, const acme_proof_t *proof)
{
    for (int i = 0; i < engine->count; ++i) {
        if (engine->entries[i].run != NULL &&
            is_claimed_by(acme_issuance_record(engine->entries[i].run), proof)) {
            return 1;
        }
    }
    return 0;
}

/* Once all records were read, a proof that no run claims is nobody's. */
static acme_err_t *list_orphans(acme_engine_t *engine, acme_solver_t *solver, apr_pool_t *pool)
{
    apr_array_header_t *proofs;
    ACME_TRY(solver->list(&proofs, solver->baton, pool));
    for (int i = 0; i < proofs->nelts; ++i) {
        acme_proof_t *proof = APR_ARRAY_IDX(proofs, i, acme_proof_t *);
        if (!is_claimed(engine, proof)) {
            orphan_t *orphan = apr_array_push(engine->orphans);
            *orphan = (orphan_t){proof, solver};
        }
    }
    return NULL;
}

static void begin_sweep(acme_engine_t *engine)
{
    apr_pool_create(&engine->sweep_pool, engine->pool);
    engine->orphans = apr_array_make(engine->sweep_pool, 4, sizeof(orphan_t));
    engine->sweep_at = 0;
    for (int i = 0; i < engine->config.solvers->nelts; ++i) {
        acme_solver_t *solver = solver_at(engine, i);
        acme_err_t *err =
            lists(solver) ? list_orphans(engine, solver, engine->sweep_pool) : NULL;
        if (err != NULL) {
            acme_engine__store_trouble(engine, err);
        }
    }
}

/* Goes on withdrawing; what is gone, or cannot be withdrawn, leaves the list. */
static void withdraw_orphans(acme_engine_t *engine, apr_pool_t *pool)
{
    int kept = 0;
    apr_time_t next = ACME_ENGINE_NEVER;
    for (int i = 0; i < engine->orphans->nelts; ++i) {
        orphan_t orphan = APR_ARRAY_IDX(engine->orphans, i, orphan_t);
        int is_gone = 0;
        apr_time_t poll_at = 0;
        acme_err_t *err = orphan.solver->withdraw(&is_gone, &poll_at, orphan.solver->baton,
                                                  orphan.proof, pool);
        if (err != NULL && err->errclass == ACME_ERR_STORE) {
            acme_engine__store_trouble(engine, err);
        } else if (err != NULL) {
            acme_env_log(engine->config.env, ACME_LOG_WARNING,
                         "%s: what was published for %s by an engine before could not be "
                         "taken away: %s",
                         orphan.proof->identifier->value, orphan.proof->type, err->text);
        } else if (!is_gone) {
            APR_ARRAY_IDX(engine->orphans, kept, orphan_t) = orphan;
            ++kept;
            next = acme_engine__sooner(next, poll_at);
        }
    }
    engine->orphans->nelts = kept;
    engine->sweep_at = next;
}

static void end_sweep(acme_engine_t *engine)
{
    apr_pool_destroy(engine->sweep_pool);
    engine->sweep_pool = NULL;
    engine->orphans = NULL;
    engine->has_leftovers = 0;
    acme_engine__published(engine, -1);
}

void acme_engine__sweep(acme_engine_t *engine)
{
    if (!engine->has_leftovers || engine->unseen > 0) {
        return;
    }
    if (engine->orphans == NULL) {
        begin_sweep(engine);
    }
    if (engine->sweep_at > acme_env_now(engine->config.env)) {
        return;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->sweep_pool);
    withdraw_orphans(engine, pool);
    apr_pool_destroy(pool);
    if (engine->orphans->nelts == 0) {
        end_sweep(engine);
    }
}
