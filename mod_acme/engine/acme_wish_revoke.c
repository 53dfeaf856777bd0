/* The wish to revoke: certificates in use, one after the other, marked so that they are replaced.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Which certificates are meant is written into the wish before the CA hears of it, so that after a
 * crash the same ones are revoked, and never those that have replaced them meanwhile. One that the
 * CA has revoked already counts as revoked: the answer before may have been lost.
 */
#include "acme_wish_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_certificate.h"
#include "acme/acme_generation.h"
#include "acme/acme_json.h"
#include "acme/acme_revocation.h"
#include "acme/acme_text.h"

#define CERTIFICATES "certificates"
#define CERTIFICATES_MAX 8

struct acme_wish_revocation_t {
    apr_pool_t *pool; /* of one attempt */
    const acme_domain_t *domain;
    int reason;
    int is_by_certificate;
    json_t *object;                  /* the wish */
    const apr_array_header_t *meant; /* fingerprints; empty: all in use, when it begins */
    int has_begun;                   /* `meant` is what was in use then */
    acme_generation_t *generation;
    int next;  /* its certificate that is to be revoked next */
    int count; /* revoked in this attempt */
};

static const acme_domain_t *find_domain(const acme_wish_host_t *host, const char *name)
{
    for (int i = 0; name != NULL && i < host->domains->nelts; ++i) {
        const acme_domain_t *domain = APR_ARRAY_IDX(host->domains, i, const acme_domain_t *);
        if (strcmp(domain->name, name) == 0) {
            return domain;
        }
    }
    return NULL;
}

static acme_err_t *read_words(acme_wish_revocation_t *revocation, const json_t *object,
                              apr_pool_t *pool)
{
    const char *reason = acme_json_string(object, "reason", pool);
    const char *key = acme_json_string(object, "key", pool);
    if (reason != NULL && acme_revocation_reason_parse(&revocation->reason, reason) != 0) {
        return acme_err_make(pool, ACME_ERR_INPUT, "the reason '%s' is none of %s",
                             acme_text_clean(reason, 100, pool), acme_revocation_reasons(pool));
    }
    revocation->is_by_certificate = key != NULL && strcmp(key, "certificate") == 0;
    if (key != NULL && !revocation->is_by_certificate && strcmp(key, "account") != 0) {
        return acme_err_make(pool, ACME_ERR_INPUT, "the key is neither account nor certificate");
    }
    revocation->meant = acme_json_strings(object, CERTIFICATES, CERTIFICATES_MAX, pool);
    revocation->has_begun = acme_json_bool(object, "begun", 0);
    return NULL;
}

static acme_err_t *read_wish(acme_wish_t *wish, json_t *object)
{
    acme_wish_revocation_t *revocation = apr_pcalloc(wish->pool, sizeof(*revocation));
    const char *name = acme_json_string(object, "domain", wish->pool);
    revocation->domain = find_domain(wish->host, name);
    if (revocation->domain == NULL) {
        return acme_err_make(wish->pool, ACME_ERR_INPUT,
                             "there is no domain '%s' in the configuration",
                             acme_text_clean(name, 260, wish->pool));
    }
    revocation->object = object;
    wish->revocation = revocation;
    wish->about = revocation->domain->name;
    return read_words(revocation, object, wish->pool);
}

static acme_err_t *read_generation(acme_wish_t *wish)
{
    acme_wish_revocation_t *revocation = wish->revocation;
    const acme_store_t *store = wish->host->store;
    const char *folder = revocation->domain->folder;
    acme_generation_facts_t *facts;
    ACME_TRY(acme_generation_facts_read(&facts, store, folder, revocation->pool));
    if (facts != NULL) {
        ACME_TRY(acme_generation_read(&revocation->generation, store, folder, facts->number,
                                      revocation->pool));
    }
    return revocation->generation != NULL
               ? NULL
               : acme_err_make(revocation->pool, ACME_ERR_CONFIG, "it has no certificate");
}

/* ---- one certificate after the other ---- */

static void go_on(acme_wish_t *wish);

static void end(acme_wish_t *wish, const acme_err_t *err)
{
    if (wish->revocation->count > 0) {
        wish->host->look(wish->host->baton, wish->revocation->domain);
    }
    acme_wish__end(wish, err);
}

static const acme_generation_certificate_t *current(const acme_wish_revocation_t *revocation)
{
    return &APR_ARRAY_IDX(revocation->generation->certificates, revocation->next,
                          acme_generation_certificate_t);
}

