/* The responder: an http-01 answer computed from a token that is ours, nothing for any other path.
 * SPDX-License-Identifier: Apache-2.0
 *
 * challenges/http-01/<token> is a sealed record of acme_solver_http: {"token":…, "thumbprint":…,
 * …}. The answer is put together here (RFC 8555 section 8.3) and never read from disk, so that
 * whoever can write there as the web user gains nothing.
 */
#include "acme/acme_responder.h"

#include <string.h>

#include "acme/acme_challenge.h"
#include "acme/acme_json.h"

#define PREFIX_LEN (sizeof(ACME_RESPONDER_HTTP_PREFIX) - 1)
/* SHA-256 in base64url */
#define THUMBPRINT_LEN 43

/* The engine has looked, and nothing is to be proved. */
static int is_quiet(const acme_bell_t *bell)
{
    return bell != NULL && atomic_load(&bell->engine_is_up) != 0 &&
           atomic_load(&bell->challenges) == 0;
}

/* The account's thumbprint under which the token was published, or NULL. */
static const char *published_thumbprint(const acme_store_t *store, const char *token,
                                        apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    json_t *proof;
    const char *path = acme_store_path(pool, "challenges", "http-01", token);
    acme_err_t *err = acme_store_get(&text, &len, store, path, pool);
    if (err == NULL && text != NULL) {
        err = acme_json_parse(&proof, text, len, path, pool);
    }
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "the CA asks for a token that cannot be read: %s", err->text);
    }
    if (err != NULL || text == NULL) {
        return NULL;
    }
    const char *thumbprint = acme_json_string(proof, "thumbprint", pool);
    return thumbprint != NULL && strlen(thumbprint) == THUMBPRINT_LEN ? thumbprint : NULL;
}

int acme_responder_http(const char **answer, const acme_store_t *store, const acme_bell_t *bell,
                        const char *path, apr_pool_t *pool)
{
    if (strncmp(path, ACME_RESPONDER_HTTP_PREFIX, PREFIX_LEN) != 0) {
        return 0;
    }
    const char *token = path + PREFIX_LEN;
    if (is_quiet(bell) || !acme_challenge_token_ok(token, strlen(token))) {
        return 0;
    }
    const char *thumbprint = published_thumbprint(store, token, pool);
    if (thumbprint == NULL) {
        return 0;
    }
    *answer = acme_challenge_key_authorization(token, thumbprint, pool);
    return 1;
}
