/* Pairs: certificate and key as PEM files of one folder, as mod_ssl reads them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <apr_file_io.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#include "mod_acme_pair.h"

static apr_status_t wipe(void *data)
{
    char *text = data;
    OPENSSL_cleanse(text, strlen(text));
    return APR_SUCCESS;
}

/* see mod_acme_pair.h */
acme_err_t *mod_acme_pair_read_file(char **text, apr_size_t *len, const char *file,
                                    apr_pool_t *pool)
{
    *text = NULL;
    apr_file_t *handle = NULL;
    apr_finfo_t info;
    /* a pipe would wait for somebody who writes into it, and httpd's start with it */
    apr_status_t rv =
        apr_file_open(&handle, file, APR_FOPEN_READ | APR_FOPEN_NONBLOCK, 0, pool);
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv)) {
        return NULL;
    }
    if (rv != APR_SUCCESS) {
        return acme_err_system(pool, ACME_ERR_STORE, rv, "%s cannot be opened", file);
    }
    if (apr_file_info_get(&info, APR_FINFO_TYPE, handle) != APR_SUCCESS ||
        info.filetype != APR_REG) {
        (void)apr_file_close(handle); /* nothing was read */
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is not a file", file);
    }
    char *bytes = apr_pcalloc(pool, ACME_CHAIN_MAX_BYTES + 1);
    apr_pool_cleanup_register(pool, bytes, wipe, apr_pool_cleanup_null);
    rv = apr_file_read_full(handle, bytes, ACME_CHAIN_MAX_BYTES, len);
    (void)apr_file_close(handle); /* only read from */
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return acme_err_system(pool, ACME_ERR_STORE, rv, "%s cannot be read", file);
    }
    if (rv == APR_SUCCESS) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is larger than any certificate", file);
    }
    *text = bytes;
    return NULL;
}

/* A certificate file may hold the key as well, and text for people: only certificates are looked at. */
static const char *certificates_of(const char *text, apr_pool_t *pool)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    static const char end[] = "-----END CERTIFICATE-----";
    const char *found = "";
    const char *from;
    while ((from = strstr(text, begin)) != NULL) {
        const char *until = strstr(from, end);
        if (until == NULL) {
            break;
        }
        text = until + sizeof(end) - 1;
        found = apr_pstrcat(pool, found,
                            apr_pstrmemdup(pool, from, (apr_size_t)(text - from)), "\n", NULL);
    }
    return found;
}

/* see mod_acme_pair.h */
acme_err_t *mod_acme_pair_read_chain(acme_chain_t **chain, const char *file, apr_pool_t *pool)
{
    char *text = NULL;
    apr_size_t len;
    apr_pool_t *file_pool = NULL;
    apr_pool_create(&file_pool, pool);
    acme_err_t *err = mod_acme_pair_read_file(&text, &len, file, file_pool);
    if (err == NULL && text == NULL) {
        err = acme_err_make(file_pool, ACME_ERR_INPUT, "there is no file %s", file);
    }
    else if (err == NULL) {
        const char *pem = certificates_of(text, file_pool);
        err = acme_chain_parse(chain, pem, strlen(pem), pool);
        err = acme_err_wrap(file_pool, err, "%s", file);
    }
    err = acme_err_copy(pool, err);
    apr_pool_destroy(file_pool);
    return err;
}

/* see mod_acme_pair.h */
char *mod_acme_pair_certificate_file(const char *folder, acme_key_type_t type, apr_pool_t *pool)
{
    return apr_pstrcat(pool, folder, "/pubcert", acme_key_type_suffix(type), ".pem", NULL);
}

/* see mod_acme_pair.h */
char *mod_acme_pair_key_file(const char *folder, acme_key_type_t type, apr_pool_t *pool)
{
    return apr_pstrcat(pool, folder, "/privkey", acme_key_type_suffix(type), ".pem", NULL);
}

static acme_err_t *parse(mod_acme_pair_t *pair, const char *certificate, apr_size_t certificate_len,
                         const char *key, apr_size_t key_len, apr_pool_t *pool)
{
    acme_chain_t *chain = NULL;
    acme_key_t *parsed = NULL;
    ACME_TRY(acme_chain_parse(&chain, certificate, certificate_len, pool));
    ACME_TRY(acme_key_from_pem(&parsed, key, key_len, pool));
    ACME_TRY(acme_chain_fits_key(chain, parsed, pool));
    pair->chain = chain;
    pair->key = parsed;
    return NULL;
}

/* see mod_acme_pair.h */
acme_err_t *mod_acme_pair_read(mod_acme_pair_t **result, const char *certificate_file,
                               const char *key_file, apr_pool_t *pool)
{
    *result = NULL;
    char *certificate = NULL;
    char *key = NULL;
    apr_size_t certificate_len = 0;
    apr_size_t key_len = 0;
    apr_pool_t *file_pool = NULL;
    apr_pool_create(&file_pool, pool);
    mod_acme_pair_t *pair = apr_pcalloc(pool, sizeof(*pair));
    acme_err_t *err = mod_acme_pair_read_file(&certificate, &certificate_len, certificate_file, file_pool);
    if (err == NULL && certificate != NULL) {
        err = mod_acme_pair_read_file(&key, &key_len, key_file, file_pool);
    }
    if (err == NULL && certificate != NULL && key != NULL) {
        err = parse(pair, certificate, certificate_len, key, key_len, pool);
        pair->certificate_file = apr_pstrdup(pool, certificate_file);
        pair->key_file = apr_pstrdup(pool, key_file);
        *result = err == NULL ? pair : NULL;
    }
    err = acme_err_wrap(pool, acme_err_copy(pool, err), "%s", certificate_file);
    apr_pool_destroy(file_pool);
    return err;
}

/* see mod_acme_pair.h */
apr_array_header_t *mod_acme_pair_list(acme_err_t **err, const char *folder, apr_pool_t *pool)
{
    static const acme_key_type_t types[] = {ACME_KEY_RSA, ACME_KEY_P256, ACME_KEY_P384};
    *err = NULL;
    apr_array_header_t *pairs = apr_array_make(pool, 2, sizeof(mod_acme_pair_t *));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        mod_acme_pair_t *pair = NULL;
        acme_err_t *failed =
            mod_acme_pair_read(&pair, mod_acme_pair_certificate_file(folder, types[i], pool),
                               mod_acme_pair_key_file(folder, types[i], pool), pool);
        if (failed != NULL) {
            *err = failed;
        }
        else if (pair != NULL) {
            APR_ARRAY_PUSH(pairs, mod_acme_pair_t *) = pair;
        }
    }
    return pairs;
}
