/* http-01: the token as a sealed record in the store, for the children to answer with.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The record says what the answer is made of, never the answer itself; acme_responder reads it.
 */
#include <string.h>

#include "acme/acme_solver.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define TYPE "http-01"
#define TOKEN_MAX 200

/* RFC 8555 section 8.3: base64url without padding. It becomes a file name and part of a URL. */
static acme_err_t *check_token(const acme_proof_t *proof, apr_pool_t *pool)
{
    size_t len = strlen(proof->token);
    if (len == 0 || len > TOKEN_MAX ||
        strspn(proof->token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
            len) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "%s: the CA's " TYPE " token \"%s\" is not base64url of at most %d "
                             "characters",
                             proof->identifier->value, acme_text_clean(proof->token, 100, pool),
                             TOKEN_MAX);
    }
    return NULL;
}

static acme_err_t *publish(void *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    ACME_TRY(check_token(proof, pool));
    return acme_proof_write(baton, proof->token, proof, pool);
}

/* What the store has, every child sees; what somebody removed meanwhile is published once more. */
static acme_err_t *visible(int *is_visible, apr_time_t *poll_at, void *baton,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    const acme_store_t *store = baton;
    acme_proof_t *found;
    *is_visible = 0;
    *poll_at = 0;
    ACME_TRY(check_token(proof, pool));
    acme_err_t *err = acme_proof_read(&found, store, TYPE, proof->token, pool);
    if (err != NULL && err->errclass != ACME_ERR_INPUT) {
        return err;
    }
    if (found != NULL && acme_proof_equal(found, proof)) {
        *is_visible = 1;
        return NULL;
    }
    *poll_at = acme_env_now(store->env) + ACME_TIME_SECOND;
    return publish(baton, proof, pool);
}

static acme_err_t *withdraw(int *is_gone, apr_time_t *poll_at, void *baton,
                            const acme_proof_t *proof, apr_pool_t *pool)
{
    *is_gone = 1;
    *poll_at = 0;
    if (check_token(proof, pool) != NULL) {
        return NULL; /* it never was published */
    }
    return acme_proof_remove(baton, TYPE, proof->token, pool);
}

static acme_err_t *list(apr_array_header_t **proofs, void *baton, apr_pool_t *pool)
{
    return acme_proof_list(proofs, baton, TYPE, pool);
}

/* see acme_solver.h */
acme_solver_t *acme_solver_http_create(const acme_store_t *store, apr_pool_t *pool)
{
    acme_solver_t *solver = apr_pcalloc(pool, sizeof *solver);
    *solver = (acme_solver_t){.type = TYPE,
                              .baton = (void *)store, /* the verbs take it as const again */
                              .publish = publish,
                              .visible = visible,
                              .withdraw = withdraw,
                              .list = list};
    return solver;
}
