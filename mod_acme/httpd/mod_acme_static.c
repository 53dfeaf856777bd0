/* Reads the administrator's own certificates, see mod_acme_static.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <httpd.h>
#include <http_log.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_certificate.h"
#include "acme/acme_time.h"
#include "mod_acme_pair.h"
#include "mod_acme_static.h"

APLOG_USE_MODULE(acme);

struct mod_acme_static_t {
    int is_spoilt; /* a host has none, or one that does not count */
    apr_hash_t *seen; /* paths that were read: several hosts may have the same */
    apr_array_header_t *facts; /* acme_generation_fact_t */
};

/* NULL if the certificate counts, else why not. */
static const char *objection(const acme_chain_t *chain, const acme_domain_t *domain, apr_time_t now,
                             apr_pool_t *pool)
{
    if (chain->is_self_signed) {
        return "it is self-signed";
    }
    if (strstr(chain->issuer_name, "(STAGING)") != NULL) {
        return "a test CA made it";
    }
    acme_err_t *err = acme_chain_fits_names(chain, domain->identifiers, pool);
    if (err == NULL) {
        err = acme_chain_fits_time(chain, now, pool);
    }
    return err != NULL ? err->text : NULL;
}

static const char *take(mod_acme_static_t *own, const mod_acme_world_t *world,
                        const acme_domain_t *domain, const char *path, apr_pool_t *pool)
{
    acme_chain_t *chain;
    acme_err_t *err = mod_acme_pair_read_chain(&chain, path, world->pool);
    if (err != NULL) {
        return err->text;
    }
    const char *why = objection(chain, domain, acme_env_now(world->env), pool);
    if (why == NULL) {
        const acme_generation_certificate_t certificate = {
            .type = chain->key_type, .chain = chain, .ca_url = domain->ca->directory_url};
        acme_generation_fact_fill(&APR_ARRAY_PUSH(own->facts, acme_generation_fact_t), &certificate,
                                  world->pool);
    }
    return why;
}

static mod_acme_static_t *own_of(mod_acme_world_t *world, const acme_domain_t *domain)
{
    if (world->statics == NULL) {
        world->statics = apr_pcalloc(world->pool, sizeof(*world->statics) *
                                                      (apr_size_t)world->global->domains->nelts);
    }
    mod_acme_static_t **own = &world->statics[domain->index];
    if (*own == NULL) {
        *own = apr_pcalloc(world->pool, sizeof(**own));
        (*own)->seen = apr_hash_make(world->pool);
        (*own)->facts = apr_array_make(world->pool, 2, sizeof(acme_generation_fact_t));
    }
    return *own;
}

/* see mod_acme_static.h */
void mod_acme_static_note(mod_acme_world_t *world, const acme_domain_t *domain,
                          const apr_array_header_t *files)
{
    if (world->is_rehearsal) {
        return;
    }
    mod_acme_static_t *own = own_of(world, domain);
    own->is_spoilt |= files == NULL;
    apr_pool_t *pool;
    apr_pool_create(&pool, world->pool);
    for (int i = 0; files != NULL && i < files->nelts; i++) {
        const char *path = APR_ARRAY_IDX(files, i, const char *);
        if (apr_hash_get(own->seen, path, APR_HASH_KEY_STRING) != NULL) {
            continue; /* judged already */
        }
        path = apr_pstrdup(world->pool, path);
        apr_hash_set(own->seen, path, APR_HASH_KEY_STRING, path);
        const char *why = take(own, world, domain, path, pool);
        if (why != NULL) {
            own->is_spoilt = 1;
            ap_log_error(APLOG_MARK, APLOG_INFO, 0, world->server,
                         "%s: the certificate in %s is replaced as soon as there is one: %s",
                         domain->name, path, why);
        }
    }
    apr_pool_destroy(pool);
}

static const acme_generation_facts_t *facts_of(const mod_acme_static_t *own, apr_pool_t *pool)
{
    if (own == NULL || own->is_spoilt || own->facts->nelts == 0) {
        return NULL;
    }
    acme_generation_facts_t *facts = apr_pcalloc(pool, sizeof(*facts));
    facts->certificates = own->facts;
    return facts;
}

/* see mod_acme_static.h */
const acme_generation_facts_t *const *mod_acme_static_facts(const mod_acme_world_t *world,
                                                            apr_pool_t *pool)
{
    if (world->statics == NULL) {
        return NULL;
    }
    const acme_generation_facts_t **facts =
        apr_pcalloc(pool, sizeof(*facts) * (apr_size_t)world->global->domains->nelts);
    for (int i = 0; i < world->global->domains->nelts; i++) {
        facts[i] = facts_of(world->statics[i], pool);
    }
    return facts;
}
