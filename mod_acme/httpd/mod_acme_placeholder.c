/* The placeholder: one self-signed pair that keeps TLS hosts alive until their first certificate.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme/acme_certificate.h"
#include "acme/acme_key.h"
#include "acme/acme_time.h"
#include "mod_acme_pair.h"
#include "mod_acme_placeholder.h"

#define CERTIFICATE "placeholder/pubcert.p-256.pem"
#define KEY "placeholder/privkey.p-256.pem"

/* What a visitor's browser shows who looks at the certificate. */
#define NAME "placeholder.invalid"
#define LIFETIME (365 * ACME_TIME_DAY)
#define NEAR_ITS_END (30 * ACME_TIME_DAY)

/* see mod_acme_placeholder.h */
int mod_acme_placeholder_find(mod_acme_placeholder_files_t *placeholder, const char *base,
                              const acme_env_t *env, apr_pool_t *pool)
{
    placeholder->certificate_file = apr_pstrcat(pool, base, "/" CERTIFICATE, NULL);
    placeholder->key_file = apr_pstrcat(pool, base, "/" KEY, NULL);
    mod_acme_pair_t *pair = NULL;
    acme_err_t *err =
        mod_acme_pair_read(&pair, placeholder->certificate_file, placeholder->key_file, pool);
    return err == NULL && pair != NULL && pair->chain->not_after > acme_env_now(env) + NEAR_ITS_END;
}

static acme_err_t *make(char **certificate, char **key, const acme_env_t *env, apr_pool_t *pool)
{
    const acme_key_spec_t spec = {ACME_KEY_P256, 0};
    acme_key_t *made = NULL;
    ACME_TRY(acme_key_generate(&made, &spec, pool));
    ACME_TRY(
        acme_certificate_self_signed(certificate, made, NAME, acme_env_now(env), LIFETIME, pool));
    return acme_key_pem(key, made, pool);
}

/* see mod_acme_placeholder.h */
acme_err_t *mod_acme_placeholder_store(mod_acme_placeholder_files_t *placeholder,
                                       const acme_store_t *store, const char *base,
                                       apr_pool_t *pool)
{
    char *certificate = NULL;
    char *key = NULL;
    ACME_TRY(make(&certificate, &key, store->env, pool));
    ACME_TRY(acme_store_put(store, KEY, key, strlen(key), pool));
    ACME_TRY(acme_store_put(store, CERTIFICATE, certificate, strlen(certificate), pool));
    placeholder->certificate_file = apr_pstrcat(pool, base, "/" CERTIFICATE, NULL);
    placeholder->key_file = apr_pstrcat(pool, base, "/" KEY, NULL);
    return NULL;
}

/* The folder that was made for want of a store, to be removed. */
static apr_status_t remove_improvised(void *data)
{
    const mod_acme_placeholder_files_t *placeholder = data;
    char *folder = strdup(placeholder->key_file);
    if (folder != NULL) {
        *strrchr(folder, '/') = '\0';
        (void)unlink(
            placeholder->certificate_file); /* at worst a self-signed pair is left behind */
        (void)unlink(placeholder->key_file);
        (void)rmdir(folder);
        free(folder);
    }
    return APR_SUCCESS;
}

static acme_err_t *write_private(const char *file, const char *text, apr_pool_t *pool)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return acme_err_system(pool, ACME_ERR_STORE, errno, "%s cannot be made", file);
    }
    size_t len = strlen(text);
    ssize_t written = write(fd, text, len);
    int reason = errno;
    if (close(fd) != 0 || written != (ssize_t)len) {
        return acme_err_system(pool, ACME_ERR_STORE, written < 0 ? reason : ENOSPC,
                               "%s cannot be written", file);
    }
    return NULL;
}

/* see mod_acme_placeholder.h */
acme_err_t *mod_acme_placeholder_improvise(mod_acme_placeholder_files_t *placeholder,
                                           const char *dir, const acme_env_t *env, apr_pool_t *pool)
{
    char *certificate = NULL;
    char *key = NULL;
    ACME_TRY(make(&certificate, &key, env, pool));
    char *folder = apr_pstrcat(pool, dir, "/acme-placeholder-XXXXXX", NULL);
    if (mkdtemp(folder) == NULL) {
        return acme_err_system(pool, ACME_ERR_STORE, errno, "No folder can be made below %s", dir);
    }
    placeholder->certificate_file = apr_pstrcat(pool, folder, "/pubcert.pem", NULL);
    placeholder->key_file = apr_pstrcat(pool, folder, "/privkey.pem", NULL);
    mod_acme_placeholder_files_t *kept = apr_pmemdup(pool, placeholder, sizeof(*placeholder));
    apr_pool_cleanup_register(pool, kept, remove_improvised, apr_pool_cleanup_null);
    ACME_TRY(write_private(placeholder->key_file, key, pool));
    return write_private(placeholder->certificate_file, certificate, pool);
}
