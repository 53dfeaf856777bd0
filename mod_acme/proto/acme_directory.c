/* The directory read, and what is offered in its place recognised.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_directory.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define MAX_ENTRIES 100
#define MAX_WORD 253
#define MAX_URL 2000

/* A resource that nothing works without. */
static acme_err_t *read_resource(const char **resource, const json_t *object, const char *name,
                                 const char *url, apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "%s is no ACME directory, it has no %s: check the URL of the CA", url,
                             name);
    }
    *resource = acme_json_url(object, name, pool);
    if (*resource == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the directory %s names for %s \"%s\", which is no https URL that can "
                             "be asked: this CA cannot be used",
                             url, name, acme_text_clean(text, 200, pool));
    }
    return NULL;
}

static acme_err_t *read_resources(acme_directory_t *directory, const json_t *object,
                                  const char *url, apr_pool_t *pool)
{
    if (json_object_get(object, "newNonce") == NULL &&
        (json_object_get(object, "new-reg") != NULL || json_object_get(object, "new-cert"))) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "%s is a directory of ACMEv1, which no longer works: configure the "
                             "ACMEv2 (RFC 8555) URL of the CA",
                             url);
    }
    ACME_TRY(read_resource(&directory->new_nonce, object, "newNonce", url, pool));
    ACME_TRY(read_resource(&directory->new_account, object, "newAccount", url, pool));
    ACME_TRY(read_resource(&directory->new_order, object, "newOrder", url, pool));
    directory->new_authz = acme_json_url(object, "newAuthz", pool);
    directory->revoke_cert = acme_json_url(object, "revokeCert", pool);
    directory->key_change = acme_json_url(object, "keyChange", pool);
    directory->renewal_info = acme_json_url(object, "renewalInfo", pool);
    return NULL;
}

/* A URL for people, of any scheme; it is shown, never asked. Clean text even where it is no URL, so
 * that terms which must be agreed to are never taken for none. */
static const char *shown_url(const json_t *object, const char *name, apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && text[0] != '\0' ? acme_text_clean(text, MAX_URL, pool) : NULL;
}

/* Nonzero for a word that can be shown and sent as it is. */
static int is_plain_word(const char *word)
{
    size_t len = strlen(word);
    for (const char *c = word; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return 0;
        }
    }
    return len > 0 && len <= MAX_WORD;
}

static apr_array_header_t *plain_words(const apr_array_header_t *words, apr_pool_t *pool)
{
    apr_array_header_t *plain = apr_array_make(pool, words->nelts, sizeof(const char *));
    for (int i = 0; i < words->nelts; i++) {
        const char *word = APR_ARRAY_IDX(words, i, const char *);
        if (is_plain_word(word)) {
            APR_ARRAY_PUSH(plain, const char *) = word;
        }
    }
    return plain;
}

/* meta.profiles is an object from name to description. */
static apr_array_header_t *profile_names(const json_t *meta, apr_pool_t *pool)
{
    json_t *profiles = json_object_get(meta, "profiles");
    apr_array_header_t *names = apr_array_make(pool, 4, sizeof(const char *));
    const char *name;
    json_t *description;
    json_object_foreach(profiles, name, description)
    {
        if (names->nelts < MAX_ENTRIES && is_plain_word(name)) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, name);
        }
    }
    return names;
}

/* A word that can stand in a record as it is, or NULL. */
static const char *plain_word(const json_t *object, const char *name, apr_pool_t *pool)
{
    const char *word = acme_json_string(object, name, pool);
    return word != NULL && is_plain_word(word) && strchr(word, ';') == NULL ? word : NULL;
}

/* see acme_directory.h */
acme_err_t *acme_directory_parse(acme_directory_t **directory, const char *body, apr_size_t len,
                                 const char *url, apr_pool_t *pool)
{
    json_t *object;
    acme_err_t *err = acme_json_parse(&object, body, len, "the answer", pool);
    if (err != NULL) {
        return acme_err_wrap(pool, err, "%s is no ACME directory, check the URL of the CA", url);
    }
    acme_directory_t *read = apr_pcalloc(pool, sizeof(*read));
    ACME_TRY(read_resources(read, object, url, pool));
    const json_t *meta = json_object_get(object, "meta");
    read->terms_of_service = shown_url(meta, "termsOfService", pool);
    read->website = shown_url(meta, "website", pool);
    read->caa_identities =
        plain_words(acme_json_strings(meta, "caaIdentities", MAX_ENTRIES, pool), pool);
    read->profiles = profile_names(meta, pool);
    read->issuer_domain_names =
        plain_words(acme_json_strings(meta, "issuerDomainNames", MAX_ENTRIES, pool), pool);
    read->account_hash_prefix = plain_word(meta, "accountHashPrefix", pool);
    read->external_account_required = acme_json_bool(meta, "externalAccountRequired", 0);
    *directory = read;
    return NULL;
}
