/* http-01: the token as a sealed record in the store, for the children to answer with.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The record says what the answer is made of, never the answer itself; acme_responder reads it.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <jansson.h>

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

static char *place(const acme_proof_t *proof, apr_pool_t *pool)
{
    return acme_store_path(pool, "challenges", TYPE, proof->token);
}

static const char *type_name(const acme_identifier_t *identifier)
{
    return identifier->type == ACME_IDENTIFIER_IP ? "ip" : "dns";
}

static acme_err_t *write_record(char **text, const acme_proof_t *proof, apr_pool_t *pool)
{
    json_t *record =
        json_pack("{s:i, s:s, s:s, s:{s:s, s:s}, s:s}", "version", 1, "type", TYPE, "token",
                  proof->token, "identifier", "type", type_name(proof->identifier), "value",
                  proof->identifier->value, "thumbprint", proof->thumbprint);
    char *dumped = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (dumped == NULL) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: the " TYPE " record cannot be written",
                             proof->identifier->value);
    }
    *text = apr_pstrdup(pool, dumped);
    free(dumped);
    return NULL;
}

static acme_err_t *publish(void *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    char *text;
    ACME_TRY(check_token(proof, pool));
    ACME_TRY(write_record(&text, proof, pool));
    return acme_store_put(baton, place(proof, pool), text, strlen(text), pool);
}

/* What the store has, every child sees; what somebody removed meanwhile is published once more. */
static acme_err_t *visible(int *is_visible, apr_time_t *poll_at, void *baton,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    const acme_store_t *store = baton;
    char *found;
    apr_size_t len;
    *is_visible = 0;
    *poll_at = 0;
    ACME_TRY(check_token(proof, pool));
    ACME_TRY(acme_store_get(&found, &len, store, place(proof, pool), pool));
    char *wanted;
    ACME_TRY(write_record(&wanted, proof, pool));
    if (found != NULL && strcmp(found, wanted) == 0) {
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
    return acme_store_del(baton, place(proof, pool), pool);
}

/* see acme_solver.h */
acme_solver_t *acme_solver_http_create(const acme_store_t *store, apr_pool_t *pool)
{
    acme_solver_t *solver = apr_pcalloc(pool, sizeof *solver);
    *solver = (acme_solver_t){.type = TYPE,
                              .baton = (void *)store, /* the verbs take it as const again */
                              .publish = publish,
                              .visible = visible,
                              .withdraw = withdraw};
    return solver;
}
