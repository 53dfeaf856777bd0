/* The promoter: carries certificates from live/ to root's own copy, and back where they lack.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_domain.h"
#include "acme/acme_generation.h"
#include "acme/acme_identifier.h"
#include "acme/acme_store_fs.h"
#include "acme/acme_time.h"
#include "mod_acme_domain_json.h"
#include "mod_acme_pair.h"
#include "mod_acme_promoter.h"

/* Generations that stay in archive/, the one in use included. */
#define KEEP 3

/* How far ahead of our clock a certificate may begin: CAs' and our clocks differ, days are absurd.
 */
#define AHEAD (1 * ACME_TIME_DAY)

/* So many are synced at once and then pointed to: what was carried stays carried if the time is up. */
#define BATCH 1000

typedef struct {
    const acme_store_t *store;
    const char *base;
    apr_array_header_t *archived; /* archived_t, of this pass */
    int waiting;                  /* domains of which something could not be carried */
} pass_t;

typedef struct {
    const acme_domain_t *domain;
    apr_uint64_t number;
} archived_t;

static int covers_a_name(const acme_chain_t *chain, const acme_domain_t *domain)
{
    for (int i = 0; i < chain->identifiers->nelts; i++) {
        const acme_identifier_t *outer =
            APR_ARRAY_IDX(chain->identifiers, i, const acme_identifier_t *);
        for (int k = 0; k < domain->identifiers->nelts; k++) {
            if (acme_identifier_covers(
                    outer, APR_ARRAY_IDX(domain->identifiers, k, const acme_identifier_t *))) {
                return 1;
            }
        }
    }
    return 0;
}

static acme_err_t *check_chain(const acme_chain_t *chain, const acme_domain_t *domain,
                               const acme_env_t *env, apr_pool_t *pool)
{
    if (!covers_a_name(chain, domain)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "The certificate with serial %s is for none of the domain's names",
                             chain->serial);
    }
    if (chain->not_after <= chain->not_before || chain->not_before > acme_env_now(env) + AHEAD) {
        return acme_err_make(
            pool, ACME_ERR_INPUT,
            "The certificate with serial %s begins in the future or ends before it "
            "begins (or the clock of this machine is wrong)",
            chain->serial);
    }
    return NULL;
}

static acme_err_t *check_generation(const acme_generation_t *generation,
                                    const acme_domain_t *domain, const acme_env_t *env,
                                    apr_pool_t *pool)
{
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        ACME_TRY(acme_chain_fits_key(certificate->chain, certificate->key, pool));
        ACME_TRY(check_chain(certificate->chain, domain, env, pool));
    }
    return NULL;
}

static void push_file(apr_array_header_t *files, const char *name, const char *text)
{
    const acme_store_fs_file_t file = {name, text, strlen(text)};
    APR_ARRAY_PUSH(files, acme_store_fs_file_t) = file;
}

static acme_err_t *generation_files(apr_array_header_t **result, const acme_domain_t *domain,
                                    const acme_generation_t *generation, apr_pool_t *pool)
{
    apr_array_header_t *files = apr_array_make(pool, 5, sizeof(acme_store_fs_file_t));
    push_file(files, "domain.json", mod_acme_domain_json_write(domain, generation, pool));
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        const char *suffix = acme_key_type_suffix(certificate->type);
        char *key = NULL;
        ACME_TRY(acme_key_pem(&key, certificate->key, pool));
        push_file(files, apr_pstrcat(pool, "pubcert", suffix, ".pem", NULL),
                  certificate->chain->pem);
        push_file(files, apr_pstrcat(pool, "privkey", suffix, ".pem", NULL), key);
    }
    *result = files;
    return NULL;
}

