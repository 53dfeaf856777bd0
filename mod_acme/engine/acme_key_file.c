/* Private keys in the store, see acme_key_file.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The value is the type's name, a line feed, and the traditional DER: decoding costs a tenth of what
 * an encrypted PEM does, and the seal around it already binds and hides it.
 */
#include "acme/acme_key_file.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

acme_err_t *acme_key_file_read(acme_key_t **key, const acme_store_t *store, const char *path,
                               apr_pool_t *pool)
{
    *key = NULL;
    char *value;
    apr_size_t len;
    ACME_TRY(acme_store_get(&value, &len, store, path, pool));
    if (value == NULL) {
        return NULL;
    }
    const char *end = memchr(value, '\n', len);
    acme_key_type_t type;
    if (end == NULL ||
        acme_key_type_parse(&type, apr_pstrmemdup(pool, value, (apr_size_t)(end - value))) != 0) {
        return acme_err_make(pool, ACME_ERR_STORE,
                             "the key in %s is not one this version of mod_acme knows", path);
    }
    apr_size_t der_len = len - (apr_size_t)(end + 1 - value);
    acme_err_t *err =
        acme_key_from_der(key, type, (const unsigned char *)end + 1, der_len, pool);
    OPENSSL_cleanse(value, len);
    return acme_err_wrap(pool, err, "while reading the key in %s", path);
}

acme_err_t *acme_key_file_write(const acme_store_t *store, const char *path, const acme_key_t *key,
                                apr_pool_t *scratch_pool)
{
    unsigned char *der;
    apr_size_t der_len;
    ACME_TRY(acme_key_der(&der, &der_len, key, scratch_pool));
    acme_key_spec_t spec;
    acme_key_spec(&spec, key);
    const char *name = acme_key_type_name(spec.type);
    apr_size_t name_len = strlen(name);
    apr_size_t len = name_len + 1 + der_len;
    char *value = apr_palloc(scratch_pool, len);
    memcpy(value, name, name_len);
    value[name_len] = '\n';
    memcpy(value + name_len + 1, der, der_len);
    acme_err_t *err = acme_store_put(store, path, value, len, scratch_pool);
    OPENSSL_cleanse(value, len);
    return err;
}
