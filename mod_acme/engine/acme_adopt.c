/* Takes over what is stored under a name that is no longer configured, see acme_adopt.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Orphans are folders in live/ that no configured domain has. They are read once and indexed by the
 * names in their certificates, so that the whole is linear in the number of names.
 */
#include "acme/acme_adopt.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_domain.h"
#include "acme/acme_generation.h"
#include "acme/acme_job.h"
#include "acme/acme_policy.h"

typedef struct {
    const char *folder;
    const acme_generation_facts_t *facts;
} orphan_t;

typedef struct {
    const acme_store_t *store;
    const acme_env_t *env;
    apr_hash_t *orphans; /* name in a certificate -> apr_array_header_t of const orphan_t * */
    apr_pool_t *pool;
} adoption_t;

static void complain(const adoption_t *adoption, const char *folder, const acme_err_t *err)
{
    acme_env_log(adoption->env, ACME_LOG_WARNING, "what is stored for %s cannot be looked at: %s",
                 folder, err->text);
}

/* ---- who is without */

/* The domains that have nothing in live/. */
static apr_array_header_t *domains_without(const adoption_t *adoption,
                                           const apr_array_header_t *domains, apr_hash_t *stored)
{
    apr_array_header_t *without =
        apr_array_make(adoption->pool, 4, sizeof(const acme_domain_t *));
    for (int i = 0; i < domains->nelts; ++i) {
        const acme_domain_t *domain = APR_ARRAY_IDX(domains, i, const acme_domain_t *);
        if (apr_hash_get(stored, domain->folder, APR_HASH_KEY_STRING) == NULL) {
            APR_ARRAY_PUSH(without, const acme_domain_t *) = domain;
        }
        apr_hash_set(stored, domain->folder, APR_HASH_KEY_STRING, NULL);
    }
    return without;
}

static acme_err_t *stored_folders(apr_hash_t **stored, const adoption_t *adoption)
{
    apr_array_header_t *names;
    ACME_TRY(acme_store_list(&names, adoption->store, "live", adoption->pool));
    *stored = apr_hash_make(adoption->pool);
    for (int i = 0; i < names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        apr_hash_set(*stored, name, APR_HASH_KEY_STRING, name);
    }
    return NULL;
}

/* ---- who can help */

static void index_orphan(adoption_t *adoption, const orphan_t *orphan)
{
    const acme_generation_fact_t *fact =
        &APR_ARRAY_IDX(orphan->facts->certificates, 0, acme_generation_fact_t);
    for (int i = 0; i < fact->identifiers->nelts; ++i) {
        const char *value = APR_ARRAY_IDX(fact->identifiers, i, const acme_identifier_t *)->value;
        apr_array_header_t *list = apr_hash_get(adoption->orphans, value, APR_HASH_KEY_STRING);
        if (list == NULL) {
            list = apr_array_make(adoption->pool, 1, sizeof(const orphan_t *));
            apr_hash_set(adoption->orphans, value, APR_HASH_KEY_STRING, list);
        }
        APR_ARRAY_PUSH(list, const orphan_t *) = orphan;
    }
}

static void read_orphans(adoption_t *adoption, apr_hash_t *folders)
{
    for (apr_hash_index_t *at = apr_hash_first(adoption->pool, folders); at != NULL;
         at = apr_hash_next(at)) {
        orphan_t *orphan = apr_pcalloc(adoption->pool, sizeof(*orphan));
        orphan->folder = apr_hash_this_key(at);
        acme_generation_facts_t *facts = NULL;
        acme_err_t *err = acme_generation_facts_read(&facts, adoption->store, orphan->folder,
                                                     adoption->pool);
        if (err != NULL) {
            complain(adoption, orphan->folder, err);
        } else if (facts != NULL && facts->certificates->nelts > 0) {
            orphan->facts = facts;
            index_orphan(adoption, orphan);
        }
    }
}

static int fact_would_do(const acme_generation_fact_t *fact, const acme_domain_t *domain,
                         apr_time_t now)
{
    return fact != NULL && fact->not_after > now &&
           (fact->ca_url == NULL || acme_domain_find_ca(domain, fact->ca_url) != NULL) &&
           acme_identifiers_missing(domain->identifiers, fact->identifiers) == NULL;
}

static int would_do(const orphan_t *orphan, const acme_domain_t *domain, apr_time_t now)
{
    for (int i = 0; i < domain->key_specs->nelts; ++i) {
        const acme_key_spec_t *spec = &APR_ARRAY_IDX(domain->key_specs, i, acme_key_spec_t);
        if (!fact_would_do(acme_policy_fact(domain, orphan->facts, spec->type), domain, now)) {
            return 0;
        }
    }
    return 1;
}