/* live/ -> archive/; nothing points to it yet. */
static acme_err_t *archive(pass_t *pass, const acme_domain_t *domain, apr_uint64_t number,
                           apr_pool_t *pool)
{
    acme_generation_t *generation = NULL;
    apr_array_header_t *files = NULL;
    ACME_TRY(acme_generation_read(&generation, pass->store, domain->folder, number, pool));
    if (generation == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "Generation %" APR_UINT64_T_FMT
                             " is not there or was not sealed by this server",
                             number);
    }
    ACME_TRY(check_generation(generation, domain, pass->store->env, pool));
    ACME_TRY(generation_files(&files, domain, generation, pool));
    ACME_TRY(acme_store_fs_archive(pass->store, domain->folder, number, files, pool));
    const archived_t archived = {domain, number};
    APR_ARRAY_PUSH(pass->archived, archived_t) = archived;
    return NULL;
}

/* What domains/<folder> holds, as a generation of @a number; NULL if it holds nothing valid. */
static acme_generation_t *read_own_copy(const pass_t *pass, const acme_domain_t *domain,
                                        apr_uint64_t number, apr_pool_t *pool)
{
    const acme_env_t *env = pass->store->env;
    acme_err_t *err = NULL;
    const char *folder = apr_pstrcat(pool, pass->base, "/domains/", domain->folder, NULL);
    const apr_array_header_t *pairs = mod_acme_pair_list(&err, folder, pool);
    if (pairs->nelts == 0) {
        return NULL; /* what is wrong with it is said where mod_ssl gets its files */
    }
    char *json = NULL;
    apr_size_t json_len = 0;
    (void)acme_store_get(&json, &json_len, pass->store,
                         acme_store_path(pool, "domains", domain->folder, "domain.json"), pool);
    apr_array_header_t *certificates =
        apr_array_make(pool, pairs->nelts, sizeof(acme_generation_certificate_t));
    for (int i = 0; i < pairs->nelts; i++) {
        const mod_acme_pair_t *pair = APR_ARRAY_IDX(pairs, i, const mod_acme_pair_t *);
        if (check_chain(pair->chain, domain, env, pool) == NULL &&
            pair->chain->not_after > acme_env_now(env)) {
            acme_generation_certificate_t *certificate =
                &APR_ARRAY_PUSH(certificates, acme_generation_certificate_t);
            *certificate = (acme_generation_certificate_t){
                .type = pair->chain->key_type, .chain = pair->chain, .key = pair->key};
            if (json != NULL) {
                mod_acme_domain_json_origin(certificate, json, json_len, pool);
            }
        }
    }
    acme_generation_t *generation = apr_pcalloc(pool, sizeof(*generation));
    generation->number = number;
    generation->made = acme_env_now(env);
    generation->certificates = certificates;
    return certificates->nelts > 0 ? generation : NULL;
}

/* Nonzero if @a generation lives longer than what the facts tell of. */
static int is_newer(const acme_generation_t *generation, const acme_generation_facts_t *facts)
{
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        const acme_generation_fact_t *fact = acme_generation_fact(facts, certificate->type);
        if (fact == NULL || fact->not_after < certificate->chain->not_after) {
            return 1;
        }
    }
    return 0;
}

/* domains/ -> live/, if it is newer there; *facts then tell of it. */
static acme_err_t *give(pass_t *pass, const acme_domain_t *domain, apr_uint64_t pointed,
                        acme_generation_facts_t **facts, apr_pool_t *pool)
{
    apr_uint64_t live = *facts != NULL ? (*facts)->number : 0;
    if (pointed != 0 && pointed <= live) {
        return NULL;
    }
    /* a real folder has no number: it was laid there by hand and becomes the next generation */
    acme_generation_t *generation =
        read_own_copy(pass, domain, pointed != 0 ? pointed : live + 1, pool);
    if (generation == NULL || (pointed == 0 && *facts != NULL && !is_newer(generation, *facts))) {
        return NULL;
    }
    ACME_TRY(acme_generation_write(pass->store, domain->folder, generation, pool));
    acme_env_log(pass->store->env, ACME_LOG_NOTICE,
                 "%s: the certificate found in domains/ is taken into use as generation "
                 "%" APR_UINT64_T_FMT,
                 domain->name, generation->number);
    return acme_generation_facts_read(facts, pass->store, domain->folder, pool);
}

