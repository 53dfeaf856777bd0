/* The responder: answers computed from proofs that are ours, nothing for anybody else.
 * SPDX-License-Identifier: Apache-2.0
 *
 * challenges/http-01/<token> and challenges/tls-alpn-01/<identifier> are sealed records of our
 * solvers. The answer is put together here (RFC 8555 section 8.3, RFC 8737 section 3) and never
 * read from disk, so that whoever can write there as the web user gains nothing.
 */
#include "acme/acme_responder.h"

#include <string.h>

#include "acme/acme_challenge.h"
#include "acme/acme_solver.h"

#define PREFIX_LEN (sizeof(ACME_RESPONDER_HTTP_PREFIX) - 1)
/* SHA-256 in base64url */
#define THUMBPRINT_LEN 43

static int is_quiet(const acme_bell_t *bell)
{
    return bell != NULL && acme_bell_is_quiet(bell);
}

/* The proof that was published as @a name, or NULL. */
static const acme_proof_t *published(const acme_store_t *store, const char *type, const char *name,
                                     apr_pool_t *pool)
{
    acme_proof_t *proof;
    acme_err_t *err = acme_proof_read(&proof, store, type, name, pool);
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "the CA asks for a proof (%s) that cannot be read: %s", type, err->text);
        return NULL;
    }
    return proof != NULL && strlen(proof->thumbprint) == THUMBPRINT_LEN ? proof : NULL;
}

/* The domain that has @a host, or NULL. */
static const acme_domain_t *domain_of(const acme_responder_t *responder, const char *host)
{
    char name[ACME_IDENTIFIER_MAX + 2];
    apr_size_t len = responder->index != NULL && host != NULL
                         ? acme_identifier_fold(name, sizeof(name), host, strlen(host))
                         : 0;
    return len > 0 ? acme_domain_index_find(responder->index, name, len) : NULL;
}

/* The thumbprint that is published for @a token, or NULL. */
static const char *thumbprint_published(const acme_responder_t *responder, const char *token,
                                        const acme_domain_t *asked, apr_pool_t *pool)
{
    if (is_quiet(responder->bell)) {
        return NULL;
    }
    const acme_proof_t *proof = published(responder->store, "http-01", token, pool);
    if (proof == NULL) {
        return NULL;
    }
    const acme_domain_t *meant = domain_of(responder, proof->identifier->value);
    return asked == NULL || meant == NULL || asked == meant ? proof->thumbprint : NULL;
}

/* The thumbprint for whatever token is asked for of @a asked, or NULL. */
static const char *thumbprint_of(const acme_responder_t *responder, const char *token,
                                 const acme_domain_t *asked)
{
    if (responder->thumbprints == NULL || asked == NULL ||
        strlen(token) < ACME_RESPONDER_STATELESS_MIN) {
        return NULL;
    }
    return acme_thumbprint_cache_find(responder->thumbprints, asked->ca);
}

/* see acme_responder.h */
int acme_responder_http(const char **answer, const acme_responder_t *responder, const char *host,
                        const char *path, apr_pool_t *pool)
{
    if (strncmp(path, ACME_RESPONDER_HTTP_PREFIX, PREFIX_LEN) != 0) {
        return 0;
    }
    const char *token = path + PREFIX_LEN;
    if (!acme_challenge_token_ok(token, strlen(token))) {
        return 0;
    }
    const acme_domain_t *asked = domain_of(responder, host);
    const char *thumbprint = thumbprint_published(responder, token, asked, pool);
    thumbprint = thumbprint != NULL ? thumbprint : thumbprint_of(responder, token, asked);
    if (thumbprint == NULL) {
        return 0;
    }
    *answer = acme_challenge_key_authorization(token, thumbprint, pool);
    return 1;
}

/* What a CA that sends @a sni wants to be proved, or NULL. */
static const acme_identifier_t *asked_for(const char *sni, apr_pool_t *pool)
{
    char *name = apr_palloc(pool, ACME_IDENTIFIER_MAX + 1);
    if (acme_identifier_fold(name, ACME_IDENTIFIER_MAX + 1, sni, strlen(sni)) == 0) {
        return NULL;
    }
    acme_identifier_t *identifier = acme_identifier_of_reverse(name, pool);
    if (identifier == NULL) {
        identifier = apr_pcalloc(pool, sizeof(*identifier));
        identifier->type = ACME_IDENTIFIER_DNS;
        identifier->value = name;
    }
    return identifier;
}

/* see acme_responder.h */
int acme_responder_tls_alpn(acme_responder_tls_alpn_t *answer, const acme_store_t *store,
                            const acme_bell_t *bell, const char *sni, apr_pool_t *pool)
{
    const acme_identifier_t *identifier = is_quiet(bell) ? NULL : asked_for(sni, pool);
    if (identifier == NULL) {
        return 0;
    }
    const acme_proof_t *proof =
        published(store, "tls-alpn-01", acme_solver_tls_alpn_name(identifier, pool), pool);
    if (proof == NULL || acme_identifier_compare(proof->identifier, identifier) != 0 ||
        !acme_challenge_token_ok(proof->token, strlen(proof->token))) {
        return 0;
    }
    const char *text = acme_challenge_key_authorization(proof->token, proof->thumbprint, pool);
    acme_digest_sha256(answer->digest, text, strlen(text));
    answer->identifier = proof->identifier;
    return 1;
}
