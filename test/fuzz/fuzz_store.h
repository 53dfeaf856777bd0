/* A store of one value for fuzz targets: the input becomes what lies behind a seal that opens.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What can lie there is what another version of mod_acme wrote, or a damaged secret let through.
 */
#ifndef FUZZ_STORE_H
#define FUZZ_STORE_H

#include <string.h>

#include "fuzz.h"

#include "acme/acme_store.h"

typedef struct {
    acme_store_t store;
    acme_store_provider_t provider;
    acme_env_t env;
    apr_pool_t *pool;
    char *bytes; /* sealed; one value for all paths, of which the seal lets one be read */
    apr_size_t len;
} fuzz_store_t;

static inline acme_err_t *fuzz_store_get(char **bytes, apr_size_t *len, void *baton,
                                         const char *path, apr_pool_t *pool)
{
    const fuzz_store_t *disk = baton;
    (void)path;
    *bytes = disk->bytes != NULL ? apr_pmemdup(pool, disk->bytes, disk->len + 1) : NULL;
    *len = disk->len;
    return NULL;
}

static inline acme_err_t *fuzz_store_write(void *baton, const char *path, const char *bytes,
                                           apr_size_t len, int is_synced, apr_pool_t *pool)
{
    (void)is_synced;
    fuzz_store_t *disk = baton;
    (void)path;
    (void)pool;
    disk->bytes = apr_pstrmemdup(disk->pool, bytes, len);
    disk->len = len;
    return NULL;
}

static inline acme_err_t *fuzz_store_set_aside(void *baton, const char *path, apr_pool_t *pool)
{
    (void)path;
    (void)pool;
    ((fuzz_store_t *)baton)->bytes = NULL;
    return NULL;
}

static inline acme_err_t *fuzz_store_random(void *baton, unsigned char *bytes, apr_size_t len,
                                            apr_pool_t *pool)
{
    (void)baton;
    (void)pool;
    memset(bytes, 7, len);
    return NULL;
}

static inline apr_time_t fuzz_store_now(void *baton)
{
    (void)baton;
    return (apr_time_t)1767323045 * APR_USEC_PER_SEC;
}

static inline void fuzz_store_log(void *baton, acme_log_level_t level, const char *line)
{
    (void)baton;
    (void)level;
    FUZZ_CHECK(strchr(line, '\n') == NULL);
}

/** A store in @a pool that gives @a data for @a path. */
static inline fuzz_store_t *fuzz_store_create(const char *path, const uint8_t *data, size_t size,
                                              apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = "the secret of fuzz targets";
    fuzz_store_t *disk = apr_pcalloc(pool, sizeof(*disk));
    disk->pool = pool;
    disk->env =
        (acme_env_t){disk, fuzz_store_now, fuzz_store_now, fuzz_store_random, fuzz_store_log};
    disk->provider.get = fuzz_store_get;
    disk->provider.put = fuzz_store_write;
    disk->provider.set_aside = fuzz_store_set_aside;
    disk->store = (acme_store_t){&disk->provider, disk, acme_seal_create(secret, pool), &disk->env};
    (void)acme_store_put(&disk->store, path, (const char *)data, size, pool); /* may be refused */
    return disk;
}

#endif
