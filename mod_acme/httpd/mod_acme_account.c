/* Reads the words and files of the directives about accounts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_account.h"

#include <string.h>

#include <apr_strings.h>

#include "mod_acme_secret_file.h"
#include "mod_acme_words.h"

#define ALG "alg="

static const char *word_at(const apr_array_header_t *words, int i)
{
    return APR_ARRAY_IDX(words, i, const char *);
}

/* ---- ACMEExternalAccountBinding */

/* The number of words before alg=. */
static acme_err_t *parse_alg(int *count, mod_acme_account_binding_t *binding,
                             acme_jws_mac_alg_t *alg, const apr_array_header_t *words,
                             apr_pool_t *pool)
{
    const char *last = word_at(words, words->nelts - 1);
    *count = words->nelts;
    if (strncmp(last, ALG, strlen(ALG)) != 0) {
        return NULL;
    }
    binding->alg = last + strlen(ALG);
    --*count;
    return acme_jws_mac_parse(alg, binding->alg) == 0
               ? NULL
               : acme_err_make(pool, ACME_ERR_INPUT, ALG " is followed by HS256, HS384 or HS512");
}

/* see mod_acme_account.h */
acme_err_t *mod_acme_account_parse_binding(mod_acme_account_binding_t *binding,
                                           const apr_array_header_t *words, apr_pool_t *pool)
{
    int count;
    acme_jws_mac_alg_t alg = ACME_JWS_HS256;
    *binding = (mod_acme_account_binding_t){.eab = apr_pcalloc(pool, sizeof(acme_eab_t))};
    ACME_TRY(parse_alg(&count, binding, &alg, words, pool));
    if (count == 2) {
        return acme_eab_make(&binding->eab, word_at(words, 0), word_at(words, 1), alg, pool);
    }
    if (count == 1) {
        int is_none = mod_acme_words_is_none(word_at(words, 0)) && binding->alg == NULL;
        binding->file = is_none ? NULL : word_at(words, 0);
        return NULL;
    }
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "write the key id and the HMAC key that the CA gave you, or a file with "
                         "both, and " ALG "HS256, HS384 or HS512 after it if the CA says so; or "
                         "none");
}

/* see mod_acme_account.h */
const char *mod_acme_account_read_binding(mod_acme_account_binding_t *binding, const char *path,
                                          apr_pool_t *pool)
{
    mod_acme_secret_file_t secret;
    acme_err_t *err = mod_acme_secret_file_read(&secret, path, pool);
    if (err == NULL) {
        err = acme_eab_parse(&binding->eab, secret.text, secret.len, pool);
        err = acme_err_wrap(pool, err, "in %s", path);
    }
    mod_acme_secret_file_wipe(&secret);
    if (err != NULL) {
        binding->eab->trouble = err->text;
        return apr_pstrcat(pool, err->text, ", so no account can be made with it", NULL);
    }
    if (binding->alg != NULL) {
        (void)acme_jws_mac_parse(&binding->eab->alg, binding->alg); /* judged when it was read */
    }
    return secret.warning;
}

/* ---- ACMEAccountKeyFile */

/* see mod_acme_account.h */
const char *mod_acme_account_read_key(acme_account_key_t **key, const char *path, apr_pool_t *pool)
{
    mod_acme_secret_file_t secret;
    acme_key_t *read = NULL;
    acme_account_key_t *made = apr_pcalloc(pool, sizeof(*made));
    *key = made;
    made->file = path;
    acme_err_t *err = mod_acme_secret_file_read(&secret, path, pool);
    if (err == NULL) {
        err = acme_key_from_pem(&read, secret.text, secret.len, pool);
        err = acme_err_wrap(pool, err,
                            "%s has no account key (PEM without pass phrase: P-256, P-384 or RSA)",
                            path);
    }
    mod_acme_secret_file_wipe(&secret);
    char *thumbprint = NULL;
    if (err == NULL) {
        err = acme_key_thumbprint(&thumbprint, read, pool);
    }
    if (err != NULL) {
        made->trouble = err->text;
        return apr_pstrcat(pool, err->text, ", so nothing is asked of the CA", NULL);
    }
    made->key = read;
    made->thumbprint = thumbprint;
    return secret.warning;
}