static void hear(void *baton, const acme_answer_t *answer)
{
    acme_wish_t *wish = baton;
    acme_wish_revocation_t *revocation = wish->revocation;
    const acme_chain_t *chain = current(revocation)->chain;
    if (answer->err != NULL &&
        !(answer->problem != NULL && acme_problem_is(answer->problem, "alreadyRevoked"))) {
        end(wish, answer->err);
        return;
    }
    acme_env_log(wish->host->env, ACME_LOG_NOTICE,
                 "%s: the certificate with serial %s is revoked; it is replaced at once",
                 wish->about, chain->serial);
    acme_err_t *err =
        acme_generation_revoked(wish->host->store, revocation->domain->folder, chain->sha256,
                                acme_env_now(wish->host->env), revocation->pool);
    ++revocation->count;
    ++revocation->next;
    if (err != NULL) {
        end(wish, err); /* asked for again, the CA says that it is revoked already */
        return;
    }
    go_on(wish);
}

static int is_among(const apr_array_header_t *words, const char *word)
{
    for (int i = 0; i < words->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(words, i, const char *), word) == 0) {
            return 1;
        }
    }
    return 0;
}

static acme_err_t *ask(acme_wish_t *wish)
{
    acme_wish_revocation_t *revocation = wish->revocation;
    const acme_generation_certificate_t *certificate = current(revocation);
    const char *ca =
        certificate->ca_url != NULL ? certificate->ca_url : revocation->domain->ca->directory_url;
    acme_session_t *session = wish->host->session(wish->host->baton, ca);
    unsigned char *der;
    apr_size_t len;
    if (session == NULL) {
        return acme_err_make(revocation->pool, ACME_ERR_CONFIG,
                             "its certificate is from %s, which no domain uses any more", ca);
    }
    ACME_TRY(acme_chain_leaf_der(&der, &len, certificate->chain, revocation->pool));
    const acme_request_t request = {
        .kind = ACME_REQUEST_REVOKE,
        .doing = apr_psprintf(revocation->pool, "revoking the certificate of %s", wish->about),
        .payload = acme_revocation_request(der, len, revocation->reason, revocation->pool),
        .key = revocation->is_by_certificate ? certificate->key : NULL,
        .hear = hear,
        .baton = wish};
    (void)acme_session_ask(session, &request); /* forgotten with the session, never withdrawn */
    return NULL;
}

static void go_on(acme_wish_t *wish)
{
    acme_wish_revocation_t *revocation = wish->revocation;
    int count = revocation->generation->certificates->nelts;
    while (revocation->next < count &&
           !is_among(revocation->meant, current(revocation)->chain->sha256)) {
        ++revocation->next;
    }
    acme_err_t *err = revocation->next < count ? ask(wish) : NULL;
    if (err != NULL || revocation->next >= count) {
        end(wish, err);
    }
}

/* Those in use, as far as they were named, or all. */
static apr_array_header_t *choose(const acme_wish_revocation_t *revocation, apr_pool_t *pool)
{
    const apr_array_header_t *certificates = revocation->generation->certificates;
    apr_array_header_t *chosen = apr_array_make(pool, certificates->nelts, sizeof(const char *));
    for (int i = 0; i < certificates->nelts; ++i) {
        const char *sha256 =
            APR_ARRAY_IDX(certificates, i, acme_generation_certificate_t).chain->sha256;
        if (revocation->meant->nelts == 0 || is_among(revocation->meant, sha256)) {
            APR_ARRAY_PUSH(chosen, const char *) = apr_pstrdup(pool, sha256);
        }
    }
    return chosen;
}

static acme_err_t *write_meant(acme_wish_t *wish)
{
    acme_wish_revocation_t *revocation = wish->revocation;
    apr_array_header_t *chosen = choose(revocation, wish->pool);
    if (chosen->nelts == 0) {
        return acme_err_make(
            revocation->pool, ACME_ERR_CONFIG,
            "it has no certificate with the fingerprint %s in use",
            acme_text_clean(acme_text_join(revocation->meant, ", ", wish->pool), 200, wish->pool));
    }
    acme_json_set_strings(revocation->object, CERTIFICATES, chosen);
    acme_json_set_bool(revocation->object, "begun", 1);
    ACME_TRY(acme_wish__write(wish, revocation->object));
    revocation->meant = chosen;
    revocation->has_begun = 1;
    return NULL;
}

static int begin(acme_wish_t *wish)
{
    acme_wish_revocation_t *revocation = wish->revocation;
    if (revocation->pool == NULL) {
        apr_pool_create(&revocation->pool, wish->pool);
    }
    apr_pool_clear(revocation->pool);
    revocation->generation = NULL;
    revocation->next = revocation->count = 0;
    acme_err_t *err = read_generation(wish);
    if (err == NULL && !revocation->has_begun) {
        err = write_meant(wish);
    }
    if (err != NULL) {
        end(wish, err);
    }
    else {
        go_on(wish);
    }
    return 1;
}

const acme_wish_kind_t acme_wish__revoke = {"revoke", read_wish, begin};
