/* The thumbprints of our account keys, for answers without a record (ACMEHttp01Stateless).
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each CA has a chain of what was read, the newest first; what is in it never changes and is freed
 * with the cache only, so that a thread may use a thumbprint while another one adds to the chain.
 * Chains stay short: one link for each time the engine has spoken of an account key.
 */
#include "acme/acme_thumbprint_cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_key_file.h"
#include "acme/acme_time.h"

/* How long "there is none" is believed. */
#define PATIENCE ACME_TIME_SECOND

typedef struct known_t known_t;
struct known_t {
    known_t *older;
    int accounts;   /* what the bell said before it was read */
    char value[64]; /* "": there is no account */
};

typedef struct {
    const acme_ca_t *ca;
    _Atomic(known_t *) newest;      /* NULL: nothing was read yet */
    _Atomic apr_int64_t not_before; /* where there is no account: when to look again */
} slot_t;

struct acme_thumbprint_cache_t {
    const acme_store_t *store;
    const acme_bell_t *bell;
    slot_t *slots;
    int count;
};

static apr_status_t free_chains(void *data)
{
    acme_thumbprint_cache_t *cache = data;
    for (int i = 0; i < cache->count; i++) {
        known_t *known = atomic_load(&cache->slots[i].newest);
        while (known != NULL) {
            known_t *older = known->older;
            free(known);
            known = older;
        }
    }
    return APR_SUCCESS;
}

/* ---- reading */

static acme_err_t *read_thumbprint(char **thumbprint, const acme_thumbprint_cache_t *cache,
                                   const acme_ca_t *ca, apr_pool_t *pool)
{
    acme_key_t *key;
    *thumbprint = "";
    if (ca->account_key != NULL) { /* ours, if there is one, is not in use then */
        *thumbprint = ca->account_key->thumbprint != NULL
                          ? apr_pstrdup(pool, ca->account_key->thumbprint)
                          : *thumbprint;
        return NULL;
    }
    ACME_TRY(acme_key_file_read(&key, cache->store,
                                acme_store_path(pool, "accounts", ca->folder, "privkey"), pool));
    return key != NULL ? acme_key_thumbprint(thumbprint, key, pool) : NULL;
}

/* What cannot be read counts as absent; that is said once for each time the bell rang. */
static void read_into(known_t *known, const acme_thumbprint_cache_t *cache, const slot_t *slot)
{
    const acme_ca_t *ca = slot->ca;
    const known_t *newest = atomic_load(&slot->newest);
    apr_pool_t *pool;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return;
    }
    char *thumbprint;
    acme_err_t *err = read_thumbprint(&thumbprint, cache, ca, pool);
    if (err != NULL && (newest == NULL || newest->accounts < known->accounts)) {
        acme_env_log(cache->store->env, ACME_LOG_WARNING,
                     "%s: http-01 is not answered without a record, since the account key cannot "
                     "be read: %s",
                     ca->name, err->text);
    }
    if (err == NULL && strlen(thumbprint) < sizeof(known->value)) {
        apr_cpystrn(known->value, thumbprint, sizeof(known->value));
    }
    apr_pool_destroy(pool);
}

/* Threads may read beside each other; the one that asked the bell last wins. */
static const known_t *install(slot_t *slot, known_t *known)
{
    known_t *newest = atomic_load(&slot->newest);
    do {
        if (newest != NULL &&
            (newest->accounts > known->accounts ||
             (newest->accounts == known->accounts && strcmp(newest->value, known->value) == 0))) {
            free(known);
            return newest;
        }
        known->older = newest;
    } while (!atomic_compare_exchange_weak(&slot->newest, &newest, known));
    return known;
}

static const known_t *look_again(acme_thumbprint_cache_t *cache, slot_t *slot, int accounts)
{
    known_t *known = calloc(1, sizeof(*known));
    if (known == NULL) {
        abort(); /* as APR does when memory is out */
    }
    known->accounts = accounts;
    atomic_store(&slot->not_before, acme_env_monotonic(cache->store->env) + PATIENCE);
    read_into(known, cache, slot);
    return install(slot, known);
}

/* ---- asking */

/* Only one thread in each PATIENCE is let through. */
static int may_look_again(const acme_thumbprint_cache_t *cache, slot_t *slot)
{
    apr_int64_t now = acme_env_monotonic(cache->store->env);
    apr_int64_t not_before = atomic_load(&slot->not_before);
    return now >= not_before &&
           atomic_compare_exchange_strong(&slot->not_before, &not_before, now + PATIENCE);
}

static const char *find(acme_thumbprint_cache_t *cache, slot_t *slot)
{
    int accounts = atomic_load(&cache->bell->accounts);
    const known_t *known = atomic_load(&slot->newest);
    if (known == NULL || known->accounts < accounts ||
        (known->value[0] == '\0' && may_look_again(cache, slot))) {
        known = look_again(cache, slot, accounts);
    }
    return known->value[0] != '\0' ? known->value : NULL;
}

/* see acme_thumbprint_cache.h */
const char *acme_thumbprint_cache_find(acme_thumbprint_cache_t *cache, const acme_ca_t *ca)
{
    for (int i = 0; i < cache->count; i++) { /* there are two or three */
        if (cache->slots[i].ca == ca) {
            return find(cache, &cache->slots[i]);
        }
    }
    return NULL;
}

/* see acme_thumbprint_cache.h */
acme_thumbprint_cache_t *acme_thumbprint_cache_create(const acme_store_t *store,
                                                      const acme_bell_t *bell,
                                                      const apr_array_header_t *cas,
                                                      apr_pool_t *pool)
{
    acme_thumbprint_cache_t *cache = apr_pcalloc(pool, sizeof(*cache));
    cache->store = store;
    cache->bell = bell;
    cache->count = cas->nelts;
    cache->slots = apr_pcalloc(pool, sizeof(slot_t) * (apr_size_t)(cas->nelts + 1));
    apr_pool_cleanup_register(pool, cache, free_chains, apr_pool_cleanup_null);
    for (int i = 0; i < cas->nelts; i++) {
        cache->slots[i].ca = APR_ARRAY_IDX(cas, i, const acme_ca_t *);
        (void)find(cache, &cache->slots[i]); /* read while nobody waits for it */
    }
    return cache;
}
