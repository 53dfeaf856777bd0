/* Keeps the names of a configuration until the next one is read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_known.h"

#include <apr_strings.h>

#include "acme/acme_domain.h"

#define KEY "mod_acme_known"

typedef struct {
    apr_pool_t *pool; /* of the names alone, so that it can go with them */
    apr_hash_t *names;
} known_t;

static known_t *known_of(apr_pool_t *process)
{
    void *known = NULL;
    (void)apr_pool_userdata_get(&known, KEY, process); /* fails never */
    return known;
}

/* see mod_acme_known.h */
apr_hash_t *mod_acme_known_names(apr_pool_t *process)
{
    const known_t *known = known_of(process);
    return known != NULL ? known->names : NULL;
}

/* see mod_acme_known.h */
int mod_acme_known_is_new(apr_hash_t *names, const apr_array_header_t *identifiers)
{
    for (int i = 0; names != NULL && i < identifiers->nelts; i++) {
        const char *value = APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *)->value;
        if (apr_hash_get(names, value, APR_HASH_KEY_STRING) != NULL) {
            return 0;
        }
    }
    return names != NULL;
}

/* All copies: what they are made of goes with its configuration. */
static apr_hash_t *names_of(const apr_array_header_t *domains, apr_pool_t *pool)
{
    apr_hash_t *names = apr_hash_make(pool);
    for (int i = 0; i < domains->nelts; i++) {
        const acme_domain_t *domain = APR_ARRAY_IDX(domains, i, const acme_domain_t *);
        for (int k = 0; k < domain->identifiers->nelts; k++) {
            const char *value = apr_pstrdup(
                pool, APR_ARRAY_IDX(domain->identifiers, k, const acme_identifier_t *)->value);
            apr_hash_set(names, value, APR_HASH_KEY_STRING, value);
        }
    }
    return names;
}

/* see mod_acme_known.h */
void mod_acme_known_keep(const apr_array_header_t *domains, apr_pool_t *process)
{
    known_t *known = known_of(process);
    if (known == NULL) {
        known = apr_pcalloc(process, sizeof(*known));
        /* copies the key, which is part of a module that will be unloaded */
        (void)apr_pool_userdata_set(known, KEY, NULL, process);
    }
    if (known->pool != NULL) {
        apr_pool_destroy(known->pool);
    }
    apr_pool_create(&known->pool, process);
    known->names = names_of(domains, known->pool);
}