static acme_err_t *carry(pass_t *pass, const acme_domain_t *domain, apr_pool_t *pool)
{
    acme_generation_facts_t *facts = NULL;
    ACME_TRY(acme_generation_facts_read(&facts, pass->store, domain->folder, pool));
    apr_uint64_t pointed = acme_store_fs_pointed(pass->store, domain->folder, pool);
    ACME_TRY(give(pass, domain, pointed, &facts, pool));
    if (facts == NULL || facts->number <= pointed) {
        return NULL;
    }
    return archive(pass, domain, facts->number, pool);
}

static void complain(pass_t *pass, const acme_domain_t *domain, const acme_err_t *err)
{
    pass->waiting++;
    acme_env_log(pass->store->env, ACME_LOG_ERROR,
                 "%s: the certificate in live/ was not copied to domains/, which keeps the one "
                 "before; it is tried again: %s",
                 domain->name, err->text);
}

static void point_all(pass_t *pass, apr_pool_t *pool)
{
    apr_pool_t *iteration = NULL;
    apr_pool_create(&iteration, pool);
    for (int i = 0; i < pass->archived->nelts; i++) {
        apr_pool_clear(iteration);
        const archived_t *archived = &APR_ARRAY_IDX(pass->archived, i, archived_t);
        const acme_domain_t *domain = archived->domain;
        acme_err_t *err =
            acme_store_fs_point(pass->store, domain->folder, archived->number, iteration);
        if (err != NULL) {
            complain(pass, domain, err);
            continue;
        }
        acme_store_fs_prune(pass->store, domain->folder, KEEP, iteration);
        acme_env_log(pass->store->env, ACME_LOG_INFO,
                     "%s: domains/ has generation %" APR_UINT64_T_FMT, domain->name,
                     archived->number);
    }
    apr_pool_destroy(iteration);
    acme_err_t *err = acme_store_fs_sync(pass->store, pool);
    if (err != NULL) {
        acme_env_log(pass->store->env, ACME_LOG_WARNING, "%s", err->text);
    }
}

/* What was archived gets on the disk, and is pointed to. */
static void finish_batch(pass_t *pass, apr_pool_t *pool)
{
    if (pass->archived->nelts == 0) {
        return;
    }
    acme_err_t *err = acme_store_fs_sync(pass->store, pool);
    if (err == NULL) {
        point_all(pass, pool);
    }
    else {
        pass->waiting += pass->archived->nelts;
        acme_env_log(pass->store->env, ACME_LOG_ERROR,
                     "Certificates were not copied to domains/, which keeps those before; it is "
                     "tried again: %s",
                     err->text);
    }
    apr_array_clear(pass->archived);
}

/* see mod_acme_promoter.h */
int mod_acme_promoter_run(const acme_store_t *store, const char *base,
                          const apr_array_header_t *domains, apr_pool_t *scratch_pool)
{
    pass_t pass = {store, base, apr_array_make(scratch_pool, 16, sizeof(archived_t)), 0};
    apr_pool_t *iteration = NULL;
    apr_pool_create(&iteration, scratch_pool);
    for (int i = 0; i < domains->nelts; i++) {
        apr_pool_clear(iteration);
        const acme_domain_t *domain = APR_ARRAY_IDX(domains, i, const acme_domain_t *);
        acme_err_t *err = carry(&pass, domain, iteration);
        if (err != NULL) {
            complain(&pass, domain, err);
        }
        if (pass.archived->nelts >= BATCH) {
            finish_batch(&pass, iteration);
        }
    }
    finish_batch(&pass, iteration);
    apr_pool_destroy(iteration);
    return pass.waiting;
}
