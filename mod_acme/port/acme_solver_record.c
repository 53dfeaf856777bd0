/* Solvers that publish by writing a sealed record: what http-01 and tls-alpn-01 share.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_solver_record.h"

#include "acme/acme_time.h"

typedef struct {
    const char *type;
    acme_solver__record_name_fn *name;
    const acme_store_t *store;
} baton_t;

static acme_err_t *publish(void *data, const acme_proof_t *proof, apr_pool_t *pool)
{
    const baton_t *baton = data;
    ACME_TRY(acme_proof_check_token(proof, pool));
    return acme_proof_write(baton->store, baton->name(proof, pool), proof, pool);
}

/* *is_there says whether the record that stands where @a proof's would is @a proof's. */
static acme_err_t *look(int *is_there, const baton_t *baton, const acme_proof_t *proof,
                        apr_pool_t *pool)
{
    acme_proof_t *found;
    acme_err_t *err =
        acme_proof_read(&found, baton->store, baton->type, baton->name(proof, pool), pool);
    *is_there = found != NULL && acme_proof_equal(found, proof);
    return err != NULL && err->errclass == ACME_ERR_INPUT ? NULL : err;
}

static acme_err_t *visible(int *is_visible, apr_time_t *poll_at, void *data,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    const baton_t *baton = data;
    *is_visible = 0;
    *poll_at = 0;
    ACME_TRY(acme_proof_check_token(proof, pool));
    ACME_TRY(look(is_visible, baton, proof, pool));
    if (*is_visible) {
        return NULL;
    }
    *poll_at = acme_env_now(baton->store->env) + ACME_TIME_SECOND;
    return publish(data, proof, pool);
}

/* A newer proof of the same name stays. */
static acme_err_t *withdraw(int *is_gone, apr_time_t *poll_at, void *data,
                            const acme_proof_t *proof, apr_pool_t *pool)
{
    const baton_t *baton = data;
    int is_there;
    *is_gone = 1;
    *poll_at = 0;
    if (acme_proof_check_token(proof, pool) != NULL) {
        return NULL; /* it never was published */
    }
    ACME_TRY(look(&is_there, baton, proof, pool));
    return is_there ? acme_proof_remove(baton->store, baton->type, baton->name(proof, pool), pool)
                    : NULL;
}

static acme_err_t *list(apr_array_header_t **proofs, void *data, apr_pool_t *pool)
{
    const baton_t *baton = data;
    return acme_proof_list(proofs, baton->store, baton->type, pool);
}

/* see acme_solver_record.h */
acme_solver_t *acme_solver__record_create(const char *type, acme_solver__record_name_fn *name,
                                          const acme_store_t *store, apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    *baton = (baton_t){.type = type, .name = name, .store = store};
    acme_solver_t *solver = apr_pcalloc(pool, sizeof(*solver));
    *solver = (acme_solver_t){.type = type,
                              .baton = baton,
                              .publish = publish,
                              .visible = visible,
                              .withdraw = withdraw,
                              .list = list};
    return solver;
}