static apr_time_t end_of(const orphan_t *orphan)
{
    return APR_ARRAY_IDX(orphan->facts->certificates, 0, acme_generation_fact_t).not_after;
}

static const orphan_t *best_of(const apr_array_header_t *list, const orphan_t *best,
                               const acme_domain_t *domain, apr_time_t now)
{
    for (int i = 0; list != NULL && i < list->nelts; ++i) {
        const orphan_t *orphan = APR_ARRAY_IDX(list, i, const orphan_t *);
        if (would_do(orphan, domain, now) && (best == NULL || end_of(orphan) > end_of(best))) {
            best = orphan;
        }
    }
    return best;
}

/* Whoever covers all names covers the first, by itself or by a wildcard. */
static const orphan_t *find_orphan(const adoption_t *adoption, const acme_domain_t *domain)
{
    apr_time_t now = acme_env_now(adoption->env);
    const char *name = APR_ARRAY_IDX(domain->identifiers, 0, const acme_identifier_t *)->value;
    const orphan_t *best = best_of(
        apr_hash_get(adoption->orphans, name, APR_HASH_KEY_STRING), NULL, domain, now);
    const char *dot = strchr(name, '.');
    if (dot != NULL) {
        const char *wildcard = apr_pstrcat(adoption->pool, "*", dot, NULL);
        best = best_of(apr_hash_get(adoption->orphans, wildcard, APR_HASH_KEY_STRING), best, domain,
                       now);
    }
    return best;
}

/* ---- taking over */

/* The back-off comes along: a new name of the same thing gets no fresh start. */
static acme_err_t *take_job(const adoption_t *adoption, const acme_domain_t *domain,
                            const orphan_t *orphan, apr_pool_t *pool)
{
    acme_job_t *job = acme_job_read(adoption->store, orphan->folder, pool);
    const char *words = apr_psprintf(pool, "taken over from %s", orphan->folder);
    acme_job_note(job, acme_env_now(adoption->env), "adopted", words, pool);
    return acme_job_write(adoption->store, domain->folder, domain->name, job, pool);
}

static acme_err_t *take_over(const adoption_t *adoption, const acme_domain_t *domain,
                             const orphan_t *orphan, apr_pool_t *pool)
{
    acme_generation_t *generation;
    ACME_TRY(acme_generation_read(&generation, adoption->store, orphan->folder,
                                  orphan->facts->number, pool));
    if (generation == NULL) {
        return acme_err_make(pool, ACME_ERR_STORE, "its generation %" APR_UINT64_T_FMT " is missing",
                             orphan->facts->number);
    }
    ACME_TRY(acme_generation_next(&generation->number, adoption->store, domain->folder, pool));
    ACME_TRY(take_job(adoption, domain, orphan, pool));
    ACME_TRY(acme_generation_write(adoption->store, domain->folder, generation, pool));
    acme_env_log(adoption->env, ACME_LOG_NOTICE,
                 "%s: takes the certificate over that was obtained for %s, which is no longer "
                 "configured; nothing is ordered",
                 domain->name, orphan->folder);
    return NULL;
}

static int help(const adoption_t *adoption, const acme_domain_t *domain)
{
    const orphan_t *orphan = find_orphan(adoption, domain);
    if (orphan == NULL) {
        return 0;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, adoption->pool);
    acme_err_t *err = take_over(adoption, domain, orphan, pool);
    if (err != NULL) {
        complain(adoption, orphan->folder, err);
    }
    apr_pool_destroy(pool);
    return err == NULL;
}

/* see acme_adopt.h */
int acme_adopt(const apr_array_header_t *domains, const acme_store_t *store, const acme_env_t *env,
               apr_pool_t *scratch_pool)
{
    adoption_t adoption = {.store = store, .env = env, .orphans = apr_hash_make(scratch_pool),
                           .pool = scratch_pool};
    apr_hash_t *folders;
    acme_err_t *err = stored_folders(&folders, &adoption);
    if (err != NULL) {
        complain(&adoption, "live", err);
        return 0;
    }
    apr_array_header_t *without = domains_without(&adoption, domains, folders);
    if (without->nelts == 0 || apr_hash_count(folders) == 0) {
        return 0;
    }
    read_orphans(&adoption, folders);
    int count = 0;
    for (int i = 0; i < without->nelts; ++i) {
        count += help(&adoption, APR_ARRAY_IDX(without, i, const acme_domain_t *));
    }
    return count;
}
