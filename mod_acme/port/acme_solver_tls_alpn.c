/* tls-alpn-01: what to prove as a sealed record in the store, for the children to answer handshakes with.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The record's name is the identifier, since that is all a handshake tells (RFC 8737 section 3). No key
 * and no certificate is kept: the child that is asked makes both, of the kind that the handshake needs.
 */
#include <string.h>

#include "acme/acme_digest.h"
#include "acme/acme_solver.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define TYPE "tls-alpn-01"
#define TOKEN_MAX 200

/* see acme_solver.h */
char *acme_solver_tls_alpn_name(const acme_identifier_t *identifier, apr_pool_t *pool)
{
    return acme_identifier_folder(
        identifier, acme_digest_hex(identifier->value, strlen(identifier->value), pool), pool);
}

/* RFC 8555 section 8.1: it becomes part of what is hashed. */
static acme_err_t *check(const acme_proof_t *proof, apr_pool_t *pool)
{
    size_t len = strlen(proof->token);
    if (len == 0 || len > TOKEN_MAX) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "%s: the CA's " TYPE " token \"%s\" is empty or too long",
                             proof->identifier->value, acme_text_clean(proof->token, 100, pool));
    }
    return NULL;
}

static acme_err_t *publish(void *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    ACME_TRY(check(proof, pool));
    return acme_proof_write(baton, acme_solver_tls_alpn_name(proof->identifier, pool), proof, pool);
}

/* *is_there says whether the record of the identifier is that of @a proof. */
static acme_err_t *look(int *is_there, const acme_store_t *store, const acme_proof_t *proof,
                        apr_pool_t *pool)
{
    acme_proof_t *found;
    const char *name = acme_solver_tls_alpn_name(proof->identifier, pool);
    acme_err_t *err = acme_proof_read(&found, store, TYPE, name, pool);
    *is_there = found != NULL && acme_proof_equal(found, proof);
    return err != NULL && err->errclass == ACME_ERR_INPUT ? NULL : err;
}

/* What the store has, every child sees; what somebody removed meanwhile is published once more. */
static acme_err_t *visible(int *is_visible, apr_time_t *poll_at, void *baton,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    const acme_store_t *store = baton;
    *poll_at = 0;
    ACME_TRY(look(is_visible, store, proof, pool));
    if (*is_visible) {
        return NULL;
    }
    *poll_at = acme_env_now(store->env) + ACME_TIME_SECOND;
    return publish(baton, proof, pool);
}

/* A newer proof for the same identifier stays. */
static acme_err_t *withdraw(int *is_gone, apr_time_t *poll_at, void *baton,
                            const acme_proof_t *proof, apr_pool_t *pool)
{
    int is_there;
    *is_gone = 1;
    *poll_at = 0;
    ACME_TRY(look(&is_there, baton, proof, pool));
    return is_there ? acme_proof_remove(baton, TYPE,
                                        acme_solver_tls_alpn_name(proof->identifier, pool), pool)
                    : NULL;
}

static acme_err_t *list(apr_array_header_t **proofs, void *baton, apr_pool_t *pool)
{
    return acme_proof_list(proofs, baton, TYPE, pool);
}

/* see acme_solver.h */
acme_solver_t *acme_solver_tls_alpn_create(const acme_store_t *store, apr_pool_t *pool)
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
